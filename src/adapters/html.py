"""HTML as tokens, for the text part that is made of it, and where an element ends. Attributes,
references and escaping, which channels use as well.

It follows the tokenization and the tree construction of HTML
(https://html.spec.whatwg.org/multipage/parsing.html) as far as a reader can see the difference, in
linear time and without a tree.
"""

import re
from collections.abc import Callable, Iterator
from html import escape, unescape

QUOTED = r"(?:[^>\"']++|\"[^\"]*\"|'[^']*')*+"
"""The attributes of a tag, whose values may hold a `>`."""

_NAME = r"/?[a-zA-Z][^\s/>]*"
_TAG = re.compile(rf"<({_NAME})({QUOTED}|[^>]*)(?:>|\Z)")
_WHOLE_TAG = re.compile(rf"({_NAME})({QUOTED})>(.*)", re.DOTALL)
ATTRIBUTE = re.compile(r"([^\s=/>\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?")
"""An attribute's name, and its value in double quotes, in single quotes or in none."""

_REFERENCE = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[a-zA-Z][a-zA-Z0-9]{1,31});")
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr")
)  # fmt: skip
"""Elements without an end."""

_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
# They go on after a block that ended before them (13.2.4.3).
_FORMATTING = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt",
     "u")
)  # fmt: skip
_ENDS_P = _HEADINGS | frozenset(
    ("address", "article", "aside", "blockquote", "center", "dd", "details", "dialog", "dir", "div",
     "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "hr",
     "li", "main", "menu", "nav", "ol", "p", "pre", "search", "section", "summary", "table", "ul")
)  # fmt: skip
_GROUPS = frozenset(("caption", "col", "colgroup", "tbody", "tfoot", "thead"))
_PARTS_OF_A_TABLE = _GROUPS | {"tr", "td", "th"}
_SCOPE = frozenset(("table", "td", "th", "caption", "object", "template", "marquee", "applet"))
_SPECIAL = _SCOPE | _ENDS_P | _PARTS_OF_A_TABLE | {"body", "button", "iframe", "select"}
_NO_ITEM = _SPECIAL - {"address", "div", "p"}
_TABLE = frozenset(("table",))
# What a part of a table stands in; what is within the nearest of these ends.
_STAYS = {
    **dict.fromkeys(_GROUPS, _TABLE),
    "tr": _TABLE | {"tbody", "tfoot", "thead"},
    **dict.fromkeys(("td", "th"), _TABLE | {"tbody", "tfoot", "thead", "tr"}),
}
_P = (frozenset(("p",)), _SCOPE | {"button"})
# A tag ends the nearest open element of the first set, unless one of the second is nearer.
_ENDS = {
    "li": (frozenset(("li",)), _NO_ITEM),
    **dict.fromkeys(("dd", "dt"), (frozenset(("dd", "dt")), _NO_ITEM)),
    "button": (frozenset(("button",)), _SCOPE),
    **{name: (frozenset((name,)), _SCOPE) for name in ("a", "nobr")},
    **{f"/{name}": (frozenset((name,)), _SCOPE) for name in _SPECIAL | _FORMATTING},
    **{f"/{name}": (frozenset((name,)), _TABLE) for name in _PARTS_OF_A_TABLE | _TABLE},
    **dict.fromkeys((f"/{name}" for name in _HEADINGS), (_HEADINGS, _SCOPE)),
    "/p": _P,
    "/li": (frozenset(("li",)), _SCOPE | {"ol", "ul"}),
}
# A start tag ends the innermost open element if it is one of these.
_ENDS_LAST = {
    **dict.fromkeys(_HEADINGS, _HEADINGS),
    "option": frozenset(("option",)),
    "optgroup": frozenset(("option", "optgroup")),
}
# Elements within each other; browsers stop counting there, too.
_DEEPEST = 512


