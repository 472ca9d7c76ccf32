"""The parts of a template that Slack gets: a text in its markup, and blocks as JSON."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress

from adapters.template_parts import ChannelParts, Escaping, TemplatePart, note_in_markup
from domain.notification import JsonValue

_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# What a template's own "<" in front of it would make a mention or a command of.
_COMMAND = re.compile(r"(?=\s*(?:![A-Za-z]|@[UWSBT][A-Z0-9]|#[CGD][A-Z0-9]))")
_ZERO_WIDTH_SPACE = "\u200b"
_MAX_BLOCKS = 50  # https://docs.slack.dev/reference/block-kit/blocks
_LONGEST_TEXT = 3000
_BLOCK_TEXTS = ("text", "alt_text")


def escaped(value: object) -> str:
    """Escape the three characters that Slack's own markup uses, and no others.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    text = str(value).translate(_MARKUP)
    return _ZERO_WIDTH_SPACE + text if _COMMAND.match(text) else text


def _check_blocks(text: str) -> None:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"slack.json is not JSON: {error}") from None
    if not isinstance(value, list | dict):
        raise TypeError("slack.json must be a list of blocks or an object")


def _null_texts(text: str) -> Iterator[str]:
    """Texts of blocks that are null, which Slack refuses."""
    with suppress(ValueError):  # what is no JSON is another matter
        for path in _nulls_in(json.loads(text), ""):
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


def _note_in_blocks(note: str, text: str) -> str:
    return json.dumps(_noted(json.loads(text), note), ensure_ascii=False)


def _noted(value: JsonValue, note: str) -> JsonValue:
    block: JsonValue = {
        "type": "section",
        "text": {"type": "plain_text", "text": note[:_LONGEST_TEXT]},
    }
    if isinstance(value, list):
        return [block, *value[: _MAX_BLOCKS - 1]]
    if isinstance(value, dict) and isinstance(value.get("blocks"), list):
        return {**value, "blocks": _noted(value["blocks"], note)}
    if isinstance(value, dict):
        return {**value, "text": note_in_markup(note, str(value.get("text") or "")).rstrip()}
    return value


PARTS = ChannelParts(
    own=(
        TemplatePart(
            name="slack.json",
            escaping=Escaping("slack.json", escape=escaped, in_json=True),
            check=_check_blocks,
            hints=_null_texts,
            with_note=_note_in_blocks,
        ),
        TemplatePart(
            name="slack",
            escaping=Escaping("slack", escape=escaped),
            with_note=note_in_markup,
        ),
    )
)
