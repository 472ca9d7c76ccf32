"""The plain text of an HTML mail, for readers and filters that want one.

One pass over the tags; what HTML implies (a paragraph that the next one ends, a cell that the next
row ends) follows the standard's rules for the elements whose text it changes.
"""

from adapters.html import without_unseen
from adapters.templates.hidden import Hidden
from adapters.templates.kept_lines import with_breaks
from adapters.templates.text_pieces import Piece, pages
from adapters.templates.text_table import Table
from adapters.templates.text_tags import VOID, Tag
from adapters.templates.text_writer import LINE, PARAGRAPH, Words, Writer
from adapters.templates.visibility import Look, hidden_classes

_DEEPEST_TABLE = 12
"""Tables within tables beyond this depth are read cell by cell: no mail needs them, and each depth
copies the text once."""


def text_from_html(html: str) -> str:
    """The readable text of `html`: link addresses kept, hidden parts such as a preheader dropped.

    Never raises; what is no proper HTML comes out as well as it can be read.
    """
    source, styles = without_unseen(html)
    first, pieces = pages(hidden_classes(styles)).pieces(with_breaks(source))
    reader = _Reader()
    if first is not None:
        reader.writer.write(first)
    reader.read(pieces)
    return reader.end()


class _Reader:
    """Takes tags and texts in turn; keeps what is open."""

    def __init__(self) -> None:
        self.writer = Writer()
        self._hidden: Hidden | None = None
        self._tables: list[Table] = []
        self._undrawn = 0  # tables beyond the deepest
        self._blocks: list[list[str | int]] = []  # [name, depth] of inline elements shown as blocks
        self._link: tuple[str, int] | None = None

    def read(self, pieces: list[Piece]) -> None:
        """Take the tags, each with its words."""
        for tag, words in pieces:
            if tag.is_plain and self._hidden is None:
                if tag.act:
                    getattr(self, tag.act)(tag)
                else:
                    self.writer.leave(tag.gap)
            elif tag.says_something or self._hidden is not None or self._blocks:
                self._tag(tag)
            if words is not None and self._hidden is None:
                if words.line or self.writer.pre is not None:
                    self.writer.write(words)
                elif words.leads:
                    self.writer.space = True

    def _tag(self, tag: Tag) -> None:
        if self._hidden is not None and not self._is_shown_again(tag.name):
            return
        if tag.look and self._is_hidden(tag):
            return
        if tag.act:
            getattr(self, tag.act)(tag)
        elif tag.gap:
            self.writer.leave(tag.gap)
        elif self._blocks:
            self._count_block(tag.name)

    def _is_shown_again(self, name: str) -> bool:
        """Whether a tag within what is hidden ends it and is about what is shown."""
        assert self._hidden is not None  # noqa: S101
        is_shown = self._hidden.take(name, in_table=bool(self._tables))
        if not self._hidden.is_open:
            self._hidden = None
        return is_shown

    def end(self) -> str:
        """The whole text."""
        self.close_link()
        while self._tables:
            self._close_table()
        return self.writer.result()

    def _is_hidden(self, tag: Tag) -> bool:
        """Act on an element's style."""
        if tag.look is Look.HIDDEN:
            if tag.name in ("td", "th"):  # a hidden cell has no column
                self.end_cell()
            if tag.name not in VOID:
                self._hidden = Hidden(tag.name)
            return True
        if tag.name == "a" or not (tag.gap or tag.act or tag.name in VOID):
            self.writer.leave(LINE)
            if tag.name != "a":
                self._blocks.append([tag.name, 0])
        return False

    def _count_block(self, name: str) -> None:
        innermost = self._blocks[-1]
        if name == innermost[0]:
            innermost[1] = int(innermost[1]) + 1
        elif name == f"/{innermost[0]}":
            innermost[1] = int(innermost[1]) - 1
            if int(innermost[1]) <= 0:
                self._blocks.pop()
                self.writer.leave(LINE)

    def line_break(self, _tag: Tag) -> None:
        """A `br`."""
        self.writer.line_break()

    def image(self, tag: Tag) -> None:
        """An `img` is its `alt`."""
        self.writer.write(Words(tag.attribute("alt")))

    def start_link(self, tag: Tag) -> None:
        """An `a`; it ends one that is still open."""
        if self._link is not None:
            self.close_link()
        writer = self.writer
        if writer.after_link:  # one that follows another directly is set apart
            writer.space = True
        written = writer.pieces if writer.pre is None else writer.pre
        self._link = (tag.address, len(written))

    def close_link(self, _tag: Tag | None = None) -> None:
        """The link that is open ends, at its end tag or what implies it: its address is kept."""
        if self._link is None:
            return
        address, start = self._link
        self._link = None
        writer = self.writer
        written = writer.pieces if writer.pre is None else writer.pre
        label = "".join(written[start:]).strip()
        if address and label != address:
            writer.link_address(f"<{address}>", has_label=bool(label))
        writer.after_link = True

    def start_list(self, tag: Tag) -> None:
        """A list."""
        self.writer.begin_list(start=tag.attribute("start") if tag.name == "ol" else None)

    def end_list(self, _tag: Tag) -> None:
        """The end of a list."""
        self.writer.end_list()

    def item(self, _tag: Tag) -> None:
        """An `li`."""
        self.writer.item()

    def pre(self, _tag: Tag) -> None:
        """A `pre`."""
        self.writer.leave(PARAGRAPH)
        self.writer.begin_pre()

    def end_pre(self, _tag: Tag) -> None:
        """The end of a `pre`."""
        self.writer.end_pre()

    def start_table(self, _tag: Tag) -> None:
        """A table."""
        self.close_link()
        if len(self._tables) >= _DEEPEST_TABLE:
            self._undrawn += 1
            return
        self.writer.leave(PARAGRAPH)
        self._tables.append(Table(self.writer))
        self.writer = Writer()

    def end_table(self, _tag: Tag) -> None:
        """The end of a table."""
        self.close_link()
        if self._undrawn:
            self._undrawn -= 1
        elif self._tables:
            self._close_table()

    def _close_table(self) -> None:
        table = self._tables.pop()
        table.end_cell(self.writer)
        self.writer = table.around
        self.writer.leave(PARAGRAPH)
        self.writer.block(table.lines())
        self.writer.leave(PARAGRAPH)

    def row(self, _tag: Tag) -> None:
        """A row or a caption."""
        if self._undrawn:
            self.writer.leave(LINE)
        elif self._tables:
            if self._link is not None:
                self.close_link()
            self._tables[-1].begin_row(self.writer)

    def cell(self, tag: Tag) -> None:
        """A cell; it ends the one before, whose end tag says nothing more."""
        if self._undrawn:
            self.writer.leave(LINE)
        elif self._tables:
            if self._link is not None:
                self.close_link()
            self._tables[-1].begin_cell(tag.span, tag.rows, self.writer)

    def end_cell(self) -> None:
        """What was read since the last cell began is its content."""
        if self._tables and not self._undrawn:
            if self._link is not None:
                self.close_link()
            self._tables[-1].end_cell(self.writer)
