"""Make the arguments of one call to Slack of the rendered parts and the producer's options, and
refuse what Slack's documentation says that it refuses.

https://docs.slack.dev/reference/methods/chat.postMessage and, for the limits of blocks,
https://docs.slack.dev/reference/block-kit/blocks and the pages of each block.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Never, TypeGuard

from adapters.channels.slack.parts import MOST_BLOCKS, arguments_of
from adapters.html import escaped
from domain.content import Content
from domain.errors import FailureReason, Permanent
from domain.notification import JsonValue, Notification

LONGEST_TEXT = 40_000
"""Characters; what is longer Slack would cut (the method's page, "Truncating content")."""

_THREAD = re.compile(r"\d{1,20}\.\d{1,10}")
_MOST_SHOWN = 5

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

_LONGEST_ID = 255

_Block = Mapping[str, JsonValue]

_LONGEST_FIELD = 2000
_LONGEST_IN = {"section": 3000, "header": 150}
_LONGEST_ALT_TEXT = 2000
_LONGEST_MARKDOWN = 12_000
_MOST_ITEMS = {
    ("section", "fields"): 10,
    ("context", "elements"): 10,
    ("actions", "elements"): 25,
}


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
        yield from _block_faults(blocks)
    if isinstance(text, str) and len(text) > LONGEST_TEXT:
        yield f"text: {len(text)} characters, and Slack takes at most {LONGEST_TEXT}"
    if not text and not blocks and not message.get("attachments"):
        yield "text: there is nothing to say"
    if isinstance(message.get("thread_ts"), str) and (fault := _thread_fault(message["thread_ts"])):
        yield f"thread_ts: {fault}"


def _block_faults(blocks: JsonValue) -> Iterator[str]:
    """One line for each fault, naming the place: `blocks[2].text: …`."""
    if not _is_list(blocks):
        yield "blocks: must be a list"
        return
    if len(blocks) > MOST_BLOCKS:
        yield f"blocks: {len(blocks)} of them, and Slack takes at most {MOST_BLOCKS}"
        return
    markdown = 0
    for number, block in enumerate(blocks):
        place = f"blocks[{number}]"
        kind = block.get("type") if isinstance(block, Mapping) else None
        if not isinstance(block, Mapping):
            yield f"{place}: must be an object"
        elif not isinstance(kind, str) or not kind:
            yield f"{place}.type: must be a text"
        else:
            yield from _block(place, kind, block)
            markdown += len(_text(block.get("text"))) if kind == "markdown" else 0
    if markdown > _LONGEST_MARKDOWN:
        # https://docs.slack.dev/reference/block-kit/blocks/markdown-block: for all of them
        yield f"blocks: {_too_long(markdown, _LONGEST_MARKDOWN)} of markdown"


def _block(place: str, kind: str, block: _Block) -> Iterator[str]:
    yield from _length(f"{place}.block_id", block.get("block_id"), _LONGEST_ID)
    for (of, name), most in _MOST_ITEMS.items():
        items = block.get(name)
        if of == kind and items is not None:
            yield from _items(f"{place}.{name}", items, most)
    if kind == "section" and "text" not in block and "fields" not in block:
        yield f"{place}: a section needs text or fields"
    if kind == "header" or (kind == "section" and "text" in block):
        yield from _text_object(f"{place}.text", block.get("text"), _LONGEST_IN[kind])
    fields = block.get("fields") if kind == "section" else None
    for number, field in enumerate(fields if _is_list(fields) else ()):
        yield from _text_object(f"{place}.fields[{number}]", field, _LONGEST_FIELD)
    if kind == "image":
        yield from _length(f"{place}.alt_text", block.get("alt_text"), _LONGEST_ALT_TEXT)


def _text_object(place: str, value: JsonValue, longest: int) -> Iterator[str]:
    if not isinstance(value, Mapping) or not isinstance(value.get("text"), str):
        yield f"{place}: must be an object with a text"
    elif not value["text"]:
        yield f"{place}.text: must not be empty"
    else:
        yield from _length(f"{place}.text", value["text"], longest)


def _items(place: str, value: JsonValue, most: int) -> Iterator[str]:
    if not _is_list(value):
        yield f"{place}: must be a list"
    elif len(value) > most:
        yield f"{place}: {len(value)} of them, and Slack takes at most {most}"


def _length(place: str, value: JsonValue, longest: int) -> Iterator[str]:
    if len(_text(value)) > longest:
        yield f"{place}: {_too_long(len(_text(value)), longest)}"


def _too_long(length: int, longest: int) -> str:
    return f"{length} characters, and Slack takes at most {longest}"


def _is_list(value: JsonValue) -> TypeGuard[Sequence[JsonValue]]:
    return isinstance(value, list)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _thread_fault(value: JsonValue) -> str | None:
    if isinstance(value, str) and _THREAD.fullmatch(value):
        return None
    return "must be a message's ts as a text, such as 1503435956.000247"


def _refuse(faults: list[str]) -> Never:
    shown = "; ".join(faults[:_MOST_SHOWN])
    more = f"; and {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
    raise Permanent(
        f"Slack could not take this message: {shown}{more}", reason=FailureReason.CONTENT_REFUSED
    ) from None
