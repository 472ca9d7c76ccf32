"""The rules by which a ledger answers a start: rows found in, verdict out.

Every ledger that can look at its rows from Python asks here; one that decides inside its server
follows the same rules there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from domain.delivery import Delivery
from domain.ledger import RecipientState

POISON_AFTER: Final = 2
"""Takeovers that ended unfinished; the start before them makes it three processes."""


class RowState(IntEnum):
    """How far the delivery to one recipient has come."""

    STARTED = 0
    SENDING = 1
    SENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the delivery's channel and key; `id` grows with every row.

    `fingerprint_fits`: it was written for the body that the delivery has. `session_ended` is also
    true where its process does not live. `is_own`: its process is the one that asks.
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
    inherits it. `used` is a sent row without an id that now stands for this delivery: it gets its
    claim, process and session, so that the delivery's ack settles it and the delivery's own loss
    frees it again. `fresh` recipients have no row yet.
    """

    states: Mapping[str, RecipientState]
    fresh: Sequence[str] = ()
    taken: Sequence[int] = ()
    used: Sequence[int] = ()
    forgotten: Sequence[int] = ()


def judge(delivery: Delivery, rows: Iterable[Row], *, has_recovered: bool) -> Verdict:
    """Decide a start. `has_recovered`: the asking process has a recovered delivery in hand already.
    Then another one is BUSY: the crash that the first may cause must not count against the second.
    """
    rows = sorted(rows, key=lambda row: row.id)
    if delivery.has_id and not all(row.fingerprint_fits for row in rows):
        return Verdict(states=dict.fromkeys(delivery.addresses, RecipientState.CONFLICT))
    found = {
        recipient: _stands_for(delivery, [row for row in rows if row.recipient == recipient])
        for recipient in delivery.addresses
    }
    states = {r: _state(row, has_id=delivery.has_id) for r, row in found.items()}
    there = [row for row in found.values() if row is not None]
    left = [row for row in there if row.state is not RowState.SENT]
    if RecipientState.BUSY in states.values():
        return Verdict(states=_all_but_sent(states, RecipientState.BUSY, is_kept=delivery.has_id))
    used = () if delivery.has_id else tuple(row.id for row in there if row.state is RowState.SENT)
    if RecipientState.POISON in states.values():
        poison = _all_but_sent(states, RecipientState.POISON, is_kept=True)
        return Verdict(states=poison, used=used, forgotten=tuple(row.id for row in left))
    if left and has_recovered:
        return Verdict(states=_all_but_sent(states, RecipientState.BUSY, is_kept=delivery.has_id))
    return Verdict(
        states=states,
        fresh=tuple(recipient for recipient, row in found.items() if row is None),
        taken=tuple(row.id for row in left),
        used=used,
    )


def _stands_for(delivery: Delivery, rows: Sequence[Row]) -> Row | None:
    """The row of one recipient that the delivery is another appearance of."""
    if delivery.has_id:
        return rows[0] if rows else None
    if not delivery.redelivered:
        return None
    free = [row for row in rows if row.session_ended]
    unfinished = [row for row in free if row.state is not RowState.SENT]
    dead = [row for row in unfinished if not row.process_lives]
    # Our own sessions we know to live. Another process may have died a moment ago, or lost its
    # broker without knowing it yet: then the row is this very message's.
    unsure = [row for row in rows if not row.session_ended and not row.is_own]
    return next(iter((*dead, *unfinished, *free, *unsure)), None)


def _state(row: Row | None, *, has_id: bool) -> RecipientState:
    if row is None:
        return RecipientState.CLEAR
    if not (has_id or row.session_ended):
        return RecipientState.BUSY
    if row.state is RowState.SENT:
        return RecipientState.SENT
    if row.process_lives:
        return RecipientState.BUSY
    if row.takeovers >= POISON_AFTER:
        return RecipientState.POISON
    return RecipientState.IN_DOUBT if row.state is RowState.SENDING else RecipientState.CLEAR


def _all_but_sent(
    states: Mapping[str, RecipientState], state: RecipientState, *, is_kept: bool
) -> Mapping[str, RecipientState]:
    """No recipient is started, so none may be CLEAR. Who has got it is SENT where that `is_kept`:
    it may rest on a row without an id, which the delivery stands for only once it is not BUSY."""
    return {
        recipient: RecipientState.SENT if known is RecipientState.SENT and is_kept else state
        for recipient, known in states.items()
    }
