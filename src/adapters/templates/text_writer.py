"""Words into lines: gaps, links, lists, preformatted text and the cells of a table."""

from typing import TYPE_CHECKING

from adapters.templates.text_tables import LINE, PARAGRAPH, TableRow, table_lines

if TYPE_CHECKING:
    from adapters.templates.text_pieces import Tag

_BREAKS = ("", "\n", "\n\n")
_MOST_COLUMNS = 1000
# Columns of which it is remembered that a cell of a row above reaches into them.
_MOST_COVERED = 100


class _List:
    """An open list. `number`: of its next item, None where items have bullets. `indent` stands
    before an item's bullet, `text_indent` before its further lines."""

    def __init__(self, number: int | None, indent: str) -> None:
        self.number = number
        self.indent = self.text_indent = indent


class Writer:
    """Collects words; a gap or a bullet is only remembered, and written before the next word.

    `pieces`: what was written. `first_gap`: the gap that was left before the first word. `gap`: the
    one after the last. `space`: whether the next word is set apart from the one before it.
    `after_link`: whether a link has just ended. `bullet`: stands before the next word. `pre`: the
    text so far, within preformatted text. `link`: the address of the one that is open, and where
    it begins. `depth`: how many tables are around it. `undrawn`: open tables that are too deep.
    """

    def __init__(self, around: "Writer | None" = None) -> None:
        self.around = around
        self.depth: int = around.depth + 1 if around else 0
        self.undrawn = 0
        self.rows = [TableRow()]
        self._column = 0
        # Columns of the cell that is open or has just ended; 0: no cell in this row yet.
        self._span = 0
        # Column -> rows from this one on that a cell of a row above reaches into.
        self._covered: dict[int, int] = {}
        self.first_gap = 0
        self.gap = 0
        self.pieces: list[str] = []
        self.space = False
        self.after_link = False
        self.lists: list[_List] = []
        self.bullet = ""
        self.pre: list[str] | None = None
        self.link: tuple[str, int] | None = None

    def within(self) -> "Writer":
        """A writer for a table in what this one writes."""
        return Writer(around=self)

    def put(self, text: str) -> None:
        """A text, after the gap or bullet that is due."""
        lists, gap = self.lists, self.gap
        if self.bullet:
            text = (lists[-1].indent if lists else "") + self.bullet + text
            gap = gap or LINE
        elif lists and (gap or not self.pieces):
            text = lists[-1].text_indent + text
        if self.pieces:
            text = _BREAKS[gap] + text
        else:
            self.first_gap = self.gap
        self.pieces.append(text)
        self.bullet = ""
        self.gap = 0
        self.after_link = False

    def block(self, lines: list[str]) -> None:
        """Lines that are laid out already; the first has a word."""
        if lines:
            self.put(indented(lines, self.indent))
            self.leave(LINE)

    @property
    def indent(self) -> str:
        """What stands before each further line of an item."""
        return self.lists[-1].text_indent if self.lists else ""

    def leave(self, gap: int) -> None:
        """See that there is at least this gap before what comes next."""
        if self.pre is not None:
            if self.pre and not self.pre[-1].endswith("\n"):
                self.pre.append("\n")
        elif gap > self.gap and not self.bullet:
            self.gap = gap

    def line_break(self, _tag: "Tag") -> None:
        """A `br`: the second one in a row leaves a line empty."""
        if self.pre is not None:
            self.pre.append("\n")
        elif not self.bullet:
            self.gap = LINE if self.gap < LINE else PARAGRAPH

    def set_apart(self, _tag: "Tag") -> None:
        """A blank is due before the next word."""
        self.space = True

    def start_link(self, tag: "Tag") -> None:
        """An `a`; it ends one that is still open."""
        if self.link is not None:
            self.close_link()
        if self.after_link:  # one that follows another directly is set apart
            self.space = True
        self.link = (tag.address, len(self.pieces if self.pre is None else self.pre))

    def close_link(self, _tag: "Tag | None" = None) -> None:
        """The link that is open ends, at its end tag or what implies it: its address is kept."""
        if self.link is None:
            return
        address, start = self.link
        self.link = None
        written = self.pieces if self.pre is None else self.pre
        label = "".join(written[start:]).strip()
        if address and self.is_other(address, label):
            if self.pre is not None:
                self.pre.append(f" <{address}>" if label else f"<{address}>")
            elif self.pieces and not (self.gap or self.bullet):
                self.pieces.append(f" <{address}>")
            else:
                self.put(f"<{address}>")
        self.after_link = True

    def is_other(self, address: str, label: str) -> bool:
        """Whether a link's label leaves its address unsaid."""
        return address != label

    def start_list(self, tag: "Tag") -> None:
        """A list begins, within an item perhaps."""
        self.bullet = ""
        self.leave(LINE if self.lists else PARAGRAPH)
        self.lists.append(_List(tag.number, self.lists[-1].text_indent if self.lists else ""))

    def end_list(self, _tag: "Tag") -> None:
        """The innermost list ends."""
        self.bullet = ""
        del self.lists[-1:]
        self.leave(LINE if self.lists else PARAGRAPH)

    def item(self, _tag: "Tag") -> None:
        """An item begins; one without a word leaves no trace."""
        self.bullet = ""
        self.leave(LINE)
        self.bullet = "- "
        if self.lists:
            innermost = self.lists[-1]
            if innermost.number is not None:
                self.bullet = f"{innermost.number}. "
                innermost.number += 1
            innermost.text_indent = innermost.indent + " " * len(self.bullet)

    def start_pre(self, _tag: "Tag") -> None:
        """What comes now keeps its lines and blanks."""
        self.leave(PARAGRAPH)
        if self.pre is None:
            self.pre = []

    def end_pre(self, _tag: "Tag | None" = None) -> None:
        """Lines and blanks count no longer."""
        if self.pre is not None:
            text = "".join(self.pre).replace("\r\n", "\n").rstrip()
            self.pre = None
            lines = text.split("\n")
            while lines and not lines[0].strip():
                del lines[0]
            self.block(lines)
            self.leave(PARAGRAPH)

    def table(self, rows: list[TableRow]) -> None:
        """A table that has ended, by its rows that have a word."""
        self.leave(PARAGRAPH)
        self.block(table_lines(rows, [row.texts for row in rows]))
        self.leave(PARAGRAPH)

    def row(self, _tag: "Tag") -> None:
        """A row or a caption begins, and the cell before ends."""
        self.cell()
        if self.undrawn:
            return
        if self.rows[-1].cells:
            self.rows.append(TableRow())
        self._column = self._span = 0
        if self._covered:
            self._covered = {at: rows - 1 for at, rows in self._covered.items() if rows > 1}

    def cell(self, tag: "Tag | None" = None) -> None:
        """A cell begins, and the one before ends; None: only that. What stands before a row's first
        cell gets a row of its own."""
        if self.around is None:
            return
        if self.undrawn:
            self.leave(LINE)
            return
        if self.link is not None:
            self.close_link()
        if self.pieces or self.pre is not None:
            if self.pre is not None:
                self.end_pre()
            if self.pieces:
                text, span = "".join(self.pieces), self._span or _MOST_COLUMNS
                self.rows[-1].add(self._column, span, self.first_gap, self.gap, text)
                if not self._span:
                    self.rows.append(TableRow())
            self.pieces, self.lists = [], []
            self.space = self.after_link = False
            self.bullet = ""
        self.gap = 0
        if tag is not None:
            self._column += self._span
            self._span = tag.span
            if self._covered or tag.rows > 1:
                self._cover(tag)

    def _cover(self, tag: "Tag") -> None:
        """Leave room for the cells of rows above, and in the rows below."""
        while self._column in self._covered:
            self._column += 1
        if tag.rows > 1 and len(self._covered) < _MOST_COVERED:
            reach = range(self._column, self._column + min(tag.span, _MOST_COVERED))
            self._covered |= dict.fromkeys(reach, tag.rows)


def indented(lines: list[str], indent: str) -> str:
    """The lines as one text, where further ones than the first begin with `indent`."""
    further = f"\n{indent}"
    return lines[0] + "".join([further + line if line else "\n" for line in lines[1:]])
