"""The rules by which a ledger answers a start: rows found in, verdict out.

Every ledger that can look at its rows from Python asks here; one that decides inside its server
follows the same rules there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from domain.ledger import Sight, Standing

POISON_AFTER: Final = 2
"""Takeovers that ended unfinished; the start before them makes it three processes."""


class RowState(IntEnum):
    """How far the delivery to one recipient has come."""

    STARTED = 0
    SENDING = 1
    SENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the sight's channel and key; `id` grows with every row, the rest names itself.

    `fingerprint_fits`: it was written for the body that the sight has. `session_ended` is also true
    where its process does not live. `is_own`: its process is the one that asks.
    """

    id: int
    recipient: str
    fingerprint_fits: bool
    state: RowState
    takeovers: int
    process_lives: bool
    session_ended: bool
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to answer, and what to do in the same transaction.

    `taken` changes hands and counts one takeover more, its state kept: a doubt outlives whoever
    inherits it. `used` is a sent row without an id that now stands for this sight: it gets its
    claim, process and session, so that the sight's ack settles it and the sight's own loss frees
    it again. `fresh` recipients have no row yet.
    """

    standings: Mapping[str, Standing]
    fresh: Sequence[str] = ()
    taken: Sequence[int] = ()
    used: Sequence[int] = ()
    forgotten: Sequence[int] = field(default=())

    @property
    def is_suspect(self) -> bool:
        """Whether a process died with this delivery in hand."""
        return bool(self.taken)

    @property
    def is_busy(self) -> bool:
        """Whether it is worth asking again."""
        return Standing.BUSY in self.standings.values()


def judge(sight: Sight, rows: Iterable[Row], *, has_suspect: bool) -> Verdict:
    """Decide a start. `has_suspect`: the asking process has a suspect in hand already, and then
    another one is BUSY: the crash that the first may cause must not count against the second."""
    rows = sorted(rows, key=lambda row: row.id)
    if sight.has_id and not all(row.fingerprint_fits for row in rows):
        return Verdict(standings=dict.fromkeys(sight.recipients, Standing.CONFLICT))
    found = {
        recipient: _stands_for(sight, [row for row in rows if row.recipient == recipient])
        for recipient in sight.recipients
    }
    standings = {r: _standing(row, has_id=sight.has_id) for r, row in found.items()}
    there = [row for row in found.values() if row is not None]
    left = [row for row in there if row.state is not RowState.SENT]
    if Standing.BUSY in standings.values():
        return _none_may_go(sight, standings, Standing.BUSY)
    used = () if sight.has_id else tuple(row.id for row in there if row.state is RowState.SENT)
    if Standing.POISON in standings.values():
        verdict = _none_may_go(sight, standings, Standing.POISON, keeps_sent=True)
        forgotten = tuple(row.id for row in left)
        return Verdict(standings=verdict.standings, used=used, forgotten=forgotten)
    if left and has_suspect:
        return _none_may_go(sight, standings, Standing.BUSY)
    return Verdict(
        standings=standings,
        fresh=tuple(recipient for recipient, row in found.items() if row is None),
        taken=tuple(row.id for row in left),
        used=used,
    )


def _stands_for(sight: Sight, rows: Sequence[Row]) -> Row | None:
    """The row of one recipient that the sight is another appearance of."""
    if sight.has_id:
        return rows[0] if rows else None
    if not sight.redelivered:
        return None
    free = [row for row in rows if row.session_ended]
    unfinished = [row for row in free if row.state is not RowState.SENT]
    dead = [row for row in unfinished if not row.process_lives]
    # Our own sessions we know to live. Another process may have died a moment ago, or lost its
    # broker without knowing it yet: then the row is this very message's.
    unsure = [row for row in rows if not row.session_ended and not row.is_own]
    return next(iter((*dead, *unfinished, *free, *unsure)), None)


def _standing(row: Row | None, *, has_id: bool) -> Standing:
    if row is None:
        return Standing.CLEAR
    if not (has_id or row.session_ended):
        return Standing.BUSY
    if row.state is RowState.SENT:
        return Standing.SENT
    if row.process_lives:
        return Standing.BUSY
    if row.takeovers >= POISON_AFTER:
        return Standing.POISON
    return Standing.IN_DOUBT if row.state is RowState.SENDING else Standing.CLEAR


def _none_may_go(
    sight: Sight,
    standings: Mapping[str, Standing],
    standing: Standing,
    *,
    keeps_sent: bool = False,
) -> Verdict:
    """Nothing is started, so no recipient may be CLEAR. Who has got it is SENT, unless that rests
    on a row without an id, which the sight stands for only once it is not BUSY any more."""
    keeps_sent = keeps_sent or sight.has_id
    return Verdict(
        standings={
            recipient: Standing.SENT if known is Standing.SENT and keeps_sent else standing
            for recipient, known in standings.items()
        }
    )
