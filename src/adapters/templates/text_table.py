"""A table as text: rows of cells side by side, in columns where it holds data."""

from adapters.templates.text_writer import LINE, Writer

_WIDEST_CELL = 60  # characters; more is a paragraph and the table a page's layout
_WIDEST_ROW = 100
_MOST_COLUMNS = 1000
_MOST_COVERED = 100
"""Columns of which it is remembered that a cell of a row above reaches into them."""


_Cell = tuple[int, int, list[str], int, int]
"""A cell's column and span, its lines, and the gaps that its content left before and after."""


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

    def begin_row(self, before: Writer) -> None:
        """A row begins, and the one before has ended; `before` is what its last cell holds."""
        self.end_cell(before)
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
        lines, before, after = content.take()
        if lines:
            span = self._span or _MOST_COLUMNS
            self._rows[-1].append((self._column, span, lines, before, after))
        if not self._span:
            self._rows.append([])

    def lines(self) -> list[str]:
        """The whole table."""
        rows = [row for row in self._rows if row]
        if self._holds_data(rows):
            return _in_columns(rows)
        lines: list[str] = []
        gap = 0
        for row in rows:
            *_, before, _ = row[0]
            if lines and max(gap, before) > LINE:
                lines.append("")
            gap = _add_side_by_side(lines, row)
        return lines

    @staticmethod
    def _holds_data(rows: list[list[_Cell]]) -> bool:
        return (
            len(rows) > 1
            and any(len(row) > 1 for row in rows)
            and all(
                len(lines) == 1 and len(lines[0]) <= _WIDEST_CELL
                for row in rows
                for _, _, lines, _, _ in row
            )
        )


def _add_side_by_side(lines: list[str], cells: list[_Cell]) -> int:
    """Add a row's cells, and return the gap after them; a cell whose content is a block of its own
    begins on a line of its own."""
    _, _, first, _, left = cells[0]
    lines += first
    for _, _, content, before, after in cells[1:]:
        gap = max(left, before)
        if gap or len(lines[-1]) + len(content[0]) > _WIDEST_ROW:
            if gap > LINE:
                lines.append("")
            lines += content
        else:
            lines[-1] += f"  {content[0]}"
            lines += content[1:]
        left = after
    return left


def _in_columns(rows: list[list[_Cell]]) -> list[str]:
    """One line a row, each cell below those of its column; columns without a word are left out."""
    widths: dict[int, int] = {}
    for row in rows:
        for column, span, lines, _, _ in row:
            width = len(lines[0]) if span == 1 else 0
            widths[column] = max(width, widths.get(column, 0))
    if sum(widths.values()) + 2 * len(widths) > _WIDEST_ROW:
        return [_barred(row, sorted(widths)) for row in rows]
    starts, start = {}, 0
    for column in sorted(widths):
        starts[column] = start
        start += widths[column] + 2
    return [_placed(row, starts) for row in rows]


def _barred(row: list[_Cell], columns: list[int]) -> str:
    texts = {column: lines[0] for column, _, lines, _, _ in row}
    return " | ".join(texts.get(column, "") for column in columns).rstrip(" |")


def _placed(row: list[_Cell], starts: dict[int, int]) -> str:
    line = ""
    for column, _, lines, _, _ in row:
        gap = max(starts[column] - len(line), 2 if line else 0)
        line += " " * gap + lines[0]
    return line
