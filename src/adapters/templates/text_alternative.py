"""The plain text of an HTML mail, for readers and filters that want one.

One pass over the tags; what HTML implies (a paragraph that the next one ends, a cell that the next
row ends) follows the standard's rules for the elements whose text it changes.
"""

import re
from collections.abc import Iterator
from functools import partial
from operator import length_hint

from adapters.html import VOID, OpenElement
from adapters.templates.text_pieces import NEUTRAL, TABLE, Piece, Tag, Words, pages
from adapters.templates.text_tables import LINE, PARAGRAPH
from adapters.templates.text_writer import Writer
from adapters.templates.visibility import (
    KEEPS_LINES,
    Look,
    hidden_classes,
    with_breaks,
)

# Tables within tables beyond this depth are read cell by cell: no mail needs them, and each depth
# copies the text once.
_DEEPEST_TABLE = 12

UNSEEN = re.compile(
    r"<(?=[!?]|/[^a-zA-Z]|[stin][tcieof])(?:!--(?:-?>|.*?(?:--!?>|\Z))|[!?][^>]*(?:>|\Z)|/(?:[^a-zA-Z>][^>]*)?(?:>|\Z)"
    r"|(style|script|title|template|iframe|noframes|noembed)(?=[\s/>]|\Z)"
    r"(?:[^<]++|<(?!/\1[\s/>]))*+(?:<[^>]*>|\Z))",
    re.IGNORECASE | re.DOTALL,
)
"""Comments, what is read as one (13.2.5.41, 13.2.5.5), and elements whose text is not shown; the
group has such an element's name. One that never ends goes on to the end, as in a browser."""


def text_from_html(html: str, writer: Writer | None = None) -> str:
    """The readable text of `html`: link addresses kept, hidden parts such as a preheader dropped.

    Never raises; what is no proper HTML comes out as well as it can be read. `writer`: what is used
    instead of a plain one.
    """
    styles: list[str] = []

    def drop(found: re.Match[str]) -> str:
        if found[1] and found[1].lower() == "style":
            styles.append(found[0])
        return ""

    source = UNSEEN.sub(drop, html)
    if KEEPS_LINES in source:
        source = with_breaks(source)
    hidden = hidden_classes(styles) if styles else frozenset()
    reader = _Reader(pages(hidden).pieces(source), writer or Writer())
    reader.read()
    return reader.end()


class _Reader:
    """Takes tags and texts in turn; keeps what is open. `writer`: what they are written to."""

    def __init__(self, pieces: list[Piece], writer: Writer) -> None:
        self.writer = writer
        self._pieces = pieces
        self._counted = 1  # how many pieces `_open` has taken; the first has no tag
        self._open: OpenElement | None = None
        # Inline elements shown as blocks, each with those of its name within it.
        self._blocks: list[list[str]] = []

    def read(self) -> None:
        """Take the tags, each with its words."""
        writer, blocks, pieces = self.writer, self._blocks, iter(self._pieces)
        for tag, words in pieces:
            if tag.is_plain:
                if tag.act:
                    tag.act(writer, tag)
                else:
                    writer.leave(tag.gap)
            elif tag.is_special or blocks:
                words = self._take(tag, words, pieces)  # noqa: PLW2901
                writer = self.writer
            if words is None:
                continue
            if writer.pre is not None:
                writer.pre.append(words.text)
            elif not words.line:
                writer.space = writer.space or words.leads
            else:
                if writer.pieces and not (writer.gap or writer.bullet):
                    blank = " " if writer.space or words.leads else ""
                    writer.pieces.append(blank + words.line)
                elif writer.pieces or writer.lists or writer.bullet:
                    writer.put(words.line)
                else:  # of a page or a cell the first
                    writer.pieces.append(words.line)
                    writer.first_gap, writer.gap = writer.gap, 0
                writer.after_link = False
                writer.space = words.trails

    def end(self) -> str:
        """The whole text, with a line feed at the end; empty where there is no word."""
        self.writer.close_link()
        while self.writer.around is not None:
            self.writer.undrawn = 0
            self._end_table()
        if self.writer.pre is not None:
            self.writer.end_pre()
        return "".join(self.writer.pieces) + "\n" if self.writer.pieces else ""

    def _shown(self, tag: Tag, words: Words | None, pieces: Iterator[Piece]) -> Piece:
        """This piece, or where the tag's element is hidden, the one after that."""
        while tag.look is Look.HIDDEN:
            if tag.name in ("td", "th") and not self.writer.undrawn:  # it has no column
                self.writer.cell()
            if tag.name in VOID:
                return NEUTRAL, words
            at = len(self._pieces) - length_hint(pieces) - 1
            hidden = OpenElement(tag.name, partial(self._around, at))
            tag, words = NEUTRAL, None
            for inner, after in pieces:
                is_about_another = hidden.take(inner.name)
                if not hidden.is_open:
                    tag, words = (inner if is_about_another else NEUTRAL), after
                    break
        return tag, words

    def _around(self, at: int) -> list[str]:
        """What is open around the element that begins with that piece."""
        opened = self._open = self._open or OpenElement()
        for tag, _ in self._pieces[self._counted : at + 1]:
            opened.take(tag.name)
        self._counted = max(self._counted, at + 1)
        return opened.names[:-1]  # its own start tag has ended what it ends

    def _take(self, tag: Tag, words: Words | None, pieces: Iterator[Piece]) -> Words | None:
        """Take a tag that is hidden, has a style or is a table's; the words after it."""
        if tag.look is Look.HIDDEN:
            tag, words = self._shown(tag, words, pieces)
        if tag.look is Look.BLOCK and (tag.name == "a" or tag.is_inline):
            self.writer.leave(LINE)
            if tag.name != "a":
                self._blocks.append([])
        if tag.act:
            tag.act(self.writer, tag)
        elif tag.gap:
            self.writer.leave(tag.gap)
        elif tag.name in TABLE:
            self._table(tag)
        elif self._blocks:
            self._count_block(tag.name)
        return words

    def _count_block(self, name: str) -> None:
        innermost = self._blocks[-1]
        if not innermost or name == innermost[0]:
            innermost.append(name)
        elif name == f"/{innermost[0]}":
            innermost.pop()
            if not innermost:
                self._blocks.pop()
                self.writer.leave(LINE)

    def _table(self, tag: Tag) -> None:
        """A table begins or ends."""
        writer = self.writer
        writer.close_link()
        if tag.name == "/table":
            self._end_table()
        elif writer.depth >= _DEEPEST_TABLE:
            writer.undrawn += 1
        else:
            writer.leave(PARAGRAPH)
            self.writer = writer.within()

    def _end_table(self) -> None:
        """The innermost table ends, which may be too deep to be drawn."""
        writer, around = self.writer, self.writer.around
        if writer.undrawn:
            writer.undrawn -= 1
        elif around is not None:
            writer.cell()
            around.table([row for row in writer.rows if row.cells])
            self.writer = around
