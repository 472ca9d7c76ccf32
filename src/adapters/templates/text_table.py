"""A table as text: rows of cells side by side, in columns where it holds data."""

from adapters.templates.text_tags import LINE

_WIDEST_CELL = 60  # characters; more is a paragraph and the table a page's layout
_WIDEST_ROW = 100

Cell = tuple[int, int, list[str], int, int]
"""A cell's column and span, its lines, and the gaps that its content left before and after."""


def table_lines(rows: list[list[Cell]]) -> list[str]:
    """The lines of a table, whose cells have a word each."""
    rows = [row for row in rows if row]
    if _holds_data(rows):
        return _in_columns(rows)
    lines: list[str] = []
    gap = 0
    for row in rows:
        *_, before, _ = row[0]
        if lines and max(gap, before) > LINE:
            lines.append("")
        gap = _add_side_by_side(lines, row)
    return lines


def _holds_data(rows: list[list[Cell]]) -> bool:
    return (
        len(rows) > 1
        and any(len(row) > 1 for row in rows)
        and all(
            len(lines) == 1 and len(lines[0]) <= _WIDEST_CELL
            for row in rows
            for _, _, lines, _, _ in row
        )
    )


def _add_side_by_side(lines: list[str], cells: list[Cell]) -> int:
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


def _in_columns(rows: list[list[Cell]]) -> list[str]:
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
    written = []
    for row in rows:
        line = ""
        for column, _, lines, _, _ in row:
            gap = max(starts[column] - len(line), 2 if line else 0)
            line += " " * gap + lines[0]
        written.append(line)
    return written


def _barred(row: list[Cell], columns: list[int]) -> str:
    texts = {column: lines[0] for column, _, lines, _, _ in row}
    return " | ".join(texts.get(column, "") for column in columns).rstrip(" |")
