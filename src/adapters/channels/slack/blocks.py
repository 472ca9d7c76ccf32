"""What is wrong with a message's blocks, as far as Slack documents it, before it is sent.

Limits from https://docs.slack.dev/reference/block-kit/blocks and the pages of each block.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeGuard

from domain.notification import JsonValue

MOST_BLOCKS = 50
LONGEST_ID = 255

Block = Mapping[str, JsonValue]

_LONGEST_SECTION = 3000
_LONGEST_FIELD = 2000
_LONGEST_HEADER = 150
_LONGEST_ALT_TEXT = 2000
_LONGEST_MARKDOWN = 12_000
_MOST_ITEMS = {
    ("section", "fields"): 10,
    ("context", "elements"): 10,
    ("actions", "elements"): 25,
}


def block_faults(blocks: JsonValue) -> Iterator[str]:
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
            yield from _faults_of(place, kind, block)
            markdown += len(_text(block.get("text"))) if kind == "markdown" else 0
    if markdown > _LONGEST_MARKDOWN:
        # https://docs.slack.dev/reference/block-kit/blocks/markdown-block: for all of them
        yield f"blocks: {_too_long(markdown, _LONGEST_MARKDOWN)} of markdown"


def _faults_of(place: str, kind: str, block: Block) -> Iterator[str]:
    yield from _length(f"{place}.block_id", block.get("block_id"), LONGEST_ID)
    for (of, name), most in _MOST_ITEMS.items():
        items = block.get(name)
        if of == kind and items is not None:
            yield from _items(f"{place}.{name}", items, most)
    if kind in _FAULTS:
        yield from _FAULTS[kind](place, block)


def _section(place: str, block: Block) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield f"{place}: a section needs text or fields"
    if "text" in block:
        yield from _text_object(f"{place}.text", block["text"], _LONGEST_SECTION)
    fields = block.get("fields")
    for number, field in enumerate(fields if _is_list(fields) else ()):
        yield from _text_object(f"{place}.fields[{number}]", field, _LONGEST_FIELD)


def _header(place: str, block: Block) -> Iterator[str]:
    yield from _text_object(f"{place}.text", block.get("text"), _LONGEST_HEADER)


def _image(place: str, block: Block) -> Iterator[str]:
    yield from _length(f"{place}.alt_text", block.get("alt_text"), _LONGEST_ALT_TEXT)


_FAULTS: Mapping[str, Callable[[str, Block], Iterator[str]]] = {
    "section": _section,
    "header": _header,
    "image": _image,
}


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
