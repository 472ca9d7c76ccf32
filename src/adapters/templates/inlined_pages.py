"""Pages with their rules in their tags, of pages that differ from earlier ones in values alone.

To inline a page takes a good part of what a whole mail takes. So it is done once for each sequence
of a template's own chunks, on a page with signs in place of its values, and the values of each
later mail go where the signs are. A value that decides which rules count, as a class does, is part
of that page.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from sys import getsizeof
from typing import NamedTuple

from adapters.html import ATTRIBUTE, QUOTED
from adapters.templates.inlining import LONGEST, inlined
from adapters.templates.text_alternative import UNSEEN
from adapters.templates.text_slots import NO_EDGES, SLOT, Own, chooser, slot_of

MOST_BYTES = 4 * 1024 * 1024
"""What all forms take, about."""

MOST_CHUNKS = 10_000
"""There is no form of a page of more."""
_MOST_VARIANTS = 16
_MOST_MET = 4096
_EMPTY, _PER_CHUNK = 1000, 60  # bytes, at most
_LEAST_USED = 64  # pages after one was dropped until one is made again

_LONGEST_KEPT = 300  # characters; a longer value comes only once
_MARKUP = re.compile("[<>\"']")
# Of a value that is markup: the texts in it, and the addresses.
_WORDS = re.compile(r"(>| (?:href|src)=\")([^<>\"']+)(?=[<\"])")
_TAG = re.compile(
    rf"{UNSEEN.pattern}|<(/?[a-zA-Z][^\s/>]*)({QUOTED}|[^>]*)(?:>|\Z)", re.IGNORECASE | re.DOTALL
)
# Attributes that decide which rules count, and those that a sheet asks for.
_DECIDE = frozenset(("class", "id", "style", "media", "lang", "data-css-inline"))
_ASKED = re.compile(r"\[\s*([\w-]+)")
_ASKS_FOR_WORDS = re.compile(r":(?:empty|blank)\b", re.IGNORECASE)
# Where a value could make another tag or comment of what is around it.
_IN_SYNTAX = re.compile(rf"<[^\s<>]*{SLOT.pattern}|{SLOT.pattern}[-!]*>")


Inline = Callable[[str], str]
"""Raises NotInlined."""


class _InlinedForm(NamedTuple):
    """A page with a place for each value. `values` chooses them of all."""

    text: str
    values: Callable[[Sequence[str]], tuple[str, ...]]


class _Sequence:
    """The pages with the same chunks of a template's own. `size`: about how many bytes it takes."""

    def __init__(self, own: Own, inline: Inline) -> None:
        self.own = own
        self._inline = inline
        self.size = _EMPTY + _PER_CHUNK * len(own)
        is_clean = not SLOT.search("".join(filter(None, own)))
        deciding = _deciding(own) if is_clean else None
        self._is_usual = deciding is not None
        self._deciding = deciding or []
        self._key = chooser(self._deciding)
        self._forms: dict[tuple[str, ...], _InlinedForm] = {}

    def page_of(self, values: Sequence[str]) -> str | None:
        """The page with these values; None where it is to be inlined by itself."""
        if not self._is_usual:
            return None
        key = self._key(values)
        form = self._forms.get(key)
        if form is None:
            if len(self._forms) >= _MOST_VARIANTS or any(map(SLOT.search, key)):
                return None
            form = self._forms[key] = self._form(key)
            self.size += getsizeof(form.text) + _PER_CHUNK * len(key)
        return form.text % form.values(values)

    def _form(self, key: Sequence[str]) -> _InlinedForm:
        given = dict(zip(self._deciding, key, strict=True))
        page = NO_EDGES.page_of(self.own)
        page = SLOT.sub(lambda sign: given.get(slot_of(sign[0]), sign[0]), page)
        pieces = SLOT.split(self._inline(page))
        text = "%s".join([piece.replace("%", "%%") for piece in pieces[::2]])
        return _InlinedForm(text, chooser([slot_of(sign) for sign in pieces[1::2]]))


