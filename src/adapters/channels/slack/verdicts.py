"""What an answer of Slack means for a delivery. HTTP 200 with `ok: false` is the usual refusal.

The words with which it refuses are those of methods:
https://docs.slack.dev/reference/methods/chat.postMessage#errors and
https://docs.slack.dev/reference/methods/users.lookupByEmail#errors; and those of webhooks:
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from functools import partial

from adapters.channels.shared.http import UNNAMED_WAIT, HttpReply, error_of_status
from adapters.texts import short_text
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.events import UnknownCodeReceived
from domain.ports import EventSink

_CODE = re.compile(r"[a-z][a-z0-9_]{2,63}")
_NO_CODE = "no_code"
_SHORTEST_WAIT = timedelta(seconds=1)
_THROTTLED = frozenset({"ratelimited", "rate_limited"})

_refused = partial(Permanent, reason=FailureReason.RECIPIENT_REFUSED)
_TABLE: tuple[tuple[Callable[[str], DeliveryError], str], ...] = (
    (  # another token, or another webhook, is the cure
        partial(Unavailable, is_login=True),
        """
        account_inactive invalid_auth invalid_token no_active_hooks no_service no_service_id no_team
        not_allowed_token_type not_authed token_expired token_revoked
        """,
    ),
    (  # of our account
        Unavailable,
        """
        accesslimited deprecated_endpoint enterprise_is_restricted method_deprecated missing_scope
        org_login_required team_access_not_granted team_added_to_org team_disabled
        two_factor_setup_required unknown_method
        """,
    ),
    (
        _refused,
        """
        cannot_dm_bot channel_is_archived channel_not_found is_archived not_in_channel
        restricted_action_non_threadable_channel restricted_action_read_only_channel
        restricted_action_thread_locked restricted_action_thread_only_channel team_not_found
        user_disabled user_not_found user_not_visible users_not_found
        """,
    ),
    (  # refusals of this channel that may as well be of every channel
        partial(_refused, provider_fault=True),
        """
        access_denied action_prohibited ekm_access_denied messages_tab_disabled no_permission
        posting_to_general_channel_denied restricted_action
        """,
    ),
    (
        partial(Permanent, reason=FailureReason.CONTENT_REFUSED),
        """
        as_user_not_supported attachment_payload_limit_exceeded cannot_reply_to_message
        invalid_arg_name invalid_arguments invalid_array_arg invalid_attachments invalid_blocks
        invalid_blocks_format invalid_charset invalid_form_data invalid_json invalid_metadata_format
        invalid_metadata_schema invalid_payload invalid_post_type json_not_object
        markdown_text_conflict metadata_must_be_sent_from_app metadata_too_large missing_file_data
        missing_post_type missing_text_or_fallback_or_attachments msg_blocks_too_long msg_too_long
        no_text slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked
        slack_connect_lists_sharing_blocked thread_not_found too_many_attachments
        too_many_contact_cards
        """,
    ),
    # "It's possible some aspect of the operation succeeded before the error was raised."
    (InDoubt, "internal_error fatal_error"),
    (
        partial(Transient, provider_fault=True),
        "message_limit_exceeded request_timeout rollup_error service_unavailable",
    ),
)
_ERRORS = {code: error for error, codes in _TABLE for code in codes.split()}

_CHECK_IT = "check DISPATCHER_SLACK_TOKEN"
_HINTS = {
    **dict.fromkeys(("account_inactive", "invalid_auth", "not_authed"), _CHECK_IT),
    **dict.fromkeys(("token_expired", "token_revoked"), _CHECK_IT),
    "missing_scope": "grant the app this scope and install it again",
    "not_in_channel": "invite the app to the channel, or grant it chat:write.public",
    "no_service": "the webhook in DISPATCHER_SLACK_WEBHOOK_URL was removed or disabled",
}


class Verdicts:
    """From a reply to an error, or to None where Slack has accepted.

    `events` gets each code that is in no table; `secrets` are the texts that no error
    may hold, as they are now.
    """

    def __init__(self, events: EventSink, secrets: Callable[[], Collection[str]]) -> None:
        self._events = events
        self._secrets = secrets

    def of_method(self, reply: HttpReply) -> DeliveryError | None:
        """A method of the Web API: `ok` says it, whatever the status."""
        answer = reply.json()
        if answer.get("ok") is True and 200 <= reply.status < 300:
            return None
        detail = short_text(_detail(answer), secrets=self._secrets())
        return self._of(reply, _code(answer), detail)

    def of_webhook(self, reply: HttpReply) -> DeliveryError | None:
        """An incoming webhook: the status says it, and a plain word why."""
        answer = reply.json()
        if reply.is_page and reply.status < 300:
            return error_of_status(reply, "a web page answers in place of Slack's webhook")
        if 200 <= reply.status < 300 and answer.get("ok") is not False:
            return None
        word = reply.body[:100].decode("utf-8", "replace").strip()
        error = self._of(reply, _code(answer or {"error": word}), "")
        if isinstance(error, Permanent) and error.reason is FailureReason.RECIPIENT_REFUSED:
            # Where a webhook posts to is not the message's choice: each next one meets the same.
            return Permanent(str(error), reason=error.reason, provider_fault=True)
        return error

    def _of(self, reply: HttpReply, code: str, detail: str) -> DeliveryError:
        if reply.status == 429 or code in _THROTTLED:
            wait = reply.retry_after
            wait = UNNAMED_WAIT if wait is None else max(wait, _SHORTEST_WAIT)
            return Throttled("Slack asked to wait", retry_after=wait)
        if not code:
            return _foreign(reply)
        text = "; ".join(filter(None, (f"Slack answered {code}", detail, _HINTS.get(code))))
        if error := _ERRORS.get(code):
            return error(text)
        self._events.emit(UnknownCodeReceived("slack", code))
        return Transient(f"{text}, which is unknown", provider_fault=reply.status >= 500)


def _code(answer: Mapping[str, object]) -> str:
    """Slack's code for what happened; empty where the answer has no valid one."""
    word = answer.get("error")
    if isinstance(word, str) and _CODE.fullmatch(word):
        return word
    return _NO_CODE if answer.get("ok") is False else ""


def _detail(answer: Mapping[str, object]) -> str:
    """What Slack adds: the scope that is missing, what is wrong with which block."""
    words = [f"needed: {answer['needed']}"] if isinstance(answer.get("needed"), str) else []
    metadata = answer.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, Mapping) else None
    if isinstance(messages, list):
        words += [one for one in messages if isinstance(one, str)]
    return "; ".join(words)


def _foreign(reply: HttpReply) -> DeliveryError:
    """A reply that is not in Slack's own words. What a page in place of an answer means for the
    message is not known."""
    text = f"HTTP {reply.status} came without a word of Slack's"
    if 200 <= reply.status < 300:
        return InDoubt(f"{text}; the message may have arrived or not")
    return error_of_status(reply, text)
