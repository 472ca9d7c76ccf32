"""The lines of a file of suppressions: `[CHANNEL:]ADDRESS [DATE] [REASON]`, each address on a line
of its own. A line that begins with `#` is a comment."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from sys import intern

from adapters.texts import short_text
from domain.suppressions import Canonical, EntryInvalid, Suppression
from domain.value_object import value_object

LONGEST_REASON = 500

EMPTY = "# no address is listed"
"""The line by which a file without an address says that this is meant."""

_EMPTIED = (
    f"holds no address; put the list back or, if no address is to be on it, the line {EMPTY!r}"
)

Key = tuple[str, str]
"""Channel and address."""
Entries = Mapping[Key, Suppression]

ONE_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+')
"""What an address may be in a line: blanks stand in quotes only, as in `"a b"@example.org`."""

_CHANNEL = re.compile(r"([a-z][a-z0-9_-]*):(?=.)")
_MOST_FAULTS = 10
_BYTE_ORDER_MARK = "\ufeff"
_LOOKS_LIKE_A_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_FORM = "must be an address, or channel:address, then a date and a reason where you like"


class LinesBroken(ValueError):
    """A file that is no list. `faults` has a text for each of its first bad lines, with its
    number, and says how many more there are."""

    def __init__(self, faults: Sequence[str], path: Path | None = None) -> None:
        more = len(faults) - _MOST_FAULTS
        self.path = path
        self.faults = (*faults[:_MOST_FAULTS], *([f"and {more} more lines"] if more > 0 else []))
        super().__init__("; ".join(self.faults))


@value_object()
class SuppressionLines:
    """Reads and writes the lines. `default`: the channel of an address alone."""

    canonical: Canonical
    default: str

    def read(
        self, content: bytes, path: Path | None = None, *, may_be_empty: bool = True
    ) -> dict[Key, Suppression]:
        """The entries; of two for one address the first. Raises LinesBroken, which names `path`;
        unless it `may_be_empty`, also where it has no address and does not say so."""
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            number = content[: error.start].count(b"\n") + 1
            raise LinesBroken([f"line {number}: is not UTF-8 text"], path) from None
        found: dict[Key, Suppression] = {}
        faults = []
        for number, line in enumerate(text.split("\n"), start=1):
            try:
                entry = self.entry(line)
            except ValueError as error:
                faults.append(f"line {number}: {error}")
                continue
            if entry is not None:
                found.setdefault(entry.key, entry)
        if not (found or faults or may_be_empty or says_empty(content)):
            faults = [_EMPTIED]
        if faults:
            raise LinesBroken(faults, path)
        return found

    def without(self, content: bytes, keys: Collection[Key]) -> bytes:
        """The content without the lines of these entries; each other line as it is. Where no
        address is left, it says so. Raises LinesBroken."""
        kept, is_left = [], False
        for line in content.split(b"\n"):
            entry = self.entry(line.decode("utf-8"))
            if entry is None or entry.key not in keys:
                kept.append(line)
                is_left = is_left or entry is not None
        rest = b"\n".join(kept)
        if is_left or says_empty(rest):
            return rest
        end = b"" if not rest or rest.endswith(b"\n") else b"\n"
        return rest + end + EMPTY.encode() + b"\n"

    def check(self, entry: Suppression) -> None:
        """Raise EntryInvalid where its line would not be read as this entry: from then on the file
        would be broken for all, or name another address."""
        line = to_line(entry)
        try:
            found = self.entry(line)
        except ValueError:
            found = None
        if found is None or found.key != entry.key or "\n" in line:
            raise EntryInvalid("cannot be kept: its line would not be read as this address")

    def entry(self, line: str) -> Suppression | None:
        """The entry of one line; None for a comment or an empty one. Raises ValueError."""
        line = line.lstrip(_BYTE_ORDER_MARK).strip()
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


def says_empty(content: bytes) -> bool:
    """Whether it says that no address is listed."""
    return any(line.strip() == EMPTY.encode() for line in content.split(b"\n"))


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
