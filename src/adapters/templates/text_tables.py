"""The lines of a table: in columns where it holds data, else one cell after the other."""

LINE, PARAGRAPH = 1, 2
"""Gaps: a new line, and one with an empty line before it."""

Cell = tuple[int, int, str, int, int]
"""A cell's column and span, its text, and the gaps that its content left before and after."""

_WIDEST_CELL = 60  # characters; more is a paragraph and the table a page's layout
_WIDEST_ROW = 100


def table_lines(rows: list[list[Cell]]) -> list[str]:
    """The lines of a table, whose cells have a word each: in columns where it holds data."""
    rows = [row for row in rows if row]
    widths = _widths(rows)
    if widths is None:
        return _side_by_side(rows)
    columns = sorted(widths)
    if sum(widths.values()) + 2 * len(widths) > _WIDEST_ROW:
        return [_barred(row, columns) for row in rows]
    starts, start = {}, 0
    for column in columns:
        starts[column] = start
        start += widths[column] + 2
    written = []
    for row in rows:
        line = ""
        for column, _, text, _, _ in row:
            gap = max(starts[column] - len(line), 2 if line else 0)
            line += " " * gap + text
        written.append(line)
    return written


def _widths(rows: list[list[Cell]]) -> dict[int, int] | None:
    """How wide each column is that has a word; None: this is a page's layout, and no data."""
    if len(rows) < 2:
        return None
    widths: dict[int, int] = {}
    for row in rows:
        for column, span, text, _, _ in row:
            width = len(text)
            if width > _WIDEST_CELL or "\n" in text:
                return None
            widths[column] = max(widths.get(column, 0), width if span == 1 else 0)
    return widths if len(widths) > 1 else None


def _side_by_side(rows: list[list[Cell]]) -> list[str]:
    """A line for each row; a cell whose content is a block of its own begins on a line of its
    own."""
    written: list[str] = []
    left = 0
    for row in rows:
        for number, (_, _, text, before, after) in enumerate(row):
            gap = max(left, before)
            lines = text.split("\n")
            if number and not gap and len(written[-1]) + len(lines[0]) <= _WIDEST_ROW:
                written[-1] += f"  {lines[0]}"
                written += lines[1:]
            else:
                if gap > LINE and written:
                    written.append("")
                written += lines
            left = after
    return written


def _barred(row: list[Cell], columns: list[int]) -> str:
    texts = {column: text for column, _, text, _, _ in row}
    return " | ".join(texts.get(column, "") for column in columns).rstrip(" |")
