"""What an answer of Slack means for a delivery. HTTP 200 with `ok: false` is the usual refusal."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from functools import partial

from adapters.channels.shared.http import UNNAMED_WAIT, HttpReply, error_of_status, short_text
from adapters.channels.slack import codes
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
        detail = short_text(_detail(answer), self._secrets())
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
        if reply.status == 429 or code in codes.THROTTLED:
            wait = reply.retry_after
            wait = UNNAMED_WAIT if wait is None else max(wait, _SHORTEST_WAIT)
            return Throttled("Slack asked to wait", retry_after=wait)
        if not code:
            return _foreign(reply)
        text = "; ".join(filter(None, (f"Slack answered {code}", detail, _HINTS.get(code))))
        for known, error in _TABLE:
            if code in known:
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


_refused = partial(Permanent, reason=FailureReason.RECIPIENT_REFUSED)
_TABLE: tuple[tuple[frozenset[str], Callable[[str], DeliveryError]], ...] = (
    (codes.OUR_TOKEN, partial(Unavailable, is_login=True)),
    (codes.OUR_ACCOUNT, Unavailable),
    (codes.RECIPIENT, _refused),
    (codes.RECIPIENT_OR_US, partial(_refused, provider_fault=True)),
    (codes.CONTENT, partial(Permanent, reason=FailureReason.CONTENT_REFUSED)),
    (codes.DOUBTFUL, InDoubt),
    (codes.PASSING, partial(Transient, provider_fault=True)),
)