class InlinedPages:
    """Inlines pages, and remembers what comes again. `size`: about how many bytes it takes."""

    def __init__(self, most_bytes: int = MOST_BYTES, inline: Inline = inlined) -> None:
        """`most_bytes`: what is remembered of all pages. `inline`: what inlines one."""
        self._most_bytes = most_bytes
        self._inline = inline
        self._kept: OrderedDict[int, _Sequence] = OrderedDict()
        self._met: set[int] = set()
        self._pages = self._next = 0

    @property
    def size(self) -> int:
        """How many bytes its forms take."""
        return sum([one.size for one in self._kept.values()])

    def page_of(self, chunks: Sequence[str], html: str, known: Mapping[str, str]) -> str:
        """`inlined(html)`, which consists of these chunks. `known`: what is no value among them,
        each its own key. Raises NotInlined."""
        self._pages += 1
        if not 0 < len(chunks) <= MOST_CHUNKS or len(html) > LONGEST:
            return self._inline(html)
        own: Own = tuple(map(known.get, chunks))
        values = [chunk for chunk, part in zip(chunks, own, strict=True) if part is None]
        if _MARKUP.search("".join(values)) or not all(map(str.strip, values)):
            own, values = _opened(chunks, own)
        sequence = self._sequence(own) if len(own) <= MOST_CHUNKS else None
        if sequence is None:
            return self._inline(html)
        before = sequence.size
        page = sequence.page_of(values)
        if sequence.size != before:
            self._drop()
        return self._inline(html) if page is None else page

    def _sequence(self, own: Own) -> _Sequence | None:
        number = hash(own)
        found = self._kept.get(number)
        if found is not None:
            self._kept.move_to_end(number)
            return found if found.own == own else None
        if number not in self._met:  # most sequences that come twice come often
            if len(self._met) >= _MOST_MET:
                self._met.clear()
            self._met.add(number)
        elif self._pages >= self._next:
            self._kept[number] = _Sequence(own, self._inline)
            return self._kept[number]
        return None

    def _drop(self) -> None:
        """Drop what was used longest ago, until the rest is small enough."""
        while self._kept and self.size > self._most_bytes:
            self._kept.popitem(last=False)
            self._next = self._pages + _LEAST_USED


def _opened(chunks: Sequence[str], own: Own) -> tuple[Own, list[str]]:
    """The chunks in which of each value that is markup only the words are a value, and a blank one
    is not: a page may begin with blanks before its head is over."""
    parts: list[str | None] = []
    values: list[str] = []
    for chunk, part in zip(chunks, own, strict=True):
        if part is not None:
            parts.append(part)
            continue
        its_parts, its_values = (_known_pieces if len(chunk) <= _LONGEST_KEPT else _pieces)(chunk)
        parts += its_parts
        values += its_values
    return tuple(parts), values


def _pieces(value: str) -> tuple[list[str | None], list[str]]:
    """What of a value is as good as the template's own, with None for the rest; and the rest."""
    if not value.strip():
        return [value], []
    if not _MARKUP.search(value):
        return [None], [value]
    pieces = _WORDS.split(value)
    parts: list[str | None] = []
    values: list[str] = []
    for markup, before, words in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=False):
        if words.strip():
            parts += (markup + before, None)
            values.append(words)
        else:
            parts.append(markup + before + words)
    return [*parts, pieces[-1]], values


_known_pieces = lru_cache(maxsize=1024)(_pieces)


def _deciding(own: Own) -> list[int] | None:
    """The numbers of the values that may decide which rules count, or where a tag ends; None: any
    may."""
    page = NO_EDGES.page_of(own)
    tags = list(_TAG.finditer(page))
    sheets = [found[0] for found in tags if (found[1] or "").lower() == "style"]
    if any(map(_ASKS_FOR_WORDS.search, sheets)):
        return None
    names = _DECIDE.union(*(map(str.lower, _ASKED.findall(sheet)) for sheet in sheets))
    places = [*sheets, *(found[0] for found in _IN_SYNTAX.finditer(page))]
    deciding = set(SLOT.findall("".join(places)))
    for found in tags:
        if found[2] and SLOT.search(found[0]):
            deciding |= set(SLOT.findall(found[0])) - _free_in(found[3], names)
    return sorted(map(slot_of, deciding))


def _free_in(attributes: str, deciding: frozenset[str]) -> set[str]:
    """The signs in attributes that decide nothing: they stand in quotes."""
    free = set[str]()
    for name, double, single, _ in ATTRIBUTE.findall(attributes):
        if name.lower() not in deciding:
            free.update(SLOT.findall(double or single))
    return free
