"""A text with slots for values: made of a page that has a sign in place of each value."""

import re
from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from operator import eq, itemgetter
from sys import getsizeof
from typing import NamedTuple

from adapters.templates.text_alternative import text_from_html
from adapters.templates.text_tables import TableRow, table_lines
from adapters.templates.text_writer import Writer, indented
from adapters.templates.visibility import KEEPS_LINES

CUT = "\0"
"""Stands between texts, and in none of them."""

_FIRST = 0xF0000
SLOT = re.compile("([\U000f0000-\U000fffff])")
"""A slot's sign, for private use: no blank, and no part of what HTML or a text is made of."""

Own = tuple[str | None, ...]
"""The chunks of a page that are its template's own; None for each value."""

_MOST_VARIANTS = 4
_PER_SLOT, _PER_CELL = 100, 400  # bytes, at most


def sign_of(slot: int) -> str:
    """The sign of the slot of that number."""
    return chr(_FIRST + slot)


def slot_of(sign: str) -> int:
    """The number of the slot with that sign."""
    return ord(sign) - _FIRST


class Edges(NamedTuple):
    """The numbers of the values that have a blank before them, and after them."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def page_of(self, own: Own) -> str:
        """A page with signs in place of its values."""
        chunks, slot = [], 0
        for chunk in own:
            if chunk is None:
                before, after = " " * (slot in self.before), " " * (slot in self.after)
                chunks.append(f"{before}{sign_of(slot)}{after}")
                slot += 1
            else:
                chunks.append(chunk)
        return "".join(chunks)


NO_EDGES = Edges()
"""No value has one."""


def chooser(numbers: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """What takes the items with these numbers out of a sequence."""
    if len(numbers) > 1:
        return itemgetter(*numbers)
    return lambda items: tuple([items[number] for number in numbers])


class _Slotted:
    """Texts with slots. `size`: about how many bytes it takes."""

    def __init__(self, texts: Sequence[str]) -> None:
        parts = SLOT.split(CUT.join(texts))
        self._format = "%s".join([part.replace("%", "%%") for part in parts[::2]])
        self._chosen = chooser([slot_of(sign) for sign in parts[1::2]])
        self.size = 500 + getsizeof(self._format) + _PER_SLOT * (len(parts) // 2)

    def filled(self, values: list[str]) -> list[str]:
        """The texts with these values."""
        return (self._format % self._chosen(values)).split(CUT)


class _Table:
    """A table with slots in its cells, which fills a slot itself. `size`: about how many bytes it
    takes."""

    def __init__(self, rows: list[TableRow], indent: str) -> None:
        self._rows = rows
        self._indent = indent
        self._cells = _Slotted(list(chain.from_iterable(row.texts for row in rows)))
        ends = list(accumulate([len(row.texts) for row in rows], initial=0))
        self._slices = list(map(slice, ends, ends[1:]))
        self.size = self._cells.size + getsizeof(indent) + _PER_CELL * (len(rows) + ends[-1])
        for row in rows:
            row.texts = []  # they are in `_cells`

    def filled(self, values: list[str]) -> str:
        """The table's text."""
        texts = self._cells.filled(values)
        lines = table_lines(self._rows, [texts[its] for its in self._slices])
        return indented(lines, self._indent)


class _Notes:
    """What of a page depends on its values. `links`: address and label of each link that has a
    slot. `same`: those links, by number, whose label is taken for their address. `tables`: those
    with slots; they fill the slots from number `first_table` on."""

    def __init__(self, same: tuple[int, ...], first_table: int) -> None:
        self.same = same
        self.links: list[str] = []
        self.tables: list[_Table] = []
        self.first_table = first_table


class _SlotWriter(Writer):
    """Writes signs as they come, and makes notes."""

    def __init__(self, notes: _Notes, around: "_SlotWriter | None" = None) -> None:
        super().__init__(around)
        self._notes = notes

    def within(self) -> "_SlotWriter":
        """See Writer."""
        return _SlotWriter(self._notes, around=self)

    def is_other(self, address: str, label: str) -> bool:
        """See Writer."""
        links = self._notes.links
        if not SLOT.search(address + label):
            return super().is_other(address, label)
        links += (address, label)
        return len(links) // 2 - 1 not in self._notes.same

    def table(self, rows: list[TableRow]) -> None:
        """See Writer."""
        if any(SLOT.search("".join(row.texts)) for row in rows):
            tables = self._notes.tables
            sign = sign_of(self._notes.first_table + len(tables))
            tables.append(_Table(rows, self.indent))
            rows = [TableRow()]
            rows[0].add(0, 1, 0, 0, sign)
        super().table(rows)


class Form:
    """The text of the pages with these chunks of a template's own.

    `pages` and `mails`: those values, by number, where an address begins, and where a mail address
    does. `size`: about how many bytes it takes, without the chunks.
    """

    def __init__(self, own: Own, edges: Edges, pages: list[int], mails: list[int]) -> None:
        self._own = own
        self._edges = edges
        self._pages = pages
        self._mails = mails
        self._lines = _kept_lines(edges.page_of(own))
        self._variants: dict[tuple[int, ...], tuple[_Slotted, list[_Table]] | None] = {}
        self.size = 1000 + _PER_SLOT * (len(pages) + len(mails))
        self._links = _Slotted(self._write(()).links)
        self.size += self._links.size

    def filled(self, values: list[str], html: str) -> str | None:
        """The text of `html`, which has these values in its slots; None where it depends on them in
        more than their words."""
        if (
            _kept_lines(html) != self._lines
            or not all(values[slot].startswith("http") for slot in self._pages)
            or not all(_is_mail(values[slot]) for slot in self._mails)
        ):
            return None
        links = self._links.filled(values)
        same = tuple([at for at, is_same in enumerate(map(eq, links[::2], links[1::2])) if is_same])
        if same not in self._variants and len(self._variants) < _MOST_VARIANTS:
            self._variants[same] = None  # once only, even where it ends before its time
            self._write(same)
        variant = self._variants.get(same)
        if variant is None:
            return None
        text, tables = variant
        values = values.copy()
        for table in tables:
            values.append(table.filled(values))
        return text.filled(values)[0]

    def _write(self, same: tuple[int, ...]) -> _Notes:
        notes = _Notes(same, self._own.count(None))
        text = _Slotted([text_from_html(self._edges.page_of(self._own), _SlotWriter(notes))])
        self._variants[same] = (text, notes.tables)
        self.size += text.size + sum([table.size for table in notes.tables])
        self.size += _PER_SLOT * (len(same) + 10)
        return notes


def _is_mail(address: str) -> bool:
    """Whether it is shown as it is where it follows `mailto:`."""
    return "@" in address and not address.startswith("tel:")


def _kept_lines(page: str) -> tuple[int, ...]:
    """What a page that may keep lines has of these: values must not add to them."""
    kept = page.count(KEEPS_LINES)
    return (kept, page.count("\n"), page.count("\r")) if kept else ()
