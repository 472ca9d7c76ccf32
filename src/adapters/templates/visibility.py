"""What of a page is shown and how: hidden parts, blocks, kept lines, and where their elements end.

An element ends at its own end tag, or at what implies it: the rules are those of HTML's tree
construction (https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inbody).
"""

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import lru_cache
from itertools import takewhile

from adapters.html import VOID, attributes_of, tokens

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_BRACE = re.compile(r"([{}])")
_CLASS = re.compile(r"(?:\w+)?\.([\w-]+)\Z")
_ZERO = re.compile(r"0+(?:\.0*)?(?:px|em|rem|pt|%)?\Z")
_LINE_KEEPING = ("pre", "pre-line", "pre-wrap", "break-spaces")
_BLOCKS = ("block", "table", "flex", "grid", "list-item", "flow-root")
KEEPS_LINES = "white-space"
"""What a style has that keeps lines, as `white-space: pre-line` does."""

_LINE_END = re.compile(r"\r\n?|\n")

_ENDS_P = frozenset(
    ("address", "article", "aside", "blockquote", "center", "dd", "details", "dialog", "dir", "div",
     "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
     "h6", "header", "hgroup", "hr", "li", "main", "menu", "nav", "ol", "p", "pre", "search",
     "section", "summary", "table", "ul")
)  # fmt: skip
_PARTS_OF_A_TABLE = frozenset(
    ("caption", "col", "colgroup", "tbody", "td", "tfoot", "th", "thead", "tr")
)
_CELLS = frozenset(("td", "th"))
_LIKE = {"td": _CELLS, "th": _CELLS, "tr": _CELLS | {"tr"}}
# A start tag ends the nearest open element of the first set, unless one of the second is nearer.
_ENDS = {
    "p": (frozenset(("p",)), frozenset(("table", "td", "th", "button"))),
    "li": (frozenset(("li",)), frozenset(("ul", "ol", "menu", "dir", "table", "td", "th"))),
    **dict.fromkeys(
        ("dd", "dt"), (frozenset(("dd", "dt")), frozenset(("dl", "table", "td", "th")))
    ),
    "option": (frozenset(("option",)), frozenset(("select", "optgroup"))),
}
_ENDS_ANCESTORS = (_ENDS_P | _PARTS_OF_A_TABLE | {"select", "optgroup", "option"}) - {"p"}
_DEEPEST = 512
"""Elements within each other; browsers stop counting there, too."""


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
    is_flat = any(_ZERO.match(rules.get(name, "")) for name in ("max-height", "height"))
    return (
        rules.get("display") == "none"
        or rules.get("visibility") == "hidden"
        or rules.get("mso-hide") == "all"
        or _ZERO.match(rules.get("opacity", "")) is not None
        or (rules.get("overflow") == "hidden" and is_flat)
    )


def _declared(style: str) -> dict[str, str]:
    pairs = (declaration.partition(":") for declaration in style.lower().split(";"))
    return {name.strip(): value.partition("!")[0].strip() for name, _, value in pairs}


class OpenElement:
    """One element, and what is open within it."""

    def __init__(self, name: str) -> None:
        self._open = [name]

    @property
    def is_open(self) -> bool:
        """Whether what comes next belongs to it."""
        return bool(self._open)

    def take(self, name: str, *, in_table: bool) -> bool:
        """Take a tag, its name after a slash where it ends an element. True where the tag ends the
        element from without, so that it is about what comes after it.

        `in_table`: whether the element stands in a table."""
        if name[0] == "/":
            return self._end_tag(name[1:])
        if name in _PARTS_OF_A_TABLE:
            if "table" not in self._open and self._open[0] not in _PARTS_OF_A_TABLE:
                if in_table:
                    self._open.clear()
                return in_table
            self._close_part(name)
        if name in _ENDS_P:
            self._end_like(*_ENDS["p"])
        if name != "p" and name in _ENDS:
            self._end_like(*_ENDS[name])
        if not self._open:
            return True
        if name not in VOID and len(self._open) < _DEEPEST:
            self._open.append(name)
        return False

    def _end_like(self, ended: frozenset[str], shields: frozenset[str]) -> None:
        either = ended | shields
        nearest = next((one for one in reversed(self._open) if one in either), "")
        if nearest in ended:
            self._pop_to(nearest)

    def _close_part(self, name: str) -> None:
        """A cell, row or group ends those like it in the innermost table."""
        like = _LIKE.get(name, _PARTS_OF_A_TABLE)
        inner = len(self._open) - self._open[::-1].index("table") if "table" in self._open else 0
        self._open[inner:] = takewhile(lambda one: one not in like, self._open[inner:])

    def _end_tag(self, name: str) -> bool:
        if name in self._open:
            self._pop_to(name)
            return False
        if name not in _ENDS_ANCESTORS:
            return False  # the end of nothing
        self._open.clear()  # it ends what stands around the element, and so the element too
        return True

    def _pop_to(self, name: str) -> None:
        while self._open.pop() != name:
            pass


def with_breaks(source: str) -> str:
    """The source with a `<br>` for each line end that a style keeps. Other white space is left as
    it is."""
    first, tags = tokens(source)
    written = [first]
    element: OpenElement | None = None
    tables = 0  # open ones around it
    for tag, attributes, text in tags:
        name = tag.lower()
        if element is not None:
            element.take(name, in_table=tables > 0)
        if element is None or not element.is_open:
            tables = max(0, tables + (name == "table") - (name == "/table"))
            element = OpenElement(name) if _keeps_lines(name, attributes) else None
        written.append(f"<{tag}{attributes}>")
        written.append(_LINE_END.sub("<br>", text) if element else text)
    return "".join(written)


def _keeps_lines(name: str, attributes: str) -> bool:
    if KEEPS_LINES not in attributes or name in VOID or name[0] == "/":
        return False
    style = attributes_of(attributes).get("style", "")
    return _declared(style).get("white-space") in _LINE_KEEPING
