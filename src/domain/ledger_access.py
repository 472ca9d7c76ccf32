"""The ledger as the dispatcher uses it: while the ledger is away, the work waits."""

import asyncio
import math
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial
from pathlib import PurePath
from typing import TypeVar

from domain.breaker import Breaker, Pause
from domain.delivery import Delivery
from domain.errors import DeliveryError, DispatcherError, InDoubt, Unavailable
from domain.events import LEDGER
from domain.ledger import (
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

_LEAST_WAIT = 0.05  # seconds, while another process sends the same

_T = TypeVar("_T")


class LedgerAccess:
    """Repeats each call until the ledger is available. A fault of the program in a ledger counts as
    an absence too: the work waits, and no message pays for it."""

    def __init__(
        self,
        ledger: DeliveryLedger,
        clock: Clock,
        events: EventSink,
    ) -> None:
        """`events` gets `LEDGER` as a trouble while the ledger is away."""
        self.ledger = ledger
        self._clock = clock
        self._breaker = Breaker(
            clock,
            LEDGER,
            events,
            trips_on=LedgerUnavailable,
            longest_hold=math.inf,  # what was sent must be written down, however long it takes
        )
        self._one_recovered = asyncio.Lock()

    @property
    def pause(self) -> Pause | None:
        """The pause while the ledger is away, else None."""
        return self._breaker.pause

    async def peek(self, delivery: Delivery) -> Mapping[str, RecipientState]:
        """What `start` would answer now. Does not wait: raises LedgerUnavailable."""
        return await self.ledger.peek(delivery)

    async def start(self, delivery: Delivery) -> Start:
        """Start a delivery, once no other process that is alive is sending it."""
        while True:
            start = await self._insist(partial(self.ledger.start, delivery))
            if RecipientState.BUSY not in start.states.values():
                return start
            await self._clock.sleep(max(start.retry_after, _LEAST_WAIT))

    async def finish(self, claim: Claim, sent: Sequence[str]) -> None:
        """Write down that the start has ended, and who was sent to."""
        await self._insist(partial(self.ledger.finish, claim, sent))

    async def give_back(self, claim: Claim) -> None:
        """End a start of which nothing was sent."""
        try:
            await self.finish(claim, ())
        except asyncio.CancelledError:
            await self._forget(claim)
            raise

    async def acked(self, claim: Claim) -> None:
        """Forget what is only needed until the message is acked."""
        await self._insist(partial(self.ledger.acked, claim))

    async def session_ended(self, session: str) -> None:
        """Write down that what this session did not ack will be delivered again."""
        await self._insist(partial(self.ledger.session_ended, session))

    @asynccontextmanager
    async def sending(self, start: Start) -> AsyncIterator["SendRecord"]:
        """What is sent in here is written down; recovered deliveries enter one at a time, since one
        of them has ended a process: side by side, the others would share its guilt.

        Left by a cancellation while nothing is on its way, it leaves no trace in the ledger; else
        the ledger has the delivery in doubt. Left by a fault, the start is ended.
        """
        record = SendRecord(self.ledger, start.claim)
        try:
            async with self._one_recovered if start.is_recovered else nullcontext():
                yield record
        except asyncio.CancelledError:
            if not record.is_sending:
                await self._forget(start.claim)
            raise
        except ClaimLost:
            raise
        except Exception:
            # Left as started it would be busy for as long as this process lives.
            await self.finish(start.claim, ())
            raise

    async def _insist(self, call: Callable[[], Awaitable[_T]]) -> _T:
        if not self._breaker.is_open:
            try:
                return await call()
            except Exception as error:  # noqa: BLE001 - see the class
                self._breaker.trip(_absence(error), Caller())
        return await self._breaker.call(lambda: _translated(call))

    async def _forget(self, claim: Claim) -> None:
        """We are stopping, and nothing had left: the next process must not see a crash in it."""
        with suppress(LedgerUnavailable):
            await _translated(partial(self.ledger.finish, claim, ()))


class SendRecord:
    """What the ledger must know of one start while it is sent.

    `is_sending`: whether a payload may be on its way that was neither accepted nor refused.
    """

    def __init__(self, ledger: DeliveryLedger, claim: Claim) -> None:
        self.is_sending = False
        self._has_doubt = False
        self._ledger = ledger
        self._claim = claim

    async def about_to_send(
        self, recipients: Sequence[Recipient], concerned: Sequence[Recipient] | None = None
    ) -> None:
        """The payload for `concerned`, or for all of `recipients`, is about to leave. Raises
        Unavailable where that cannot be written down, and ClaimLost."""
        addresses = [r.address for r in (recipients if concerned is None else concerned)]
        try:
            await self._ledger.sending(self._claim, addresses)
        except ClaimLost:
            raise
        except Exception as error:  # noqa: BLE001 - see LedgerAccess
            away = _absence(error)
            raise Unavailable(f"nothing is sent without the ledger: {away}") from away
        self.is_sending = True

    def answered(self, answers: Sequence[DeliveryError | None]) -> None:
        """The provider's answers, one for each recipient, are in."""
        for answer in answers:
            if answer is None or isinstance(answer, InDoubt):
                return
        self.is_sending = self._has_doubt  # refused for all of them: nothing is on its way

    async def sent(self, recipients: Sequence[Recipient]) -> None:
        """These have got it, while others of the same notification go on."""
        if self.is_sending and not recipients:
            self._has_doubt = True  # neither refused nor accepted: it may have been sent
        # A failure here is no loss: `finish` will try again, and until then nothing is acked.
        with suppress(LedgerUnavailable):
            addresses = [r.address for r in recipients]
            await _translated(partial(self._ledger.sent, self._claim, addresses))
        self.is_sending = self._has_doubt


async def _translated(call: Callable[[], Awaitable[_T]]) -> _T:
    """What the ledger says. Raises LedgerUnavailable for any error that it does not document."""
    try:
        return await call()
    except Exception as error:
        absence = _absence(error)
        if absence is error:
            raise
        raise absence from error


def _absence(error: Exception) -> DispatcherError:
    """The error as an absence of the ledger. Raises what is a documented error of another kind."""
    if isinstance(error, LedgerUnavailable):
        return error
    if isinstance(error, DispatcherError):
        raise error
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{PurePath(frame.filename).name}:{frame.lineno}"
    text = f"internal error in the ledger: {type(error).__name__} at {where}; report it"
    absence = LedgerUnavailable(text)
    absence.__cause__ = error
    return absence
