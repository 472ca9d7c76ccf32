"""The text part of pages that differ from earlier ones in values alone.

Most of a mail is its template's. What comes of that is worked out once for each sequence of a
template's own chunks: a page is read with signs in place of its values, and the values of each
later mail go where the signs came out. That is the text which the page itself would give: values
count only where they are words, and where nothing that they could be makes a difference.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from html import unescape
from itertools import accumulate
from sys import getsizeof

from adapters.html import ATTRIBUTE, decoded, tokens
from adapters.templates.text_alternative import UNSEEN, text_from_html
from adapters.templates.text_pieces import RARE, folded
from adapters.templates.text_slots import CUT, NO_EDGES, SLOT, Edges, Form, Own, chooser, slot_of

MOST_CHUNKS = 1000
"""There is no form of a page of more."""
_LONGEST = 100_000  # characters of a page
MOST_BYTES = 4 * 1024 * 1024
"""What all forms take, as they are stored."""
_EMPTY, _PER_CHUNK = 1000, 50  # bytes, at most
_MOST_EDGES = 4
_MOST_MET = 4096
# To make a form takes as long as to read several pages. Where the pages of a template hardly ever
# come again, or there are too many of them, none is made for so many pages after one was dropped.
_PAGES_FOR_ONE = 64

_UNUSUAL = re.compile(rf"{CUT}|{SLOT.pattern}|<pre[\s/>]", re.IGNORECASE)
# Where the first or last sign of a value could change how the page is read: in the name of a tag,
# after a reference that does not end, and before what could end a comment.
_IN_SYNTAX = re.compile(rf"(?:<[^\s<>]*|&[#a-zA-Z0-9]*){SLOT.pattern}")
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


Make = Callable[[Own, Edges], Form | None]


class TextForms:
    """The forms of the pages that came more than once, those that came last. `made`: how many pages
    it has tried to make one of. `failures`: of how many forms it was wrong that they have one."""

    def __init__(self, most_bytes: int = MOST_BYTES, make: Make | None = None) -> None:
        """`most_bytes`: what is remembered of all pages. `make`: what makes a form."""
        self._most_bytes = most_bytes
        self._make = make or form_of
        self._kept: OrderedDict[int, KnownPages] = OrderedDict()
        self._met: set[int] = set()
        self._pages = 0
        self._next = 0  # when one may be made again
        self.made = self.failures = 0

    @property
    def size(self) -> int:
        """How many bytes its forms take."""
        return sum([pages.size for pages in self._kept.values()])

    def text_of(self, chunks: Sequence[str], html: str, known: Mapping[str, str]) -> str:
        """`text_from_html(html)`, which consists of these chunks. `known`: what is no value among
        them, each its own key."""
        text = None
        self._pages += 1
        if 0 < len(chunks) <= MOST_CHUNKS and len(html) <= _LONGEST:
            own = tuple(map(known.get, chunks))
            number = hash(own)
            if pages := self._kept.get(number):
                self._kept.move_to_end(number)
                if pages.own == own:
                    text = self._filled(pages, chunks, html)
            elif self._comes_again(number):
                self.made += 1
                pages = self._kept[number] = KnownPages(own, self._make)
                self._drop(pages)
                text = self._filled(pages, chunks, html)
        return text_from_html(html) if text is None else text

    def _filled(self, pages: "KnownPages", chunks: Sequence[str], html: str) -> str | None:
        """The page's text by its form; None where it has none."""
        before = pages.size
        try:
            return pages.text_of(chunks, html)
        except MemoryError:  # the rendering's own bound
            raise
        except Exception:  # noqa: BLE001 - the page itself always gives its text
            self.failures += 1
            pages.give_up()
            return None
        finally:
            if pages.size != before:
                self._drop(pages)

    def _comes_again(self, number: int) -> bool:
        """Whether to make a form is probably not in vain: it is the first time above all."""
        if number in self._met:
            return self._pages >= self._next
        if len(self._met) >= _MOST_MET:
            self._met.clear()
        self._met.add(number)
        return False

    def _drop(self, grown: "KnownPages") -> None:
        """Drop what was used longest ago, until the rest is small enough."""
        if grown.size > self._most_bytes // 2:
            grown.give_up()
        size = self.size
        while size > self._most_bytes:
            _, pages = self._kept.popitem(last=False)
            size -= pages.size
            self._next = self._pages + _PAGES_FOR_ONE


class KnownPages:
    """The pages with the same chunks of a template's own. Blanks at a value's edges make the form
    another one; where there is no value at all, the text is remembered. `own`: the chunks; empty
    where there is no form. `size`: about how many bytes it takes."""

    def __init__(self, own: Own, make: Make | None = None) -> None:
        self.own = own
        self._make = make or form_of
        self.size = _EMPTY + _PER_CHUNK * len(own) + sum(map(getsizeof, set(own)))
        self._values = chooser([at for at, chunk in enumerate(own) if chunk is None])
        self._forms: dict[Edges, Form | None] = {}
        self._text: str | None = None

    def text_of(self, chunks: Sequence[str], html: str) -> str | None:
        """The text of a page; None where only the page itself gives it."""
        values = self._values(chunks)
        if not values:
            return self._only_text(html)
        if (text := _words(values)) is None:
            return None
        text, edges = _edges(text)
        words = text.split(_BAR)[1:-1]
        if len(words) != len(values) or "" in words:
            return None
        if edges not in self._forms:
            self._try(edges)
        if (form := self._forms.get(edges)) is None:
            return None
        before = form.size
        filled = form.filled(words, html)
        self.size += form.size - before
        return filled

    def give_up(self) -> None:
        """See that there is no form, and that none is made."""
        self.own, self.size, self._values = (), _EMPTY, chooser(())
        self._forms, self._text = {}, None

    def _only_text(self, html: str) -> str | None:
        """The text of the one page that has these chunks alone."""
        if self._text is None and self.own:
            self._text = text_from_html(html)
            self.size += getsizeof(self._text)
        return self._text

    def _try(self, edges: Edges) -> None:
        if len(self._forms) < _MOST_EDGES:
            self._forms[edges] = None  # it is tried once, even where it ends before its time
            form = self._forms[edges] = self._make(self.own, edges)
            self.size += _PER_CHUNK * len(self.own) + (form.size if form else 0)


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


def _edges(text: str) -> tuple[str, Edges]:
    """The words between bars, without blanks at their edges, and where there were some."""
    starts = text.split(f"{_BAR} ")
    ends = _BAR.join(starts).split(f" {_BAR}")
    if len(starts) == len(ends) == 1:
        return text, NO_EDGES
    before = accumulate([piece.count(_BAR) + 1 for piece in starts[:-1]])
    after = accumulate([piece.count(_BAR) + 1 for piece in ends[:-1]])
    edges = Edges(tuple([bars - 1 for bars in before]), tuple([bars - 2 for bars in after]))
    return _BAR.join(ends), edges


def form_of(own: Own, edges: Edges) -> Form | None:
    """The form of the pages with these chunks; None where none is sure to be right."""
    source = "".join(filter(None, own))
    if _UNUSUAL.search(source) or _UNUSUAL.search(unescape(source)):
        return None
    page = edges.page_of(own)
    seen = UNSEEN.sub("", page)
    if any(map(_IN_SYNTAX.search, (page, seen))) or any(map(_is_risky, UNSEEN.finditer(page))):
        return None
    pages, mails = list[int](), list[int]()
    for name, attributes, _ in tokens(seen)[1]:
        if SLOT.search(attributes) and not _is_sound(name.lower(), attributes, pages, mails):
            return None
    return Form(own, edges, pages, mails)


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
