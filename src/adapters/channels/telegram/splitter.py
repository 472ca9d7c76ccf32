"""Split a long text into several messages, each with complete markup.

Counted are the UTF-16 units of what is sent, markup and entities included. Telegram counts what is
left after it has parsed the entities (https://core.telegram.org/bots/api#sendmessage), which is
never more: this is the safe side.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from adapters.channels.telegram.markup import Run, TelegramTag, shared, units, write
from adapters.html import escaped
from domain.value_object import value_object

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024

_BLANK = " \t\n\r\f\v"
_BLANK_LINE = re.compile(r"\n[ \t\r\f\v]*\n")
_ZERO_WIDTH_JOINER = "\u200d"


@value_object()
class Part:
    """One message: as Telegram's HTML, and the same without markup."""

    html: str
    plain: str


def split(runs: Sequence[Run], limit: int = LONGEST_TEXT) -> list[Part]:
    """Parts of at most `limit` UTF-16 units, numbered if there are several; none for a blank text.

    A part ends at a blank line, else at the end of a line, else between words; within a word only
    where that is longer than a part. What is blank at a border belongs to neither side. Tags are
    closed and opened again.
    """
    whole = _Text(_affordable(runs, limit // 2))
    digits = len(str(len(whole.seen) // limit + 1))
    while True:
        borders = whole.borders(limit, numbered=f"\n\n({'9' * digits}/{'9' * digits})")
        if len(borders) < 10**digits:
            break
        digits += 1
    if len(borders) < 2:
        return [whole.part(start, end) for start, end in borders]
    count = len(borders)
    return [
        whole.part(start, end, f"\n\n({number}/{count})")
        for number, (start, end) in enumerate(borders, 1)
    ]


class _Text:
    """Runs, addressed by positions in the text that people see."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._ends = list(accumulate(len(run.text) for run in runs))
        self.seen = "".join(run.text for run in runs)

    def part(self, start: int, end: int, number: str = "") -> Part:
        return Part(write(self._between(start, end)) + number, self.seen[start:end] + number)

    def borders(self, limit: int, numbered: str) -> list[tuple[int, int]]:
        """Where each part starts and ends; all in one if it fits without a number."""
        start, end = self._after_blanks(0), len(self.seen.rstrip(_BLANK))
        if start >= end:
            return []
        if self._reach(start, end, limit) == end:
            return [(start, end)]
        found = []
        while start < end:
            reach = self._reach(start, end, limit - len(numbered))
            stop = end if reach == end else self._border(start, reach)
            found.append((start, start + len(self.seen[start:stop].rstrip(_BLANK))))
            start = self._after_blanks(stop)
        return found

    def _between(self, start: int, end: int) -> list[Run]:
        found = []
        first, last = bisect_right(self._ends, start), bisect_left(self._ends, end)
        for run, run_end in zip(
            self._runs[first : last + 1], self._ends[first : last + 1], strict=True
        ):
            position = run_end - len(run.text)
            text = run.text[max(0, start - position) : end - position]
            found.append(Run(text, run.tags))
        return found

    def _reach(self, start: int, end: int, budget: int) -> int:
        """How far a part from `start` may go at most."""
        opened: tuple[TelegramTag, ...] = ()
        reached = start
        for run in self._between(start, min(end, start + budget)):
            new = run.tags[shared(opened, run.tags) :]
            budget -= sum(units(tag.opening) + units(tag.closing) for tag in new)
            cost = units(escaped(run.text))
            if cost > budget:
                return reached + _fitting(run.text, budget)
            budget -= cost
            reached += len(run.text)
            opened = run.tags
        return reached

    def _border(self, start: int, reach: int) -> int:
        """The best place to end a part that could go up to `reach`."""
        window = self.seen[start:reach]
        worthwhile = len(window) // 4  # a headline alone is no part
        blank_lines = [match.start() for match in _BLANK_LINE.finditer(window)]
        line_end = window.rfind("\n")
        if blank_lines and blank_lines[-1] > worthwhile:
            return start + blank_lines[-1]
        if line_end > worthwhile:
            return start + line_end
        if self.seen[reach] in _BLANK:
            return reach
        between_words = max(window.rfind(blank) for blank in _BLANK)
        return start + between_words if between_words > 0 else self._within_word(start, reach)

    def _within_word(self, start: int, reach: int) -> int:
        stop = reach
        while stop > start and _belongs_to_the_one_before(self.seen, stop):
            stop -= 1
        return stop if stop > start else max(reach, start + 1)

    def _after_blanks(self, position: int) -> int:
        while position < len(self.seen) and self.seen[position] in _BLANK:
            position += 1
        return position


def _affordable(runs: Sequence[Run], budget: int) -> Sequence[Run]:
    """Without the tags that would leave no room for text, such as an endless address."""

    def kept(tags: tuple[TelegramTag, ...]) -> tuple[TelegramTag, ...]:
        room = budget
        found = []
        for tag in tags:
            cost = units(tag.opening) + units(tag.closing)
            if cost <= room:
                room -= cost
                found.append(tag)
        return tuple(found)

    return [Run(run.text, kept(run.tags)) for run in runs]


def _fitting(text: str, budget: int) -> int:
    """How many characters of `text` fit."""
    return bisect_right(list(accumulate(units(escaped(one)) for one in text)), budget)


def _belongs_to_the_one_before(text: str, position: int) -> bool:
    """Whether people see the character at `position` as one with the one before it: an accent, a
    skin tone, a joined emoji, half a flag (the common cases of Unicode's UAX 29)."""
    before, here = text[position - 1], text[position]
    if here == _ZERO_WIDTH_JOINER or before == _ZERO_WIDTH_JOINER:
        return True
    if "\U0001f3fb" <= here <= "\U0001f3ff" or "\U000e0020" <= here <= "\U000e007f":
        return True
    if _is_flag_half(here) and _is_flag_half(before):
        halves = 0
        while halves < position and _is_flag_half(text[position - 1 - halves]):
            halves += 1
        return halves % 2 == 1
    return unicodedata.category(here).startswith("M")


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
