"""A page as its tags, each with the words that follow it.

Most of a mail is its template's and the same in every mail, so each piece of it, a tag and the
words up to the next, is read once and remembered.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from html import unescape
from typing import Any

from adapters.html import VOID, attributes_of, decoded, tokens, whole_tag
from adapters.templates.text_tables import LINE, PARAGRAPH
from adapters.templates.text_writer import Writer
from adapters.templates.visibility import Look, look_of

Act = Callable[..., None]
"""A method of the writer, which takes the tag."""

TABLE = ("table", "/table")

RARE = re.compile("[\u00ad\u034f\u200b-\u200d\u2060\ufeff]")
"""What has no width. Of these only U+034F counts as printable."""

_INVISIBLE = dict.fromkeys((0xAD, 0x34F, 0x200B, 0x2060, 0xFEFF))
_JOINERS = "\u200c\u200d"
_ANY = "https://any.invalid"
_GAPS = {
    **dict.fromkeys(
        ("address", "article", "aside", "body", "center", "dd", "details", "dialog", "div", "dt",
         "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "html",
         "legend", "/li", "main", "nav", "optgroup", "option", "search", "section", "summary"),
        LINE,
    ),
    **dict.fromkeys(
        ("blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre"), PARAGRAPH
    ),
}  # fmt: skip
_GAPS |= {f"/{name}": gap for name, gap in _GAPS.items()}
_ACTS: Mapping[str, Act] = {
    "br": Writer.line_break, "li": Writer.item,
    "button": Writer.set_apart, "/button": Writer.set_apart,
    "a": Writer.start_link, "/a": Writer.close_link,
    "pre": Writer.start_pre, "/pre": Writer.end_pre,
    "tr": Writer.row, "caption": Writer.row,
    "td": Writer.cell, "th": Writer.cell,
    **dict.fromkeys(("ul", "ol", "menu", "dir"), Writer.start_list),
    **dict.fromkeys(("/ul", "/ol", "/menu", "/dir"), Writer.end_list),
}  # fmt: skip
_NO_PAGE = ("#", "javascript:", "data:", "cid:")
_LONGEST_KEPT = 300  # characters; a longer piece holds a value, and comes only once
MOST_KEPT = 2048
"""Pieces, and tags, of pages that hide the same classes."""


class Words:
    """A text as it stands between tags, decoded. `line`: its words. `leads`: whether it begins
    with a blank, or holds one where it has no word. `trails`: whether it ends with one."""

    __slots__ = ("leads", "line", "text", "trails")

    def __init__(self, text: str) -> None:
        self.text = text
        self.line = folded(text)
        self.leads = text[:1].isspace() if self.line else any(map(str.isspace, text))
        self.trails = text[-1:].isspace()

    def followed_by(self, more: "Words | None") -> "Words | None":
        """These and more, as if they were written in turn."""
        if more is None or not self.line:
            return more or self
        return Words(self.text + more.text)


class Tag:
    """What a tag does to the text: `act` is the writer's method for a tag of a kind of its own,
    else it leaves a `gap`. `is_plain`: it does so, and no style changes how it is shown.
    `is_special`: a style does, or a table begins or ends. `address`: where it leads, as readers are
    shown it. `number`: of the first item of an `ol`. `alt`: the words that an `img` stands for."""

    __slots__ = (
        "act", "address", "alt", "gap", "is_plain", "is_special", "look", "name", "number", "rows",
        "span",
    )  # fmt: skip

    def __init__(
        self, name: str, act: Act | None, gap: int, address: str = "", look: Look = Look.INLINE
    ) -> None:
        self.name = name
        self.act = act
        self.gap = gap
        self.address = address
        self.look = look
        self.number: int | None = None
        self.alt: Words | None = None
        self.rows = self.span = 1
        self.is_plain = bool(act or gap) and not look
        self.is_special = bool(look) or name in TABLE

    @property
    def is_inline(self) -> bool:
        """Whether its element holds text and changes nothing about it."""
        return not (self.act or self.gap or self.name in VOID or self.name in TABLE)


Piece = tuple[Tag, Words | None]
"""A tag, and the words up to the next one: None where the next one follows at once."""

NEUTRAL = Tag("", None, 0)
"""A tag that does nothing."""


class _Unclear(Exception):
    """A `<` begins no tag, or stands within one."""


class Pages:
    """Reads pages that hide the same classes. `known` and `tags`: what it remembers."""

    def __init__(self, hidden_classes: frozenset[str]) -> None:
        self._hidden_classes = hidden_classes
        self.known: dict[str, Piece] = {}
        self.tags: dict[str, Tag] = {}

    def pieces(self, source: str) -> list[Piece]:
        """The pieces of the page; the first has the words before the first tag."""
        first, *pieces = source.split("<")
        known = self.known
        try:
            return [(NEUTRAL, _words(first)), *[known.get(p) or self._learn(p) for p in pieces]]
        except _Unclear:
            return pieces_by_rule(source, self._hidden_classes)

    def _learn(self, source: str) -> Piece:
        if source.startswith("a "):
            before, _, rest = source.partition(' href="')
            address, _, rest = rest.partition('"')
            after, end, text = rest.partition(">")
            if end and self._is_link(f'{before} href="{_ANY}"{after}'):
                tag = Tag("a", Writer.start_link, 0, _readable(decoded(address)))
                return tag, _words(text)
        tag_source, end, text = source.partition(">")
        found = self.tags.get(tag_source) if end else None
        if found is None:
            whole = whole_tag(source)
            if whole is None:
                raise _Unclear
            name, attributes, text = whole
            found = self._new_tag(name, attributes)
        piece = _piece(found, text)
        _keep(self.known, source, piece)
        return piece

    def _is_link(self, source: str) -> bool:
        """Whether a tag, of which only the address is another each time, is no more than a link."""
        tag = self.tags.get(source)
        if tag is None:
            whole = whole_tag(source + ">")
            if whole is None or whole[2]:
                return False
            tag = self._new_tag(whole[0], whole[1])
        return tag.name == "a" and tag.is_plain and tag.address == _ANY

    def _new_tag(self, name: str, attributes: str) -> Tag:
        tag = _tag(name, attributes, self._hidden_classes)
        _keep(self.tags, name + attributes, tag)
        return tag


def pieces_by_rule(source: str, hidden_classes: frozenset[str]) -> list[Piece]:
    """As `Pages.pieces`, whatever a `<` means where it stands; nothing is remembered."""
    first, tags = tokens(source)
    pieces = (_piece(_tag(name, values, hidden_classes), text) for name, values, text in tags)
    return [(NEUTRAL, _words(first)), *pieces]


@lru_cache(maxsize=8)
def pages(hidden_classes: frozenset[str]) -> Pages:
    """What reads pages that hide these classes, with what it remembers."""
    return Pages(hidden_classes)


def _piece(tag: Tag, text: str) -> Piece:
    words = _words(text)
    return tag, words if tag.alt is None else tag.alt.followed_by(words)


def _words(text: str) -> Words | None:
    if not text:
        return None
    return (_known_words if len(text) <= _LONGEST_KEPT else _known_words.__wrapped__)(text)


@lru_cache(maxsize=MOST_KEPT)
def _known_words(text: str) -> Words:
    return Words(unescape(text) if "&" in text else text)


def _keep(known: dict[str, Any], source: str, value: object) -> None:
    if len(source) <= _LONGEST_KEPT:
        if len(known) >= MOST_KEPT:
            known.clear()
        known[source] = value


def _tag(name: str, attributes: str, hidden_classes: frozenset[str]) -> Tag:
    """A tag on a page that hides these classes."""
    name = name.lower()
    values = attributes_of(attributes) if attributes and name[0] != "/" else {}
    look, address = look_of(values, hidden_classes), _readable(values.get("href", ""))
    tag = Tag(name, _ACTS.get(name), _GAPS.get(name, 0), address, look)
    tag.span, tag.rows = _span(values.get("colspan", "")), _span(values.get("rowspan", ""))
    if name == "ol":
        tag.number = _number(values.get("start", "").strip())
    elif name == "img" and look is not Look.HIDDEN:
        alt = values.get("alt", "").strip()
        tag.alt = Words(f" {alt} " if alt else "")  # set apart from what stands next to it
    return tag


def _readable(href: str) -> str:
    address = folded(href)
    if address.startswith("http"):  # what most links are
        return address
    if address.lower().startswith(_NO_PAGE):
        return ""
    return address.removeprefix("mailto:").removeprefix("tel:")


def folded(text: str) -> str:
    """The words of a text, one blank between them. What has no width is left out; a joiner stays
    within a word."""
    if text.isascii() or not RARE.search(text):
        return " ".join(text.split())
    return " ".join(w for w in text.translate(_INVISIBLE).split() if w.strip(_JOINERS))


def _span(text: str) -> int:
    """How many columns or rows a `colspan` or `rowspan` says."""
    return (int(text) if text.isdecimal() and len(text) < 4 else 1) or 1


def _number(text: str) -> int:
    """The first number of an ordered list; 1 where its `start` is missing or no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
