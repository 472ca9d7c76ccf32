"""Once, or the operator knows why not: the dispatcher with its deliveries kept in the ledger."""

import asyncio
import math
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TypeVar

from domain.breaker import Breaker, Pause
from domain.content import InDoubtPolicy
from domain.dispatcher import Dispatcher, Progress
from domain.errors import DispatcherError, FailureReason, Unavailable
from domain.journal import Journal
from domain.ledger import (
    Claim,
    ClaimLost,
    DeliveryLedger,
    LedgerUnavailable,
    Sight,
    Standing,
    Start,
)
from domain.notification import Notification, Recipient
from domain.outcome import Outcome, Rejected, Result, Sent
from domain.ports import Clock
from domain.retry_policy import RetryPolicy

LEDGER = "ledger"
"""The name under which a paused ledger is reported, as a channel's is."""

_LEAST_WAIT = 0.05  # seconds, while another process sends the same

_T = TypeVar("_T")

_BEGUN = frozenset({Standing.SENT, Standing.IN_DOUBT, Standing.POISON})

_REFUSALS = {
    Standing.CONFLICT: (
        FailureReason.CONFLICT,
        "this id was used before with another body; every message needs an id of its own",
    ),
    Standing.POISON: (
        FailureReason.POISON,
        "the worker died each time it had this message in hand; see its log before a retry",
    ),
}