def tokens(source: str) -> tuple[str, Iterator[tuple[str, str, str]]]:
    """The text before the first tag; and each tag's name, after a slash where it ends an element,
    its attributes, and the text after it.

    A quoted value may hold a `>`; one whose quote never closes ends at the next `>`.
    """
    first, *rest = _TAG.split(source)
    found = iter(rest)
    return first, zip(found, found, found, strict=True)


def whole_tag(piece: str) -> tuple[str, str, str] | None:
    """Of what stands between two `<`: the tag's name and attributes, and the text after it. None
    where it is no whole tag, so that only `tokens` can say what it is."""
    found = _WHOLE_TAG.fullmatch(piece)
    return None if found is None else (found[1], found[2], found[3])


def attributes_of(source: str) -> dict[str, str]:
    """The attributes of a tag by name in lower case, decoded; the first of a name counts, and one
    without a value is empty."""
    found: dict[str, str] = {}
    for name, double, single, bare in ATTRIBUTE.findall(source):
        found.setdefault(name.lower(), decoded(double or single or bare))
    return found


def escaped(text: str, *, in_quotes: bool = False) -> str:
    """A text for where `&`, `<` and `>` are markup: in HTML, at Telegram and at Slack; `in_quotes`:
    for the value of an attribute."""
    return escape(text, quote=in_quotes)


def decoded(text: str) -> str:
    """The text with its character references replaced, where each ends with a semicolon: in an
    address `&copy=2` is no copyright sign (13.2.5.73)."""
    return _REFERENCE.sub(lambda found: unescape(found[0]), text) if "&" in text else text


class OpenElement:
    """One element, and what is open in and around it. `names`: those, from the outermost on.
    `is_open`: whether what comes next belongs to it."""

    def __init__(self, name: str = "", around: Callable[[], list[str]] = list) -> None:
        """`around` says what is open around the element; it is asked only where that matters."""
        self.names = [name]
        self.is_open = True
        self._around = around
        self._at = 0

    def take(self, name: str) -> bool:
        """Take a tag, its name after a slash where it ends an element. True where the tag ends the
        element from without, so that it is about what comes after it."""
        own_end, is_end = f"/{self.names[self._at]}", name[0] == "/"
        if name in _STAYS:
            at = self._nearest(_STAYS[name])
            if at < 0:
                return False  # a part of no table is ignored
            self._cut(at + 1)
        elif is_end or name in _ENDS:
            self._cut(self._nearest(*_ENDS.get(name) or (frozenset((name[1:],)), _SPECIAL)))
        if name in _ENDS_P:
            self._cut(self._nearest(*_P))
        if name in _ENDS_LAST and _ENDS_LAST[name].issuperset(self.names[-1:]):
            self._cut(len(self.names) - 1)
        if not is_end and name not in VOID and len(self.names) < _DEEPEST:
            self.names.append(name)
        return not self.is_open and name != own_end

    def _nearest(self, wanted: frozenset[str], limits: frozenset[str] = frozenset()) -> int:
        """The index of the innermost open element of `wanted`; -1 without one, or if one of
        `limits` is nearer."""
        for at in reversed(range(len(self.names))):
            if self.names[at] in wanted:
                return at
            if self.names[at] in limits:
                return -1
        outer, self._around = self._around(), list
        self.names[:0] = outer
        self._at += len(outer)
        return self._nearest(wanted, limits) if outer else -1

    def _cut(self, at: int) -> None:
        """What is open from there on ends; less than 0: nothing does."""
        cut = self.names[at:] if at >= 0 and self.is_open else []
        if cut and cut[0] in _FORMATTING and at != self._at and not _SPECIAL.isdisjoint(cut):
            del self.names[at]  # the blocks within it go on (13.2.6.4.7, the furthest block)
            self._at -= at < self._at
        elif cut and at <= self._at:
            element = cut[self._at - at]
            self.is_open = at < self._at and element in _FORMATTING and _SCOPE.isdisjoint(cut)
            self.names[at:] = [element] * self.is_open
            self._at = at
        elif cut:
            del self.names[at:]
