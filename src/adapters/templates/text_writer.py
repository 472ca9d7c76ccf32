"""Words into lines: gaps, lists and preformatted text."""

import re

LINE, PARAGRAPH = 1, 2
"""Gaps: a new line, and one with an empty line before it."""

_BREAKS = ("", "\n", "\n\n")
_RARE = re.compile("[\u00ad\u034f\u200b-\u200d\u2060\ufeff]")
_INVISIBLE = dict.fromkeys((0xAD, 0x34F, 0x200B, 0x2060, 0xFEFF))
_JOINERS = "\u200c\u200d"
_MOST_DIGITS = 9


class Words:
    """A text as it stands between tags, decoded. `line`: its words. `leads`: whether it begins
    with a blank, or holds one where it has no word. `trails`: whether it ends with one."""

    __slots__ = ("leads", "line", "text", "trails")

    def __init__(self, text: str) -> None:
        self.text = text
        self.line = folded(text)
        self.leads = text[:1].isspace() if self.line else any(map(str.isspace, text))
        self.trails = text[-1:].isspace()


class _List:
    """An open list. `number`: of its last item, None where items have bullets. `indent` stands
    before an item's bullet, `text_indent` before its further lines."""

    def __init__(self, *, start: str | None, indent: str) -> None:
        self.number = None if start is None else _number(start) - 1
        self.indent = self.text_indent = indent

    def bullet(self) -> str:
        """The next item's."""
        if self.number is None:
            bullet = "- "
        else:
            self.number += 1
            bullet = f"{self.number}. "
        self.text_indent = self.indent + " " * len(bullet)
        return bullet


class Writer:
    """Collects words; a gap or a bullet is only remembered, and written before the next word.

    `pieces`: what was written. `first_gap`: the gap that was left before the first word. `gap`: the
    one after the last. `space`: whether the next word is set apart from the one before it.
    `after_link`: whether a link has just ended. `bullet`: stands before the next word. `pre`: the
    text so far, within preformatted text.
    """

    def __init__(self) -> None:
        self.first_gap = 0
        self.gap = 0
        self.pieces: list[str] = []
        self.space = False
        self.after_link = False
        self._lists: list[_List] = []
        self.bullet = ""
        self.pre: list[str] | None = None

    def write(self, words: Words) -> None:
        """Words as they stand between tags."""
        line = words.line
        if self.pre is not None:
            self.pre.append(words.text)
        elif not line:
            self.space = self.space or words.leads
        else:
            if self.pieces and not (self.gap or self.bullet):
                self.pieces.append(f" {line}" if self.space or words.leads else line)
                self.after_link = False
            elif not (self.pieces or self._lists or self.bullet):
                self.pieces.append(line)
                self.first_gap, self.gap = self.gap, 0
                self.after_link = False
            else:
                self._put(line)
            self.space = words.trails

    def block(self, lines: list[str]) -> None:
        """Lines that are laid out already; the first has a word."""
        if lines:
            further = (f"\n{self._indent}{line}" if line else "\n" for line in lines[1:])
            self._put(lines[0] + "".join(further))
            self.leave(LINE)

    def leave(self, gap: int) -> None:
        """See that there is at least this gap before what comes next."""
        if self.pre is not None:
            if self.pre and not self.pre[-1].endswith("\n"):
                self.pre.append("\n")
        elif gap > self.gap and not self.bullet:
            self.gap = gap

    def line_break(self) -> None:
        """A `br`: the second one in a row leaves a line empty."""
        if self.pre is not None:
            self.pre.append("\n")
        elif not self.bullet:
            self.gap = LINE if self.gap < LINE else PARAGRAPH

    def link_address(self, address: str, *, has_label: bool) -> None:
        """A link ends, and this is to be read after its label."""
        if self.pre is not None:
            self.pre.append(f" {address}" if has_label else address)
        elif self.pieces and not (self.gap or self.bullet):
            self.pieces.append(f" {address}")
        else:
            self._put(address)

    def begin_list(self, *, start: str | None) -> None:
        """A list begins, within an item perhaps. `start`: of an `ol`, as written; None: bullets."""
        self.bullet = ""
        self.leave(LINE if self._lists else PARAGRAPH)
        self._lists.append(_List(start=start, indent=self._indent))

    def end_list(self) -> None:
        """The innermost list ends."""
        self.bullet = ""
        del self._lists[-1:]
        self.leave(LINE if self._lists else PARAGRAPH)

    def item(self) -> None:
        """An item begins; one without a word leaves no trace."""
        self.bullet = ""
        self.leave(LINE)
        self.bullet = self._lists[-1].bullet() if self._lists else "- "

    def begin_pre(self) -> None:
        """What comes now keeps its lines and blanks."""
        if self.pre is None:
            self.pre = []

    def end_pre(self) -> None:
        """Lines and blanks count no longer."""
        if self.pre is not None:
            text = "".join(self.pre).replace("\r\n", "\n").rstrip()
            self.pre = None
            lines = text.split("\n")
            while lines and not lines[0].strip():
                del lines[0]
            self.block(lines)
            self.leave(PARAGRAPH)

    def lines(self) -> list[str]:
        """All of it."""
        if self.pre is not None:
            self.end_pre()
        return "".join(self.pieces).split("\n") if self.pieces else []

    def take(self) -> tuple[list[str], int, int]:
        """All of it, with the gaps before and after; what comes next begins with an empty page."""
        if self.pre is not None:
            self.end_pre()
        lines = "".join(self.pieces).split("\n") if self.pieces else []
        before, after = self.first_gap, self.gap
        self.pieces = []
        self.first_gap = self.gap = 0
        self.space = self.after_link = False
        self.bullet = ""
        if self._lists:
            self._lists = []
        return lines, before, after

    def result(self) -> str:
        """All of it, with a line feed at the end; empty where there is no word."""
        lines = self.lines()
        return "\n".join(lines) + "\n" if lines else ""

    @property
    def _indent(self) -> str:
        return self._lists[-1].text_indent if self._lists else ""

    def _put(self, text: str) -> None:
        self.after_link = False
        if self.bullet:
            indent = self._lists[-1].indent if self._lists else ""
            text = f"{indent}{self.bullet}{text}"
        elif self._lists and (self.gap or not self.pieces):
            text = self._indent + text
        if not self.pieces:
            self.first_gap = self.gap
        elif self.gap:
            text = _BREAKS[self.gap] + text
        elif self.bullet:
            text = "\n" + text
        self.pieces.append(text)
        self.bullet = ""
        self.gap = 0


def folded(text: str) -> str:
    """The words of a text, one blank between them."""
    is_common = text.isascii() or not _RARE.search(text)
    return " ".join(text.split() if is_common else _words(text))


def _words(text: str) -> list[str]:
    """The words, without what has no width; a joiner stays within a word."""
    return [word for word in text.translate(_INVISIBLE).split() if word.strip(_JOINERS)]


def _number(start: str) -> int:
    """The first number of an ordered list; 1 where its `start` is missing or no number."""
    is_number = start.isascii() and start.isdigit() and len(start) <= _MOST_DIGITS
    return int(start) if is_number else 1
