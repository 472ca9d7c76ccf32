"""The text part of pages that differ from earlier ones in values alone.

Most of a mail is its template's. What comes of that is worked out once for each sequence of a
template's own chunks: a page is read with signs in place of its values, and the values of each
later mail go where the signs came out. That is the text which the page itself would give: values
count only where they are words, and where nothing that they could be makes a difference.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from adapters.html import ATTRIBUTE, decoded, tokens
from adapters.templates.text_alternative import UNSEEN, text_from_html
from adapters.templates.text_pieces import RARE, folded
from adapters.templates.text_slots import CUT, MOST_VARIANTS, SLOT, Form, chooser, sign_of, slot_of

MOST_CHUNKS = 1000
"""There is no form of a page of more."""
_LONGEST = 100_000  # characters of a page
# To make a form takes as long as to read several pages. Where the pages of a template hardly ever
# come again, one is made once in so many pages, when as many are made as are kept.
_PAGES_FOR_ONE = 64

_UNUSUAL = re.compile(rf"{CUT}|{SLOT.pattern}|<pre[\s>]", re.IGNORECASE)
# Where the first or last sign of a value could change how the page is read: in the name of a tag,
# after a reference that does not end, and before what could end a comment.
_IN_SYNTAX = re.compile(rf"(?:<[^\s>]*|&[#a-zA-Z0-9]*){SLOT.pattern}")
_BEFORE_END = re.compile(rf"{SLOT.pattern}[-!>]")
# Attributes that are text, or say nothing about it.
_FREE = frozenset(
    ("alt", "background", "bgcolor", "content", "height", "href", "id", "lang", "name", "src",
     "title", "width")
)  # fmt: skip
# How an address begins of which the rest is shown, or not shown, whatever it is.
_DECIDED = ("http", "tel:", "/", "#", "?")

# Stands around values: a printable sign that hardly any of them holds.
_BAR = "\u00a6"
_MARKUP = "<>\"'"
_REFERENCES = {"amp": "&", "lt": "<", "gt": ">", "#34": '"', "#39": "'"}

Own = tuple[str | None, ...]
"""The chunks of a page that are its template's own; None for each value."""


class TextForms:
    """The forms of the pages that came more than once, the newest of them. `made`: for how many
    sequences of chunks there were some."""

    def __init__(self, most_kept: int = 100, most_met: int = 4096) -> None:
        """`most_kept`: sequences of chunks with forms. `most_met`: those that came."""
        self._most_kept = most_kept
        self._most_met = most_met
        self._kept: dict[Own, KnownPages] = {}
        self._met: set[int] = set()
        self._pages = 0
        self.made = 0

    @property
    def size(self) -> int:
        """How many sequences of chunks it remembers."""
        return len(self._kept) + len(self._met)

    def text_of(self, chunks: Sequence[str], html: str, known: Mapping[str, str]) -> str:
        """`text_from_html(html)`, which consists of these chunks. `known`: what is no value among
        them, each its own key."""
        text = None
        self._pages += 1
        if len(chunks) <= MOST_CHUNKS and len(html) <= _LONGEST:
            own = tuple(map(known.get, chunks))
            if pages := self._kept.get(own) or self._come_again(own):
                text = pages.text_of(chunks, html)
        return text_from_html(html) if text is None else text

    def _come_again(self, own: Own) -> "KnownPages | None":
        """None where it would probably be worked out in vain: the first time above all."""
        number = hash(own)
        if number not in self._met:
            if len(self._met) >= self._most_met:
                self._met.clear()
            self._met.add(number)
            return None
        if self.made >= self._most_kept + self._pages // _PAGES_FOR_ONE:
            return None
        if len(self._kept) >= self._most_kept:
            del self._kept[next(iter(self._kept))]
        self.made += 1
        pages = self._kept[own] = KnownPages(own)
        return pages


