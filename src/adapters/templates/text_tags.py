"""What a tag does to the text of a page."""

from collections.abc import Mapping
from functools import lru_cache

from adapters.html import attributes_of, tag_of
from adapters.templates.text_writer import LINE, PARAGRAPH
from adapters.templates.visibility import Look, look_of

VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr")
)  # fmt: skip
"""Elements without an end."""

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
    "a": "start_link", "/a": "end_link",
    "pre": "pre", "/pre": "end_pre",
    "table": "start_table", "/table": "end_table",
    "tr": "row", "caption": "row",
    "td": "cell", "th": "cell",
    **dict.fromkeys(("ul", "ol", "menu", "dir"), "start_list"),
    **dict.fromkeys(("/ul", "/ol", "/menu", "/dir"), "end_list"),
}  # fmt: skip
"""The reader's method that a tag calls."""


class Tag:
    """What a tag does to the text: `act` names the reader's method for a tag of a kind of its
    own, else it leaves a `gap`. `is_plain`: it acts, and no style changes how it is shown."""

    __slots__ = ("_values", "act", "gap", "is_plain", "look", "name", "rows", "says_something",
                 "span")  # fmt: skip

    def __init__(self, token: str, hidden_classes: frozenset[str]) -> None:
        self.name, attributes = tag_of(token)
        self.gap = _GAPS.get(self.name, 0)
        self.act = _ACTS.get(self.name, "")
        self.look = Look.INLINE
        self._values: Mapping[str, str] = {}
        if attributes and not self.name.startswith("/"):
            self._values = attributes_of(attributes)
            self.look = look_of(self._values, hidden_classes)
        self.span = _span(self._values.get("colspan", ""))
        self.rows = _span(self._values.get("rowspan", ""))
        self.says_something = bool(self.act or self.gap or self.look)
        self.is_plain = bool(self.act and not self.look)

    def attribute(self, name: str) -> str:
        """An attribute's value, empty where it is absent."""
        return self._values.get(name, "").strip()


def _span(text: str) -> int:
    """How many columns or rows a `colspan` or `rowspan` says."""
    return (int(text) if text.isdecimal() and len(text) < 4 else 1) or 1


@lru_cache(maxsize=16)
def known_tags(_hidden_classes: frozenset[str]) -> dict[str, Tag]:
    """The tags of pages that hide these classes: a template's are the same in every mail, so each
    is read once."""
    return {}


NOTHING = Tag("<nothing>", frozenset())
"""Stands for a tag that was taken already."""
