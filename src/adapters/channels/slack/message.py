"""What Slack is asked to post: rendered parts and the producer's wishes as one call's arguments.

https://docs.slack.dev/reference/methods/chat.postMessage
"""

import re
from collections.abc import Iterator, Mapping
from typing import Never

from adapters.channels.slack.blocks import block_faults
from adapters.channels.slack.parts import arguments_of
from adapters.html import escaped
from domain.content import Content
from domain.errors import FailureReason, Permanent
from domain.notification import JsonValue, Notification

LONGEST_TEXT = 40_000
"""Characters; what is longer Slack would cut (the method's page, "Truncating content")."""

_THREAD = re.compile(r"\d{1,20}\.\d{1,10}")
_MOST_TOLD = 5

# Where it goes and with whose token is ours to say. `parse` and `link_names` would make mentions
# and links of plain words.
_KINDS: Mapping[str, type] = {
    "attachments": list,
    "blocks": list,
    "icon_emoji": str,
    "icon_url": str,
    "metadata": dict,
    "mrkdwn": bool,
    "reply_broadcast": bool,
    "text": str,
    "thread_ts": str,
    "unfurl_links": bool,
    "unfurl_media": bool,
    "username": str,
}
_NAMES = {list: "a list", dict: "an object", str: "a text", bool: "true or false"}


def message_of(notification: Notification, content: Content) -> dict[str, JsonValue]:
    """The arguments of one call, without channel and token.

    Raises Permanent with reason CONTENT_REFUSED, naming every field that Slack could not take.
    """
    message: dict[str, JsonValue] = {}
    try:
        if "slack.json" in content.parts:
            message = arguments_of(content.parts["slack.json"])
    except ValueError as error:
        _refuse([str(error)])
    message |= _wishes(notification.metadata)
    if "text" not in message:
        message |= _text_for(content)
    faults = list(_faults(message))
    if notification.attachments:
        faults.append("attachments: a message to Slack carries no files")
    if faults:
        _refuse(faults)
    return message


def _wishes(metadata: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What `metadata.slack` of the message asks for."""
    own = metadata.get("slack", {})
    if not isinstance(own, Mapping):
        _refuse(["metadata.slack: must be an object"])
    found = ((name, _wish_fault(name, value)) for name, value in own.items())
    if faults := [f"metadata.slack.{name}: {fault}" for name, fault in found if fault]:
        _refuse(faults)
    wishes = {name: own[name] for name in own if name != "unfurl"}
    if "unfurl" in own:
        wishes |= {"unfurl_links": own["unfurl"], "unfurl_media": own["unfurl"]}
    return wishes


def _wish_fault(name: str, value: JsonValue) -> str | None:
    match name:
        case "thread_ts":
            return _thread_fault(value)
        case "unfurl":
            return None if isinstance(value, bool) else "must be true or false"
        case _:
            return "is not known: there are thread_ts and unfurl"


def _text_for(content: Content) -> dict[str, JsonValue]:
    """The body; with blocks, the text that notifications and screen readers show in their place."""
    if "slack" in content.parts:
        return {"text": content.parts["slack"].strip()}
    plain = content.parts.get("text") or content.subject or ""
    return {"text": escaped(plain.strip())} if plain.strip() else {}


def _faults(message: Mapping[str, JsonValue]) -> Iterator[str]:
    for name, value in message.items():
        kind = _KINDS.get(name)
        if kind is None:
            yield f"slack.json: {name} is not a template's to say"
        elif not isinstance(value, kind):
            yield f"slack.json: {name} must be {_NAMES[kind]}"
    text = message.get("text")
    blocks = message.get("blocks")
    if isinstance(blocks, list):
        yield from block_faults(blocks)
    if isinstance(text, str) and len(text) > LONGEST_TEXT:
        yield f"text: {len(text)} characters, and Slack takes at most {LONGEST_TEXT}"
    if not text and not blocks and not message.get("attachments"):
        yield "text: there is nothing to say"
    if isinstance(message.get("thread_ts"), str) and (fault := _thread_fault(message["thread_ts"])):
        yield f"thread_ts: {fault}"


def _thread_fault(value: JsonValue) -> str | None:
    if isinstance(value, str) and _THREAD.fullmatch(value):
        return None
    return "must be a message's ts as a text, such as 1503435956.000247"


def _refuse(faults: list[str]) -> Never:
    told = "; ".join(faults[:_MOST_TOLD])
    more = f"; and {len(faults) - _MOST_TOLD} more" if len(faults) > _MOST_TOLD else ""
    raise Permanent(
        f"Slack could not take this message: {told}{more}", reason=FailureReason.CONTENT_REFUSED
    ) from None
