"""A table as text: rows of cells side by side, in columns where it holds data."""

from itertools import pairwise
from typing import NamedTuple

from adapters.templates.text_writer import LINE, Writer

_WIDEST_CELL = 60  # characters; more is a paragraph and the table a page's layout
_WIDEST_ROW = 100
_MOST_COLUMNS = 1000
_MOST_COVERED = 100
"""Columns of which it is remembered that a cell of a row above reaches into them."""


class _Cell(NamedTuple):
    """A cell's lines, its columns, and the gaps that its content left at its edges."""

    column: int
    span: int
    lines: list[str]
    before: int
    after: int


class Table:
    """Takes rows and cells in turn; keeps the cells that have a word. `around` is the writer that
    the table stands in."""

    def __init__(self, around: Writer) -> None:
        self.around = around
        self._rows: list[list[_Cell]] = [[]]
        self._column = 0
        self._span = 0
        """Columns of the cell that is open or has just ended; 0: no cell in this row yet."""
        self._covered: dict[int, int] = {}
        """Column -> rows from this one on that a cell of a row above reaches into."""

    def begin_row(self) -> None:
        """A row begins, and the one before has ended."""
        if self._rows[-1]:
            self._rows.append([])
        self._column = self._span = 0
        if self._covered:
            self._covered = {at: rows - 1 for at, rows in self._covered.items() if rows > 1}

    def begin_cell(self, span: int, rows: int, before: Writer) -> None:
        """A cell begins, over so many columns and rows; `before` is the content of the one
        before."""
        if before.pieces or before.pre is not None:
            self.end_cell(before)
        else:
            before.gap = 0
        self._column += self._span
        self._span = span
        if self._covered:
            while self._column in self._covered:
                self._column += 1
        if rows > 1 and len(self._covered) < _MOST_COVERED:
            reach = range(self._column, self._column + min(span, _MOST_COVERED))
            self._covered |= dict.fromkeys(reach, rows)

    def end_cell(self, content: Writer) -> None:
        """The cell has this content, which is cleared; what stands before a row's first cell gets a
        row of its own."""
        if not content.pieces and content.pre is None:
            content.gap = 0
            return
        lines, span = content.lines(), self._span or _MOST_COLUMNS
        if lines:
            cell = _Cell(self._column, span, lines, content.first_gap, content.gap)
            self._rows[-1].append(cell)
        content.clear()
        if not self._span:
            self._rows.append([])

    def lines(self) -> list[str]:
        """The whole table."""
        rows = [row for row in self._rows if row]
        if self._holds_data(rows):
            return _in_columns(rows)
        lines: list[str] = []
        after = 0
        for row in rows:
            if lines and max(after, row[0].before) > LINE:
                lines.append("")
            _add_side_by_side(lines, row)
            after = row[-1].after
        return lines

    @staticmethod
    def _holds_data(rows: list[list[_Cell]]) -> bool:
        return (
            len(rows) > 1
            and any(len(row) > 1 for row in rows)
            and all(
                len(cell.lines) == 1 and len(cell.lines[0]) <= _WIDEST_CELL
                for row in rows
                for cell in row
            )
        )


def _add_side_by_side(lines: list[str], cells: list[_Cell]) -> None:
    """Add a row's cells; a cell whose content is a block of its own begins on a line of its own."""
    lines += cells[0].lines
    for left, right in pairwise(cells):
        gap = max(left.after, right.before)
        if gap or len(lines[-1]) + len(right.lines[0]) > _WIDEST_ROW:
            if gap > LINE:
                lines.append("")
            lines += right.lines
        else:
            lines[-1] += f"  {right.lines[0]}"
            lines += right.lines[1:]


def _in_columns(rows: list[list[_Cell]]) -> list[str]:
    """One line a row, each cell below those of its column; columns without a word are left out."""
    widths: dict[int, int] = {}
    for row in rows:
        for cell in row:
            width = len(cell.lines[0]) if cell.span == 1 else 0
            widths[cell.column] = max(width, widths.get(cell.column, 0))
    if sum(widths.values()) + 2 * len(widths) > _WIDEST_ROW:
        return [_barred(row, sorted(widths)) for row in rows]
    starts, start = {}, 0
    for column in sorted(widths):
        starts[column] = start
        start += widths[column] + 2
    lines = []
    for row in rows:
        line = ""
        for cell in row:
            gap = max(starts[cell.column] - len(line), 2 if line else 0)
            line += " " * gap + cell.lines[0]
        lines.append(line)
    return lines


def _barred(row: list[_Cell], columns: list[int]) -> str:
    texts = {cell.column: cell.lines[0] for cell in row}
    return " | ".join(texts.get(column, "") for column in columns).rstrip(" |")
