"""The ledger: who has been sent what, remembered across crashes and redeliveries.

A delivery is written down before anything of it leaves, and again once the provider has accepted.
Only then is its message acked. So a delivery that comes again is recognised, and so is one that a
crash left unfinished. A ledger that reads its rows in Python asks `judge`; a ledger that decides
inside its server follows the same rules there.
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from domain.delivery import Delivery
from domain.errors import DispatcherError
from domain.value_object import value_object

RETENTION: Final = timedelta(days=14)
RETRY_AFTER: Final = 0.1
"""Seconds after which a BUSY state is worth asking for again."""

# Takeovers that ended unfinished; the start before them makes it three processes.
_POISON_AFTER: Final = 2
LEFT_IN_DOUBT: Final = -1


class LedgerUnavailable(DispatcherError):
    """The ledger cannot be read or written now: nothing may be sent meanwhile."""


class ClaimLost(LedgerUnavailable):
    """This process was taken for dead and its start was taken over, or the ledger has forgotten
    it. To repeat the call is useless: start again."""


@value_object()
class Claim:
    """One start of one delivery. `name` is the ledger's own, and unique. `has_id`: whether the
    message has an id; where it has none, or is in doubt, the ledger must know of its ack."""

    name: str
    has_id: bool


class RecipientState(StrEnum):
    """What the ledger knows of one recipient of a delivery that is about to start."""

    CLEAR = "clear"
    """Not sent. It is written down as started, by this claim."""
    SENT = "sent"
    """Sent already, when the same delivery came before: do not send."""
    IN_DOUBT = "in_doubt"
    """A process died with the payload on its way, or lost the answer. Written down as started, by
    this claim."""
    BUSY = "busy"
    """A process that is alive is sending it at this moment: wait and ask again."""
    CONFLICT = "conflict"
    """The same id was used before with another body: never send."""
    POISON = "poison"
    """It has ended its process again and again: never send."""


@value_object(kw_only=True)
class Start:
    """The ledger's answer. `states` has every address of the delivery.

    `is_recovered`: a process died with this delivery in hand. A process sends recovered deliveries
    one at a time.
    """

    claim: Claim
    states: Mapping[str, RecipientState]
    is_recovered: bool = False


class DeliveryLedger(Protocol):
    """One per process, shared storage behind it. Every method raises LedgerUnavailable and nothing
    else; a call that raised has changed nothing, or may be repeated without harm.

    Rows are keyed by channel, key and recipient. A process is alive while its lease is renewed;
    leases do not depend on wall clocks that agree or run evenly.
    """

    async def start(self, delivery: Delivery) -> Start:
        """Look all recipients up and write down, durably, that those CLEAR or IN_DOUBT are started.

        With an id: SENT where a row says so, whatever came since; CONFLICT for all where any row of
        the same channel and key has another fingerprint; a row started by a living process is BUSY.
        Without an id: a delivery that is not redelivered is CLEAR, since equal messages are each to
        be sent. A redelivered message without an id is matched with a row of the same recipient
        whose session has ended. It does not matter which row: equal messages are interchangeable.
        An unfinished row goes first (BUSY while its process lives), then a sent one whose ack was
        not written (SENT, and the row is used up): so a message is never taken for an equal one
        that was sent. Where there is no such row it is BUSY while another process has a row whose
        session goes on, since that process may have just died or been cut off; else CLEAR.

        A row started by a process that died is taken over, and the delivery is recovered: IN_DOUBT
        if the payload was on its way, else CLEAR; POISON for all, and forgotten, where two such
        takeovers ended unfinished before. All in one transaction: either every recipient that may
        go is started, or (BUSY, CONFLICT, POISON for any) not one.
        """

    async def peek(self, delivery: Delivery) -> Mapping[str, RecipientState]:
        """What `start` would answer now. Writes nothing, and creates no storage: where there is no
        storage yet everything is CLEAR."""

    def sending(self, claim: Claim, recipients: Sequence[str]) -> Awaitable[None]:
        """Write down, durably, that the payload for these is about to leave. Raises ClaimLost, and
        nothing has changed, where one of them is not this claim's any more."""

    async def sent(self, claim: Claim, recipients: Sequence[str]) -> None:
        """Write down, durably, that these have got it, while others of the start go on."""

    def finish(
        self, claim: Claim, sent: Sequence[str], in_doubt: Sequence[str] = ()
    ) -> Awaitable[None]:
        """End the start: write down, durably, that these were sent, and forget the others. Who is
        `in_doubt` stays IN_DOUBT until `acked`, should the message be delivered again before what
        is said of it is stored. To be called before the message is acked."""

    async def acked(self, claim: Claim) -> None:
        """Forget the rows of a message without an id, and those that `finish` left in doubt, just
        before the message is acked."""

    async def session_ended(self, session: str) -> None:
        """Write down that what this session did not ack will be delivered again."""

    async def close(self) -> None:
        """End this process's lease. What it left unfinished counts as left by a dead process.
        May be called twice."""


