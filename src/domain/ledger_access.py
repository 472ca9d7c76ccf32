"""The ledger as the dispatcher uses it: while the ledger is away, all deliveries wait."""

import asyncio
import math
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import PurePath
from typing import TypeVar

from domain.breaker import Breaker
from domain.delivery import Delivery
from domain.errors import DeliveryError, DispatcherError, InDoubt, Unavailable
from domain.events import LEDGER
from domain.ledger import (
    RETRY_AFTER,
    Claim,
    ClaimLost,
    DeliveryLedger,
    LedgerUnavailable,
    RecipientState,
    Start,
)
from domain.notification import Recipient
from domain.ports import Clock, EventSink
from domain.turns import Caller

_T = TypeVar("_T")


class LedgerAccess:
    """Repeats each call until the ledger is available. A programming error in a ledger counts as an
    absence too: the deliveries wait, and no attempt is spent."""

    def __init__(
        self,
        ledger: DeliveryLedger,
        clock: Clock,
        events: EventSink,
    ) -> None:
        """`events` gets `LEDGER` as a trouble while the ledger is away."""
        self.ledger = ledger
        self._clock = clock
        self.breaker = Breaker(
            clock,
            LEDGER,
            events,
            trips_on=LedgerUnavailable,
            longest_hold=math.inf,  # what was sent must be written down, however long it takes
        )
        self.one_recovered = asyncio.Lock()
        """Recovered deliveries are sent one at a time, since one of them has ended a process: sent
        at the same time, the others would be counted as causes of the crash too."""

    async def start(self, delivery: Delivery) -> Start:
        """Start a delivery, once no other process that is alive is sending it."""
        while True:
            start = await self._insist(partial(self.ledger.start, delivery))
            if RecipientState.BUSY not in start.states.values():
                return start
            await self._clock.sleep(RETRY_AFTER)

    def finish(
        self, claim: Claim, sent: Sequence[str] = (), in_doubt: Sequence[str] = ()
    ) -> Awaitable[None]:
        """Write down that the start has ended, to whom it was sent, and who may have it."""
        return self._insist(partial(self.ledger.finish, claim, sent, in_doubt))

    async def abandon(self, start: Start, error: BaseException, *, is_sending: bool) -> None:
        """End a start that `error` has ended; who was in doubt stays so. If we are stopping and
        nothing is on its way, the next process must not take it for a crash; this does not wait for
        the ledger."""
        claim = start.claim
        in_doubt = [to for to, state in start.states.items() if state is RecipientState.IN_DOUBT]
        if not isinstance(error, asyncio.CancelledError):
            # Left as started it would be busy while this process lives.
            await self.finish(claim, (), in_doubt)
        elif not is_sending:
            with suppress(LedgerUnavailable):
                await _translated(partial(self.ledger.finish, claim, (), in_doubt))

    def acked(self, claim: Claim) -> Awaitable[None]:
        """Forget what is only needed until the message is acked."""
        return self._insist(partial(self.ledger.acked, claim))

    def session_ended(self, session: str) -> Awaitable[None]:
        """Write down that what this session did not ack will be delivered again."""
        return self._insist(partial(self.ledger.session_ended, session))

    async def _insist(self, call: Callable[[], Awaitable[_T]]) -> _T:
        if not self.breaker.is_open:
            try:
                return await call()
            except Exception as error:  # noqa: BLE001 - see the class
                self.breaker.trip(absence(error), Caller())
        return await self.breaker.call(partial(_translated, call))


@dataclass(slots=True)
class SendRecord:
    """One start while its mails are sent, and what the ledger must know of it.

    `check` raises if the delivery has expired. `may_wait`: whether it may wait in this process.
    `since`: when the current mail began. `answers`: what the provider answered to the message sent
    last; None while it is on its way. `message_ids`: address -> Message-ID of the mail that left
    for it. `check_list` raises AskAgain if the list of suppressions may say something else by now
    of these addresses; None: there is no list.
    """

    ledger: DeliveryLedger
    claim: Claim
    check: Callable[[], object]
    may_wait: bool
    since: datetime | None = None
    answers: Sequence[DeliveryError | None] | None = ()
    message_ids: dict[str, str] = field(default_factory=dict)
    check_list: Callable[[Sequence[str]], Awaitable[None]] | None = None
    _has_doubt: bool = field(default=False, init=False)
    _announced: frozenset[str] = field(default=frozenset(), init=False)  # since the last answers

    @property
    def is_sending(self) -> bool:
        """Whether a payload may be on its way that was neither accepted nor refused."""
        if self._has_doubt or self.answers is None:
            return True
        return any(answer is None or isinstance(answer, InDoubt) for answer in self.answers)

    async def about_to_send(
        self,
        recipients: Sequence[Recipient],
        concerned: Sequence[Recipient] | None = None,
        message_id: str = "",
    ) -> None:
        """The payload for `concerned`, or for all of `recipients`, is about to leave; see
        `AboutToSend`. Raises Unavailable where that cannot be written down, and ClaimLost."""
        addresses = [r.address for r in (recipients if concerned is None else concerned)]
        if self.check_list is not None:
            if self.answers is not None:
                self._announced = frozenset()
            # Not between two groups of one call: what the first was sent would be forgotten. Where
            # all are named again, by another relay or connection, nothing was sent.
            if self._announced.issubset(addresses):
                await self.check_list(addresses)
            self._announced = self._announced.union(addresses)
        try:
            await self.ledger.sending(self.claim, addresses)
        except ClaimLost:
            raise
        except Exception as error:  # noqa: BLE001 - see LedgerAccess
            away = absence(error)
            raise Unavailable(f"nothing is sent without the ledger: {away}") from away
        self.answers = None
        if message_id:
            self.message_ids |= dict.fromkeys(addresses, message_id)

    async def sent(self, recipients: Sequence[Recipient]) -> None:
        """Write down that these have got it, while others of the same notification go on."""
        self._has_doubt |= self.is_sending and not recipients  # it may have been sent
        # A failure here is no loss: `finish` will try again, and until then nothing is acked.
        with suppress(LedgerUnavailable):
            addresses = [r.address for r in recipients]
            await _translated(partial(self.ledger.sent, self.claim, addresses))
        self.answers = ()


async def _translated(call: Callable[[], Awaitable[_T]]) -> _T:
    """Return the call's result. Raises LedgerUnavailable for an undocumented error."""
    try:
        return await call()
    except Exception as error:  # noqa: BLE001 - see LedgerAccess
        raise absence(error)  # noqa: B904 - it has its cause


def absence(
    error: Exception,
    kind: type[DispatcherError] = LedgerUnavailable,
    what: str = "the ledger",
) -> DispatcherError:
    """Return the error as an absence of `what`. Raises a documented error of another kind."""
    if isinstance(error, kind):
        return error
    if isinstance(error, DispatcherError):
        raise error
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{PurePath(frame.filename).name}:{frame.lineno}"
    text = f"internal error in {what}: {type(error).__name__} at {where}; report it"
    away = kind(text)
    away.__cause__ = error
    return away