class _Edges(NamedTuple):
    """The numbers of the values that have a blank before them, and after them."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


_NO_EDGES = _Edges()


class KnownPages:
    """The pages with the same chunks of a template's own. Blanks at a value's edges make the form
    another one."""

    def __init__(self, own: Own) -> None:
        self._own = own
        self._values = chooser([at for at, chunk in enumerate(own) if chunk is None])
        self._forms: dict[_Edges, Form | None] = {}

    def text_of(self, chunks: Sequence[str], html: str) -> str | None:
        """The text of a page; None where only the page itself gives it."""
        values = self._values(chunks)
        text = _words(values)
        if text is None:
            return None
        text, edges = _edges(text)
        words = text.split(_BAR)[1:-1]
        if len(words) != len(values) or "" in words:
            return None
        if edges not in self._forms:
            if len(self._forms) >= MOST_VARIANTS:
                return None
            self._forms[edges] = _form(self._own, edges)
        form = self._forms[edges]
        return None if form is None else form.filled(words, html)


def _words(values: Sequence[str]) -> str | None:
    """The values decoded, with their blanks folded, and bars around them; None where one is more
    than words."""
    text = f"{_BAR}{_BAR.join(values)}{_BAR}"
    if any(map(text.__contains__, _MARKUP)):
        return None
    if "&" in text:
        text, *references = text.split("&")
        for reference in references:
            name, _, following = reference.partition(";")
            if name not in _REFERENCES:
                return None
            text += _REFERENCES[name] + following
    if "  " in text or "\u034f" in text or not text.isprintable():
        if CUT in text or RARE.search(text):
            return None
        text = " ".join(text.split())
    return text


def _edges(text: str) -> tuple[str, _Edges]:
    """The words between bars, without blanks at their edges, and where there were some."""
    starts = text.split(f"{_BAR} ")
    ends = _BAR.join(starts).split(f" {_BAR}")
    if len(starts) == len(ends) == 1:
        return text, _NO_EDGES
    before = accumulate([piece.count(_BAR) + 1 for piece in starts[:-1]])
    after = accumulate([piece.count(_BAR) + 1 for piece in ends[:-1]])
    edges = _Edges(tuple([bars - 1 for bars in before]), tuple([bars - 2 for bars in after]))
    return _BAR.join(ends), edges


def _form(own: Own, edges: _Edges) -> Form | None:
    """The form of the pages with these chunks; None where none is sure to be right."""
    if _UNUSUAL.search("".join(filter(None, own))):
        return None
    chunks, slot = [], 0
    for chunk in own:
        if chunk is None:
            before, after = " " * (slot in edges.before), " " * (slot in edges.after)
            chunks.append(f"{before}{sign_of(slot)}{after}")
            slot += 1
        else:
            chunks.append(chunk)
    page = "".join(chunks)
    seen = UNSEEN.sub("", page)
    if any(map(_IN_SYNTAX.search, (page, seen))) or any(map(_is_risky, UNSEEN.finditer(page))):
        return None
    pages: list[int] = []
    mails: list[int] = []
    for name, attributes, _ in tokens(seen)[1]:
        if SLOT.search(attributes) and not _is_sound(name.lower(), attributes, pages, mails):
            return None
    return Form(page, slot, pages, mails)


def _is_risky(unseen: re.Match[str]) -> bool:
    """Whether a value could change what is not seen, or what a style hides."""
    if (unseen[1] or "").lower() == "style":
        return SLOT.search(unseen[0]) is not None
    return unseen[0].startswith("<!--") and _BEFORE_END.search(unseen[0]) is not None


def _is_sound(name: str, attributes: str, pages: list[int], mails: list[int]) -> bool:
    """Whether values in a tag change no more than words and addresses. The slots that begin one
    are added to `pages` or `mails`."""
    left = len(SLOT.findall(attributes))
    for attribute, double, single, _ in ATTRIBUTE.findall(attributes):
        value, is_address = double or single, (name, attribute.lower()) == ("a", "href")
        if attribute.lower() not in _FREE or not SLOT.search(value):
            continue
        left -= len(SLOT.findall(value))
        if is_address:
            head, sign, _ = SLOT.split(folded(decoded(value)), maxsplit=1)
            if head in ("", "mailto:"):
                (mails if head else pages).append(slot_of(sign))
            elif not head.startswith(_DECIDED):
                return False
    return left == 0
