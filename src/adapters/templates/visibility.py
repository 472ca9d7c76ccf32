"""What of a page is shown and how: hidden parts, blocks and kept lines."""

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import lru_cache

from adapters.html import VOID, OpenElement, attributes_of, tokens

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_BRACE = re.compile(r"([{}])")
_CLASS = re.compile(r"(?:\w+)?\.([\w-]+)\Z")
_ZERO = re.compile(r"0+(?:\.0*)?(?:px|em|rem|pt|%)?\Z")
_CUT = re.compile(r".*\b(?:hidden|clip)\b")
_PLACED = ("absolute", "fixed")
_FAR = re.compile(r"-(?:\d{4,}|9{3})")
_LINE_KEEPING = ("pre", "pre-line", "pre-wrap", "break-spaces")
_BLOCKS = ("block", "table", "flex", "grid", "list-item", "flow-root")
KEEPS_LINES = "white-space"
"""What a style has that keeps lines, as `white-space: pre-line` does."""

_LINE_END = re.compile(r"\r\n?|\n")


class Look(IntEnum):
    """How an element is shown."""

    INLINE = 0
    """As its name says."""
    BLOCK = 1
    HIDDEN = 2


def look_of(values: Mapping[str, str], hidden_classes: frozenset[str]) -> Look:
    """How an element with these attributes is shown on a page that hides these classes."""
    style = values.get("style", "")
    classes = values.get("class", "").split()
    if "hidden" in values or _is_hidden(style) or not hidden_classes.isdisjoint(classes):
        return Look.HIDDEN
    return Look.BLOCK if _declared(style).get("display") in _BLOCKS else Look.INLINE


def hidden_classes(styles: list[str]) -> frozenset[str]:
    """The classes that the page's own `style` elements hide on every screen."""
    return frozenset().union(*map(_hidden_by, styles))


@lru_cache(maxsize=64)
def _hidden_by(style: str) -> frozenset[str]:
    return frozenset(
        found[1]
        for selectors, declarations in _rules(_COMMENT.sub("", style.partition(">")[2]))
        if _is_hidden(declarations)
        for selector in selectors.split(",")
        if (found := _CLASS.match(selector.strip()))
    )


def _rules(style: str) -> Iterator[tuple[str, str]]:
    """Selectors and declarations of the rules that hold on every screen."""
    depth, selectors = 0, ""
    for piece in _BRACE.split(style):
        if piece == "{":
            depth += 1
        elif piece == "}":
            depth = max(0, depth - 1)
        elif depth == 0:
            selectors = piece.rpartition(";")[2]
        elif depth == 1 and "@" not in selectors:
            yield selectors, piece


def _is_hidden(style: str) -> bool:
    rules = _declared(style)

    def is_any(names: tuple[str, ...], pattern: re.Pattern[str]) -> bool:
        return any(pattern.match(rules.get(name, "")) for name in names)

    # A cell of `max-width: 0` takes what is left of the row, and cuts its text there.
    is_flat = is_any(("max-height", "height"), _ZERO) or (
        is_any(("max-width",), _ZERO)
        and rules.keys().isdisjoint(("text-overflow", "min-width", "width"))
    )
    return (
        rules.get("display") == "none"
        or rules.get("visibility") == "hidden"
        or rules.get("mso-hide") == "all"
        or _ZERO.match(rules.get("opacity", "")) is not None
        or (is_flat and is_any(("overflow", "overflow-x", "overflow-y"), _CUT))
        or (
            rules.get("position") in {"absolute", "fixed"}
            and is_any(("left", "right", "top"), _FAR)
        )
    )


def _declared(style: str) -> dict[str, str]:
    declarations = _COMMENT.sub("", style).lower().split(";")
    declarations.sort(key=lambda one: "!" in one)  # what is important comes last, so it counts
    pairs = (declaration.partition(":") for declaration in declarations)
    return {name.strip(): value.partition("!")[0].strip() for name, _, value in pairs}


def with_breaks(source: str) -> str:
    """The source with a `<br>` for each line end that a style keeps. Other white space is left as
    it is."""
    first, tags = tokens(source)
    written = [first]
    page, element = OpenElement(), None
    for tag, attributes, text in tags:
        name = tag.lower()
        if element is not None:
            element.take(name)
            element = element if element.is_open else None
        page.take(name)
        if element is None and _keeps_lines(name, attributes):
            element = OpenElement(name, page.names[:-1].copy)
        written.append(f"<{tag}{attributes}>")
        written.append(_LINE_END.sub("<br>", text) if element else text)
    return "".join(written)


def _keeps_lines(name: str, attributes: str) -> bool:
    if KEEPS_LINES not in attributes or name in VOID or name[0] == "/":
        return False
    style = attributes_of(attributes).get("style", "")
    return _declared(style).get("white-space") in _LINE_KEEPING