@dataclass(slots=True, kw_only=True)
class OnceDispatcher:
    """Dispatches what the ledger does not know to be sent, and writes down what becomes of it.

    While the ledger is away nothing is sent: the work waits, and `on_pause` is called.
    """

    dispatcher: Dispatcher
    ledger: DeliveryLedger
    clock: Clock
    on_pause: Callable[[str, str | None], None] = lambda _name, _error: None
    _gate: Breaker = field(init=False)
    _one_suspect: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        self._gate = Breaker(
            self.clock,
            lambda error: self.on_pause(LEDGER, error),
            trips_on=LedgerUnavailable,
            longest_hold=math.inf,  # what was sent must be written down, however long it takes
        )

    def pauses(self) -> Mapping[str, Pause]:
        """What is paused now: channels, and the ledger by its name."""
        gate = self._gate.pause
        own = {} if gate is None else {LEDGER: gate}
        return {**self.dispatcher.pauses(), **own}

    async def dispatch(
        self,
        notification: Notification,
        progress: Progress,
        sight: Sight,
        start: Start | None = None,
    ) -> tuple[Outcome, Claim]:
        """Deliver to those of `sight.recipients` who have not got it yet.

        `start`: what `resume` gave for this sight. The claim is for `acked`, once the message is
        about to be acked. Cancelled while nothing is on its way, it leaves no trace; else the
        ledger has it in doubt.
        """
        while True:
            start = start or await self._start(sight)
            with suppress(ClaimLost):  # we stood still for too long; another may have it now
                return await self._carry_out(notification, progress, start)
            start = None

    async def resume(self, sight: Sight) -> Start | None:
        """Start it only where an earlier appearance has sent it, or died with it in hand; for
        `dispatch`. None, and nothing is written down, where the ledger knows nothing of it."""
        if not (sight.has_id or sight.redelivered):
            return None  # a twin at most
        start = await self._start(sight)
        if start.is_suspect or not _BEGUN.isdisjoint(start.standings.values()):
            return start
        try:
            await self.insist(lambda: self.ledger.finish(start.claim, ()))
        except asyncio.CancelledError:
            await self._forget(start.claim)
            raise
        return None

    async def foresee(
        self, notification: Notification, progress: Progress, sight: Sight
    ) -> Outcome:
        """Return the outcome of `dispatch` as it is if the provider takes all that it is asked to
        take. Nothing is sent or written down. Raises LedgerUnavailable."""
        start = Start(claim=Claim(""), standings=await self.ledger.peek(sight))
        owed = [r for r in progress.owed(notification) if r.address in start.standings]
        known, clear = self._known(notification, owed, start)
        outcome = Outcome(attempt=progress.attempts_made + 1, results=())
        if clear:
            rest = replace(progress, remaining=clear)
            outcome = await self.dispatcher.foresee(notification, rest)
        return replace(outcome, results=(*known, *outcome.results))

    async def has_begun(self, sight: Sight) -> bool:
        """Whether `resume` would start it. Raises LedgerUnavailable."""
        return not _BEGUN.isdisjoint((await self.ledger.peek(sight)).values())

    async def _carry_out(
        self, notification: Notification, progress: Progress, start: Start
    ) -> tuple[Outcome, Claim]:
        owed = [r for r in progress.owed(notification) if r.address in start.standings]
        known, clear = self._known(notification, owed, start)
        attempt = progress.attempts_made
        sent: list[str] = []
        if clear:
            outcome = await self._send(notification, replace(progress, remaining=clear), start)
            known += outcome.results
            attempt = outcome.attempt
            sent = [r.recipient.address for r in outcome.sent]
        elif any(isinstance(result, Rejected) for result in known):
            attempt += 1
        else:
            return Outcome(attempt=attempt, results=tuple(known)), start.claim
        await self.insist(lambda: self.ledger.finish(start.claim, sent))
        return Outcome(attempt=attempt, results=tuple(known)), start.claim

    async def _send(self, notification: Notification, progress: Progress, start: Start) -> Outcome:
        journal = _LedgerJournal(self.ledger, start.claim)
        try:
            async with self._alone(start):
                return await self.dispatcher.dispatch(notification, progress, journal)
        except asyncio.CancelledError:
            if not journal.is_sending:
                await self._forget(start.claim)
            raise
        except ClaimLost:
            raise
        except Exception:
            # Left as started it would be busy for as long as this process lives.
            await self.insist(lambda: self.ledger.finish(start.claim, ()))
            raise

    async def insist(self, write: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat a call to the ledger until it is available. A fault of the program in it counts as
        an absence: the work waits, and no message pays for it."""
        return await self._gate.call(lambda: _asked(write()))

    @property
    def retry_policy(self) -> RetryPolicy:
        """When to try again."""
        return self.dispatcher.retry_policy

    def priority_of(self, template: str) -> int | None:
        """The place of this template's notifications in a queue with priorities, if it has one."""
        return self.dispatcher.renderer.envelope_of(template).priority

    async def _start(self, sight: Sight) -> Start:
        while True:
            start = await self.insist(lambda: self.ledger.start(sight))
            if Standing.BUSY not in start.standings.values():
                return start
            await self.clock.sleep(max(start.retry_after, _LEAST_WAIT))

    def _alone(self, start: Start) -> AbstractAsyncContextManager[None]:
        # One of the suspects ends the process: side by side, the others would share its guilt.
        return self._one_suspect if start.is_suspect else nullcontext()

    def _known(
        self, notification: Notification, owed: Sequence[Recipient], start: Start
    ) -> tuple[list[Result], tuple[Recipient, ...]]:
        """Results that need no sending, and who is to be sent to."""
        known: list[Result] = []
        clear: list[Recipient] = []
        holds = (
            self.dispatcher.in_doubt_policy(notification.template) is InDoubtPolicy.HOLD
            if Standing.IN_DOUBT in start.standings.values()
            else False
        )
        for recipient in owed:
            standing = start.standings[recipient.address]
            if standing is Standing.SENT:
                known.append(Sent(recipient=recipient, earlier=True))
            elif standing in _REFUSALS:
                reason, error = _REFUSALS[standing]
                known.append(Rejected(recipient=recipient, reason=reason, error=error))
            elif standing is Standing.IN_DOUBT and holds:
                error = "the worker died while sending; whether it arrived cannot be known"
                reason = FailureReason.IN_DOUBT
                known.append(Rejected(recipient=recipient, reason=reason, error=error))
            else:
                clear.append(recipient)
        return known, tuple(clear)

    async def _forget(self, claim: Claim) -> None:
        """We are stopping, and nothing had left: the next process need not suspect a crash."""
        with suppress(LedgerUnavailable):
            await _asked(self.ledger.finish(claim, ()))


async def _asked(call: Awaitable[_T]) -> _T:
    """What the ledger says. Raises LedgerUnavailable for any error that it does not document."""
    try:
        return await call
    except DispatcherError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{PurePath(frame.filename).name}:{frame.lineno}"
        text = f"internal error in the ledger: {type(error).__name__} at {where}; report it"
        raise LedgerUnavailable(text) from error


class _LedgerJournal(Journal):
    def __init__(self, ledger: DeliveryLedger, claim: Claim) -> None:
        self.is_sending = False
        self._has_doubt = False
        self._ledger = ledger
        self._claim = claim

    async def about_to_send(self, recipients: Sequence[Recipient]) -> None:
        try:
            await _asked(self._ledger.sending(self._claim, [r.address for r in recipients]))
        except ClaimLost:
            raise
        except LedgerUnavailable as error:
            raise Unavailable(f"nothing is sent without the ledger: {error}") from error
        self.is_sending = True

    def refused(self) -> None:
        self.is_sending = self._has_doubt

    async def sent(self, recipients: Sequence[Recipient]) -> None:
        if self.is_sending and not recipients:
            self._has_doubt = True  # neither refused nor accepted: it may have been sent
        # A failure here is no loss: `finish` will try again, and until then nothing is acked.
        with suppress(LedgerUnavailable):
            await _asked(self._ledger.sent(self._claim, [r.address for r in recipients]))
        self.is_sending = self._has_doubt
