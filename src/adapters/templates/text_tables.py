"""The lines of a table: in columns where it holds data, else one cell after the other."""

from collections.abc import Sequence

LINE, PARAGRAPH = 1, 2
"""Gaps: a new line, and one with an empty line before it."""

_WIDEST_CELL = 60  # characters; more is a paragraph and the table a page's layout
_WIDEST_ROW = 100
_BETWEEN = "  "


class TableRow:
    """A row's cells: for each its column and span, the gaps that its content left before and after,
    and its text. `is_line`: no gap stands between two of them."""

    __slots__ = ("cells", "is_line", "texts")

    def __init__(self) -> None:
        self.cells: list[tuple[int, int, int, int]] = []
        self.texts: list[str] = []
        self.is_line = True

    def add(self, column: int, span: int, before: int, after: int, text: str) -> None:
        """A cell more. The text has a word."""
        if self.cells and (before or self.cells[-1][3]):
            self.is_line = False
        self.cells.append((column, span, before, after))
        self.texts.append(text)


def table_lines(rows: Sequence[TableRow], texts: Sequence[list[str]]) -> list[str]:
    """The lines of a table, none of whose rows is empty: in columns where it holds data. `texts`:
    those of each row's cells."""
    widths = _widths(rows, texts)
    if widths is None:
        return _side_by_side(rows, texts)
    columns = sorted(widths)
    if sum(widths.values()) + 2 * len(widths) > _WIDEST_ROW:
        return [_barred(row, own, columns) for row, own in zip(rows, texts, strict=True)]
    starts, start = {}, 0
    for column in columns:
        starts[column] = start
        start += widths[column] + 2
    written = []
    for row, own in zip(rows, texts, strict=True):
        line = ""
        for cell, text in zip(row.cells, own, strict=True):
            gap = max(starts[cell[0]] - len(line), 2 if line else 0)
            line += " " * gap + text
        written.append(line)
    return written


def _widths(rows: Sequence[TableRow], texts: Sequence[list[str]]) -> dict[int, int] | None:
    """How wide each column is that has a word; None: this is a page's layout, and no data."""
    if len(rows) < 2:
        return None
    widths: dict[int, int] = {}
    for row, own in zip(rows, texts, strict=True):
        for (column, span, _, _), text in zip(row.cells, own, strict=True):
            width = len(text)
            if width > _WIDEST_CELL or "\n" in text:
                return None
            widths[column] = max(widths.get(column, 0), width if span == 1 else 0)
    return widths if len(widths) > 1 else None


def _side_by_side(rows: Sequence[TableRow], texts: Sequence[list[str]]) -> list[str]:
    """A line for each row; a cell whose content is a block of its own begins on a line of its
    own."""
    written: list[str] = []
    left = 0
    for row, own in zip(rows, texts, strict=True):
        if max(left, row.cells[0][2]) > LINE and written:
            written.append("")
        line = _BETWEEN.join(own)
        fits = len(own) == 1 or len(line) <= _WIDEST_ROW + len(_BETWEEN)
        if row.is_line and fits and "\n" not in line:
            written.append(line)
        else:
            written += _cell_by_cell(row, own)
        left = row.cells[-1][3]
    return written


def _cell_by_cell(row: TableRow, texts: list[str]) -> list[str]:
    written: list[str] = []
    left = 0
    for (_, _, before, after), text in zip(row.cells, texts, strict=True):
        gap = max(left, before) if written else LINE
        lines = text.split("\n")
        if not gap and len(written[-1]) + len(lines[0]) <= _WIDEST_ROW:
            written[-1] += _BETWEEN + lines[0]
            written += lines[1:]
        else:
            if gap > LINE:
                written.append("")
            written += lines
        left = after
    return written


def _barred(row: TableRow, texts: list[str], columns: list[int]) -> str:
    by_column = {cell[0]: text for cell, text in zip(row.cells, texts, strict=True)}
    return " | ".join([by_column.get(column, "") for column in columns]).rstrip(" |")
