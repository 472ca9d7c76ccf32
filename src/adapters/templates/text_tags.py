"""What a tag does to the text of a page."""

from collections.abc import Mapping
from types import MappingProxyType

from adapters.html import attributes_of, decoded, tag_of
from adapters.templates.text_writer import LINE, PARAGRAPH, folded
from adapters.templates.visibility import Look, look_of

VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr")
)  # fmt: skip
"""Elements without an end."""

_NO_PAGE = ("#", "javascript:", "data:", "cid:")
_GAPS = {
    **dict.fromkeys(
        ("address", "article", "aside", "body", "center", "dd", "details", "dialog", "div", "dt",
         "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "html",
         "legend", "/li", "main", "nav", "optgroup", "option", "search", "section", "summary"),
        LINE,
    ),
    **dict.fromkeys(
        ("blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre"),
        PARAGRAPH,
    ),
}  # fmt: skip
_GAPS |= {f"/{name}": gap for name, gap in _GAPS.items()}
_ACTS: Mapping[str, str] = {
    "br": "line_break", "img": "image", "li": "item",
    "a": "start_link", "/a": "close_link",
    "pre": "pre", "/pre": "end_pre",
    "table": "start_table", "/table": "end_table",
    "tr": "row", "caption": "row",
    "td": "cell", "th": "cell",
    **dict.fromkeys(("ul", "ol", "menu", "dir"), "start_list"),
    **dict.fromkeys(("/ul", "/ol", "/menu", "/dir"), "end_list"),
}  # fmt: skip
"""The reader's method that a tag calls."""


class Tag:
    """What a tag does to the text: `act` names the reader's method for a tag of a kind of its own,
    else it leaves a `gap`. `is_plain`: it does so, and no style changes how it is shown. `address`:
    where it leads, as readers are shown it."""

    name = "a"
    address = ""
    act = ""
    gap = 0
    look = Look.INLINE
    span = rows = 1
    is_plain = False
    says_something = False
    _values: Mapping[str, str] = MappingProxyType({})

    def attribute(self, name: str) -> str:
        """An attribute's value, empty where it is absent."""
        return self._values.get(name, "").strip()


class PlainLink(Tag):
    """`<a href="…">` without further attributes, as most links are; each address is another, so
    that there is a short way to it."""

    act = "start_link"
    is_plain = says_something = True

    def __init__(self, address: str) -> None:
        self.address = _readable(decoded(address))


class AnyTag(Tag):
    """A tag by its source, on a page that hides these classes."""

    def __init__(self, source: str, hidden_classes: frozenset[str]) -> None:
        self.name, attributes = tag_of(source)
        is_start = not self.name.startswith("/")
        values = attributes_of(attributes) if attributes and is_start else {}
        self._values = values
        self.address = _readable(values.get("href", ""))
        self.gap = _GAPS.get(self.name, 0)
        self.act = _ACTS.get(self.name, "")
        self.look = look_of(values, hidden_classes)
        self.span = _span(values.get("colspan", ""))
        self.rows = _span(values.get("rowspan", ""))
        self.says_something = bool(self.act or self.gap or self.look)
        self.is_plain = bool((self.act or self.gap) and not self.look)


def _readable(href: str) -> str:
    address = folded(href)
    if address.startswith("http"):  # what most links are
        return address
    if address.lower().startswith(_NO_PAGE):
        return ""
    return address.removeprefix("mailto:").removeprefix("tel:")


def _span(text: str) -> int:
    """How many columns or rows a `colspan` or `rowspan` says."""
    return (int(text) if text.isdecimal() and len(text) < 4 else 1) or 1
