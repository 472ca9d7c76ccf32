"""The plain text of an HTML mail, for readers and filters that want one.

One pass over the tags; what HTML implies (a paragraph that the next one ends, a cell that the next
row ends) follows the standard's rules for the elements whose text it changes.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from html import unescape

from adapters.html import attributes_of, tag_of, tokens, without_unseen
from adapters.templates.hidden import Hidden
from adapters.templates.text_table import Table
from adapters.templates.text_writer import LINE, PARAGRAPH, Writer
from adapters.templates.visibility import Look, hidden_classes, look_of

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr")
)  # fmt: skip
_NO_PAGE = ("#", "javascript:", "data:", "cid:")
_GAPS = {
    **dict.fromkeys(
        ("address", "article", "aside", "body", "center", "dd", "details", "dialog", "div", "dt",
         "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "html",
         "legend", "/li", "main", "nav", "optgroup", "option", "search", "section", "summary"),
        LINE,
    ),
    **dict.fromkeys(
        ("blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre"),
        PARAGRAPH,
    ),
}  # fmt: skip
_GAPS |= {f"/{name}": gap for name, gap in _GAPS.items()}
_MOST_KEPT = 4096
_LONGEST_KEPT = 300  # characters; a longer tag holds a value, and comes only once
_DEEPEST_TABLE = 12
"""Tables within tables beyond this depth are read cell by cell: no mail needs them, and each depth
copies the text once."""


def text_from_html(html: str) -> str:
    """The readable text of `html`: link addresses kept, hidden parts such as a preheader dropped.

    Never raises; what is no proper HTML comes out as well as it can be read.
    """
    source, styles = without_unseen(html)
    reader = _Reader(hidden_classes(styles))
    reader.read(source)
    return reader.end()


class _Tag:
    """What a tag does to the text: `act` where it is of a kind of its own, else leave a `gap`."""

    __slots__ = ("_values", "act", "gap", "look", "name", "says_something", "span")

    def __init__(self, token: str, hidden_classes: frozenset[str]) -> None:
        self.name, attributes = tag_of(token)
        self.gap = _GAPS.get(self.name, 0)
        self.act = _ACTS.get(self.name)
        self.look = Look.INLINE
        self._values: Mapping[str, str] = {}
        if attributes and not self.name.startswith("/"):
            self._values = attributes_of(attributes)
            self.look = look_of(self._values, hidden_classes)
        span = self._values.get("colspan", "")
        self.span = int(span) if span.isdecimal() and len(span) < 4 else 1
        self.says_something = bool(self.act or self.gap or self.look)

    def attribute(self, name: str) -> str:
        """An attribute's value, empty where it is absent."""
        return self._values.get(name, "").strip()


@lru_cache(maxsize=16)
def _known_tags(_hidden_classes: frozenset[str]) -> dict[str, _Tag]:
    """The tags of pages that hide these classes: a template's are the same in every mail, so each
    is read once."""
    return {}