class RowState(IntEnum):
    """How far the delivery to one recipient has come."""

    STARTED = 0
    SENDING = 1
    SENT = 2


@value_object(kw_only=True)
class Row:
    """A row of the delivery's channel and key; `id` grows with every row.

    `fingerprint_fits`: it was written for the body that the delivery has. `takeovers`: from dead
    processes; LEFT_IN_DOUBT where its start has ended so. `session_ended` is also true where its
    process does not live. `is_own`: its process is the one that asks.
    """

    id: int
    recipient: str
    fingerprint_fits: bool
    state: RowState
    takeovers: int
    process_lives: bool
    session_ended: bool
    is_own: bool

    @property
    def is_left_in_doubt(self) -> bool:
        return self.takeovers == LEFT_IN_DOUBT


@value_object(kw_only=True)
class Verdict:
    """What to answer, and what to do in the same transaction.

    `taken`: rows that this process takes over. Each counts one more takeover and keeps its state,
    so a doubt is not lost. `used`: sent rows without an id, and those left in doubt, that from now
    on belong to this delivery. They get its claim, process and session: its ack removes them, and
    if it is lost they can be used again. `fresh` recipients have no row yet.
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
    crashed = [row for row in left if not row.is_left_in_doubt]
    if RecipientState.BUSY in states.values():
        return Verdict(states=_all_but_sent(states, RecipientState.BUSY, is_kept=delivery.has_id))
    used = () if delivery.has_id else tuple(row.id for row in there if row.state is RowState.SENT)
    if RecipientState.POISON in states.values():
        poison = _all_but_sent(states, RecipientState.POISON, is_kept=True)
        return Verdict(states=poison, used=used, forgotten=tuple(row.id for row in left))
    if crashed and has_recovered:
        return Verdict(states=_all_but_sent(states, RecipientState.BUSY, is_kept=delivery.has_id))
    return Verdict(
        states=states,
        fresh=tuple(recipient for recipient, row in found.items() if row is None),
        taken=tuple(row.id for row in crashed),
        used=(*used, *(row.id for row in left if row.is_left_in_doubt)),
    )


def _stands_for(delivery: Delivery, rows: Sequence[Row]) -> Row | None:
    """The row of one recipient that was written when the same delivery came before."""
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
    if row.process_lives and not row.is_left_in_doubt:
        return RecipientState.BUSY
    if row.takeovers >= _POISON_AFTER:
        return RecipientState.POISON
    return RecipientState.IN_DOUBT if row.state is RowState.SENDING else RecipientState.CLEAR


def _all_but_sent(
    states: Mapping[str, RecipientState], state: RecipientState, *, is_kept: bool
) -> Mapping[str, RecipientState]:
    """Return the states where no recipient is started, so that not one is CLEAR. A recipient that
    has it is SENT only if that `is_kept`: with a row without an id this is not known while BUSY."""
    return {
        recipient: RecipientState.SENT if known is RecipientState.SENT and is_kept else state
        for recipient, known in states.items()
    }
