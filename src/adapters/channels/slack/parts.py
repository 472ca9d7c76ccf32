"""The parts of a template that Slack gets: a text in its markup, and blocks as JSON."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Never

from adapters.html import escaped
from adapters.template_parts import ChannelParts, Escaping, TemplatePart, note_in_markup

MOST_BLOCKS = 50  # https://docs.slack.dev/reference/block-kit/blocks

# What a template's own "<" in front of it would make a mention or a command of.
_COMMAND = re.compile(r"(?=\s*(?:![A-Za-z]|@[UWSBT][A-Z0-9]|#[CGD][A-Z0-9]))")
_ZERO_WIDTH_SPACE = "\u200b"
_LONGEST_NOTE = 3000
# Levels of JSON. How deep Python's own parser goes differs from version to version.
_DEEPEST = 64
_BLOCK_TEXTS = ("text", "alt_text")


def escaped_value(value: object) -> str:
    """Escape the three characters that Slack's own markup uses, and no others.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    text = escaped(str(value))
    return _ZERO_WIDTH_SPACE + text if _COMMAND.match(text) else text


def arguments_of(part: str) -> dict[str, Any]:
    """What the part `slack.json` says of the call: an object, or a list of blocks. Raises
    ValueError."""
    value = _json(part)
    if isinstance(value, list):
        return {"blocks": value}
    if not isinstance(value, dict):
        raise ValueError("slack.json must be a list of blocks or an object")  # noqa: TRY004
    return value


def _json(part: str) -> Any:
    try:
        value = json.loads(part, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"slack.json is not JSON: {error}") from None
    if part.count("[") + part.count("{") > _DEEPEST and _is_too_deep(value):
        raise ValueError(f"slack.json is nested deeper than {_DEEPEST} levels")
    return value


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [one for items in inner for one in items if isinstance(one, dict | list)]
    return bool(level)


def _no_number(constant: str) -> Never:
    raise ValueError(constant)


def _null_texts(part: str) -> Iterator[str]:
    """Texts of blocks that are null, which Slack refuses."""
    with suppress(ValueError):  # what is no JSON is another matter
        for path in _nulls_in(_json(part), ""):
            yield f"{path} is null, and Slack wants a text"


def _nulls_in(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{key}" if path else key
            if item is None and key in _BLOCK_TEXTS:
                yield inner
            yield from _nulls_in(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls_in(item, f"{path}[{index}]")


def _with_note(note: str, part: str) -> str:
    call = arguments_of(part)
    if isinstance(call.get("blocks"), list):
        text = {"type": "plain_text", "text": note[:_LONGEST_NOTE]}
        first = {"type": "section", "text": text}
        call["blocks"] = [first, *call["blocks"][: MOST_BLOCKS - 1]]
    else:
        call["text"] = note_in_markup(note, str(call.get("text") or "")).rstrip()
    return json.dumps(call, ensure_ascii=False)


PARTS = ChannelParts(
    own=(
        TemplatePart(
            name="slack.json",
            escaping=Escaping("slack.json", escape=escaped_value, in_json=True),
            check=arguments_of,
            hints=_null_texts,
            with_note=_with_note,
        ),
        TemplatePart(
            name="slack",
            escaping=Escaping("slack", escape=escaped_value),
            with_note=note_in_markup,
        ),
    )
)