class _Reader:
    """Takes tags and texts in turn; keeps what is open."""

    def __init__(self, hidden_classes: frozenset[str]) -> None:
        self.writer = Writer()
        self._hidden_classes = hidden_classes
        self._hidden: Hidden | None = None
        self._tables: list[Table] = []
        self._undrawn = 0  # tables beyond the deepest
        self._blocks: list[list[str | int]] = []  # [name, depth] of inline elements shown as blocks
        self._link: tuple[str, int] | None = None

    def read(self, source: str) -> None:
        """Take the whole source."""
        pieces = iter(tokens(source))
        known = _known_tags(self._hidden_classes)
        self._text(next(pieces))
        for token, text in zip(pieces, pieces, strict=True):
            tag = known.get(token) or self._learn(token, known)
            if tag.says_something or self._hidden is not None or self._blocks:
                self._tag(tag)
            if text and self._hidden is None:
                if text.isspace() and not self.writer.keeps_blanks:
                    self.writer.space = True
                else:
                    self._text(text)

    def _learn(self, token: str, known: dict[str, _Tag]) -> _Tag:
        tag = _Tag(token, self._hidden_classes)
        if len(token) <= _LONGEST_KEPT:
            if len(known) >= _MOST_KEPT:
                known.clear()
            known[token] = tag
        return tag

    def _tag(self, tag: _Tag) -> None:
        if self._hidden is not None and not self._is_shown_again(tag.name):
            return
        if tag.look and self._is_hidden(tag):
            return
        if tag.act is not None:
            tag.act(self, tag)
        elif tag.gap:
            self.writer.leave(tag.gap)
        elif self._blocks:
            self._count_block(tag.name)

    def _text(self, text: str) -> None:
        self.writer.write(unescape(text) if "&" in text else text)

    def _is_shown_again(self, name: str) -> bool:
        """Whether a tag within what is hidden ends it and is about what is shown."""
        assert self._hidden is not None  # noqa: S101
        is_shown = self._hidden.take(name, in_table=bool(self._tables))
        if not self._hidden.is_open:
            self._hidden = None
        return is_shown

    def end(self) -> str:
        """The whole text."""
        self._close_link()
        while self._tables:
            self._close_table()
        return self.writer.result()

    def _is_hidden(self, tag: _Tag) -> bool:
        """Act on an element's style."""
        if tag.look is Look.HIDDEN:
            if tag.name in ("td", "th"):  # a hidden cell has no column
                self.end_cell()
            if tag.name not in _VOID:
                self._hidden = Hidden(tag.name)
            return True
        if tag.name == "a" or not (tag.gap or tag.act or tag.name in _VOID):
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

    def line_break(self, _tag: _Tag) -> None:
        """A `br`."""
        self.writer.line_break()

    def image(self, tag: _Tag) -> None:
        """An `img` is its `alt`."""
        self.writer.write(tag.attribute("alt"))

    def start_link(self, tag: _Tag) -> None:
        """An `a`; it ends one that is still open."""
        self._close_link()
        self.writer.begin_link()
        self._link = (tag.attribute("href"), self.writer.position)

    def end_link(self, _tag: _Tag) -> None:
        """The end of a link: its address is kept."""
        self._close_link()

    def _close_link(self) -> None:
        if self._link is None:
            return
        address, start = self._link
        self._link = None
        label = self.writer.since(start)
        plain = address.removeprefix("mailto:").removeprefix("tel:")
        named = plain and label != plain and not address.lower().startswith(_NO_PAGE)
        self.writer.end_link(f"<{plain}>" if named else "", has_label=bool(label))

    def start_list(self, tag: _Tag) -> None:
        """A list."""
        self.writer.begin_list(start=tag.attribute("start") if tag.name == "ol" else None)

    def end_list(self, _tag: _Tag) -> None:
        """The end of a list."""
        self.writer.end_list()

    def item(self, _tag: _Tag) -> None:
        """An `li`."""
        self.writer.item()

    def pre(self, _tag: _Tag) -> None:
        """A `pre`."""
        self.writer.leave(PARAGRAPH)
        self.writer.begin_pre()

    def end_pre(self, _tag: _Tag) -> None:
        """The end of a `pre`."""
        self.writer.end_pre()

    def start_table(self, _tag: _Tag) -> None:
        """A table."""
        self._close_link()
        if len(self._tables) >= _DEEPEST_TABLE:
            self._undrawn += 1
            return
        self.writer.leave(PARAGRAPH)
        self._tables.append(Table(self.writer))
        self.writer = Writer()

    def end_table(self, _tag: _Tag) -> None:
        """The end of a table."""
        self._close_link()
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

    def row(self, _tag: _Tag) -> None:
        """A row or a caption."""
        if self._undrawn:
            self.writer.leave(LINE)
        elif self._tables:
            self.end_cell()
            self._tables[-1].begin_row()

    def cell(self, tag: _Tag) -> None:
        """A cell; it ends the one before, whose end tag says nothing more."""
        if self._undrawn:
            self.writer.leave(LINE)
        elif self._tables:
            self.end_cell()
            self._tables[-1].begin_cell(tag.span)

    def end_cell(self) -> None:
        """What was read since the last cell began is its content."""
        if self._tables and not self._undrawn:
            if self._link is not None:
                self._close_link()
            self._tables[-1].end_cell(self.writer)


_ACTS: Mapping[str, Callable[[_Reader, _Tag], None]] = {
    "br": _Reader.line_break, "img": _Reader.image, "li": _Reader.item,
    "a": _Reader.start_link, "/a": _Reader.end_link,
    "pre": _Reader.pre, "/pre": _Reader.end_pre,
    "table": _Reader.start_table, "/table": _Reader.end_table,
    "tr": _Reader.row, "caption": _Reader.row,
    "td": _Reader.cell, "th": _Reader.cell,
    **dict.fromkeys(("ul", "ol", "menu", "dir"), _Reader.start_list),
    **dict.fromkeys(("/ul", "/ol", "/menu", "/dir"), _Reader.end_list),
}  # fmt: skip
