"""The lines of a file of suppressions: `[CHANNEL:]ADDRESS [DATE] [REASON]`, each address on a line
of its own. A line that begins with `#` is a comment."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from sys import intern

from adapters.texts import short_text
from domain.suppressions import Canonical, Suppression

LONGEST_REASON = 500

ONE_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+')
"""What an address may be in a line: blanks stand in quotes only, as in `"a b"@example.org`."""

_CHANNEL = re.compile(r"([a-z][a-z0-9_-]*):(?=.)")
_LOOKS_LIKE_A_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_FORM = "must be an address, or channel:address, then a date and a reason where you like"


class LinesBroken(ValueError):
    """A file with lines that cannot be read. `faults` has one text for each, with its number."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


@dataclass(frozen=True, slots=True)
class SuppressionLines:
    """Reads and writes the lines. `default`: the channel of an address alone."""

    canonical: Canonical
    default: str

    def read(self, text: str) -> dict[tuple[str, str], Suppression]:
        """The entries by channel and address; of two for one address the first. Raises LinesBroken
        with every fault."""
        found: dict[tuple[str, str], Suppression] = {}
        faults = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                entry = self.entry(line)
            except ValueError as error:
                faults.append(f"line {number}: {error}")
                continue
            if entry is not None:
                found.setdefault((entry.channel, entry.address), entry)
        if faults:
            raise LinesBroken(faults)
        return found

    def entry(self, line: str) -> Suppression | None:
        """The entry of one line; None for a comment or an empty one. Raises ValueError."""
        line = line.strip()
        if not line or line[0] == "#":
            return None
        if (match := ONE_WORD.match(line)) is None:
            raise ValueError(_FORM)
        word, rest = match[0], line[match.end() :]
        if rest and not rest[0].isspace():
            raise ValueError(_FORM)
        channel, address = self.default, word
        if named := _CHANNEL.match(word):
            channel, address = named[1], word[named.end() :]
        since, reason = _dated(rest.strip())
        reason = reason.lstrip("# ")
        if len(reason) > LONGEST_REASON or "  " in reason or not reason.isprintable():
            reason = short_text(reason, LONGEST_REASON)
        # Many entries share reason, channel and date: each is kept once.
        return Suppression(
            channel=intern(channel),
            address=self.canonical(channel, address),
            reason=intern(reason),
            since=since,
        )


def to_line(entry: Suppression) -> str:
    """The line of an entry, which `entry` reads back."""
    since = entry.since.isoformat() if entry.since else ""
    words = (f"{entry.channel}:{entry.address}", since, short_text(entry.reason, LONGEST_REASON))
    return " ".join(filter(None, words))


_day = lru_cache(maxsize=1000)(date.fromisoformat)


def _dated(text: str) -> tuple[date | None, str]:
    """A date that may stand first, and the rest."""
    first, _, rest = text.partition(" ")
    if not _LOOKS_LIKE_A_DATE.match(first):
        return None, text
    try:
        return _day(first[:10]), rest.strip()
    except ValueError:
        raise ValueError(f"{first[:40]!r} is no date such as 2026-01-31") from None
