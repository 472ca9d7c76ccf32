"""The ledger: who has been sent what, remembered across crashes and redeliveries.

A delivery is written down before anything of it leaves, and again once the provider has accepted;
only then is its message acked. So another appearance of the same delivery is recognised, and what a
crash left unfinished is known to be so.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from domain.delivery import Delivery
from domain.errors import DispatcherError

RETRY_AFTER: Final = 0.1
"""Seconds after which a BUSY state is worth asking for again."""


class LedgerUnavailable(DispatcherError):
    """The ledger cannot be read or written now: nothing may be sent meanwhile."""


class ClaimLost(LedgerUnavailable):
    """This process was taken for dead and its start was taken over, or the ledger has forgotten
    it: to repeat the call is useless, start again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One start of one delivery. `name` is the ledger's own, and unique. `has_id`: whether the
    message has an id; where it has none the ledger must know when the message is acked."""

    name: str
    has_id: bool


class RecipientState(StrEnum):
    """What the ledger knows of one recipient of a delivery that is about to start."""

    CLEAR = "clear"
    """Not sent. It is written down as started, by this claim."""
    SENT = "sent"
    """Sent already, by an earlier appearance of the same delivery: do not send."""
    IN_DOUBT = "in_doubt"
    """A process died with the payload on its way. Written down as started, by this claim."""
    BUSY = "busy"
    """A process that is alive is sending it at this moment: wait and ask again."""
    CONFLICT = "conflict"
    """The same id was used before with another body: never send."""
    POISON = "poison"
    """It has ended its process again and again: never send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The ledger's answer. `states` has every address of the delivery.

    `is_recovered`: a process died with this delivery in hand. A process sends recovered deliveries
    one at a time. `retry_after`: seconds after which a BUSY state is worth asking for again.
    """

    claim: Claim
    states: Mapping[str, RecipientState]
    is_recovered: bool = False
    retry_after: float = 0.0


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
        be sent. A redelivered one stands for one of the rows of the same recipient whose session
        has ended, and which is not important, since equal messages are interchangeable: first for
        an unfinished one (BUSY while its process lives), then for a sent one whose ack was not
        written (SENT, and that row is used up). Unfinished first: so a message is never taken for
        an equal one that was sent. Where no such row exists it is BUSY while another process has
        a row whose session goes on, since that process may have just died or been cut off, else
        CLEAR.

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

    def finish(self, claim: Claim, sent: Sequence[str]) -> Awaitable[None]:
        """The start has ended: these were sent too, durably written down; who was not is forgotten.
        To be called before the message is acked."""

    async def acked(self, claim: Claim) -> None:
        """The message is about to be acked: rows without an id are done with and forgotten."""

    async def session_ended(self, session: str) -> None:
        """What this session delivered and did not ack will be delivered again."""

    async def close(self) -> None:
        """End this process's lease. What it left unfinished counts as left by a dead process.
        May be called twice."""
