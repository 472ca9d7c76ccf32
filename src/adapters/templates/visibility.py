"""What attributes and the page's styles mean for a reader: hidden, or a block of its own."""

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import lru_cache

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_BRACE = re.compile(r"([{}])")
_CLASS = re.compile(r"(?:\w+)?\.([\w-]+)\Z")
_ZERO = re.compile(r"0+(?:\.0*)?(?:px|em|rem|pt|%)?\Z")
_LINE_KEEPING = ("pre", "pre-line", "pre-wrap", "break-spaces")
_BLOCKS = ("block", "table", "flex", "grid", "list-item", "flow-root")


class Look(IntEnum):
    """How an element is shown."""

    INLINE = 0
    """As its name says."""
    BLOCK = 1
    HIDDEN = 2


def look_of(values: Mapping[str, str], hidden_classes: frozenset[str]) -> Look:
    """How an element with these attributes is shown on a page that hides these classes."""
    style = values.get("style", "")
    if "hidden" in values or (style and _is_hidden(style)):
        return Look.HIDDEN
    if hidden_classes and not hidden_classes.isdisjoint(values.get("class", "").split()):
        return Look.HIDDEN
    if not style:
        return Look.INLINE
    return Look.BLOCK if _declared(style).get("display") in _BLOCKS else Look.INLINE


def keeps_lines(style: str) -> bool:
    """Whether a `style` attribute keeps the line ends of the text in its element."""
    return _declared(style).get("white-space") in _LINE_KEEPING


def hidden_classes(styles: list[str]) -> frozenset[str]:
    """The classes that the page's own `style` elements hide on every screen."""
    return frozenset().union(*map(_hidden_by, styles)) if styles else frozenset()


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
    is_flat = any(_ZERO.match(rules.get(name, "")) for name in ("max-height", "height"))
    return (
        rules.get("display") == "none"
        or rules.get("visibility") == "hidden"
        or rules.get("mso-hide") == "all"
        or _ZERO.match(rules.get("opacity", "")) is not None
        or (rules.get("overflow") == "hidden" and is_flat)
    )


def _declared(style: str) -> dict[str, str]:
    rules = {}
    for declaration in style.lower().split(";"):
        name, _, value = declaration.partition(":")
        rules[name.strip()] = value.partition("!")[0].strip()
    return rules
