"""The turns of the mails while a relay's pace is limited: in the order in which they came."""

import asyncio
import heapq
import itertools
import math
import time
from datetime import timedelta
from typing import NamedTuple

import structlog

from adapters.channels.email.relay_pace import Permit, RelayPace
from adapters.channels.shared.learned import Fact
from domain.errors import Throttled, Unavailable
from domain.ledger import LedgerUnavailable
from domain.pace import Rate, Spacing

# Seconds for the answer to a probe; then another may go.
_PROBE = 10.0
_LOOK = 1.0
_SOON = 0.1
# Seconds in which the mails that other processes have under way end, and leave room or not.
_SHORT_REST = 5.0
_LONGEST_REST = 300.0
# A ceiling for each second is kept with a little room, since mails do not arrive evenly spaced.
_MARGIN = 1.02
_MOST_PLACES = 10_000

log = structlog.get_logger(__name__)


class Place(NamedTuple):
    """A mail's place in the queue; it keeps it when it is refused."""

    number: int
    since: float


class RelayTurns:
    """Hands out the turns of one relay. `kept`: the places of mails that will come back."""

    def __init__(self, pace: RelayPace, slots: asyncio.Semaphore) -> None:
        """`slots`: a mail has one of them while it is under way. It takes its turn when one is
        free: turns that wait for a connection would all be used at once when it comes."""
        self._slots = slots
        self.kept: dict[str, Place] = {}
        self._pace = pace
        self._clock = pace.rules.clock
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._is_taken = False
        self._next_return = 0.0
        self._full_since = math.inf

    def place(self) -> Place:
        """A place at the end of the queue."""
        return Place(next(self._numbers), self._clock())

    def keep(self, mail: str, place: Place | None) -> None:
        """Keep the place of a mail of this id, which comes back at once."""
        if len(self.kept) >= _MOST_PLACES:
            self.kept.clear()  # of mails that never came back
        self.kept[mail] = place or self.place()

    async def turn(self, place: Place) -> Permit:
        """Wait for the turn. Raises Throttled where that would take too long, Unavailable where the
        pace cannot be asked for."""
        await self._come_first(place.number)
        try:
            async with self._slots:
                while self._pace.is_limited:
                    if permit := await self._take(place):
                        return permit
        except LedgerUnavailable as error:
            raise Unavailable(f"the pace is in the ledger: {error}") from error
        finally:
            self._let_next()
        return self._pace.free

    async def _come_first(self, number: int) -> None:
        """Wait until all with a lower number have gone; like a lock, but for the order."""
        if self._is_taken:
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (number, ready))
            try:
                await ready
            except BaseException:
                if ready.done() and not ready.cancelled():
                    self._let_next()
                raise
        self._is_taken = True

    def _let_next(self) -> None:
        while self._waiting:
            _, ready = heapq.heappop(self._waiting)
            if not ready.done():
                ready.set_result(None)
                return
        self._is_taken = False

    async def _take(self, place: Place) -> Permit | None:
        """The next turn, once it has come; None where it is to be asked for again, since the pace
        has changed, or mails under way may leave room."""
        shared = self._pace
        await shared.refresh()
        if not shared.is_limited:
            return None
        pace, spacing = shared.now, self._spacing()
        patience = shared.rules.longest_hold - (self._clock() - place.since)
        may_get_room = bool(spacing.budgets and shared.open)
        turn = await shared.store.take(
            shared.key, spacing, 0.0 if may_get_room else max(patience, _LOOK)
        )
        if not turn.taken:
            if may_get_room and patience > 0:
                await shared.rules.sleep(min(turn.wait, _SOON))
                return None
            raise self._hand_back(turn.wait, spacing)
        self._full_since = math.inf
        if shared.learned.get(shared.relay, Fact.CLOSED_UNTIL) is not None:
            shared.learned.note(shared.relay, Fact.CLOSED_UNTIL, None)
        permit = Permit(episode=pace.episode, is_probe=pace.is_blocked, turn=turn, spacing=spacing)
        shared.open.add(permit)
        has_come = False
        try:
            has_come = await self._comes(turn.wait, pace.episode)
        finally:
            if not has_come:
                await shared.ended(permit)
        return permit if has_come else None

    async def _comes(self, seconds: float, episode: int) -> bool:
        """Wait for a turn. Returns False where the pace has changed meanwhile."""
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            await self._pace.rules.sleep(min(left, _LOOK))
            if left > _LOOK:
                await self._pace.refresh()
            if self._pace.now.episode != episode:
                return False
        return True

    def _spacing(self) -> Spacing:
        pace, ceiling = self._pace.now, self._pace.rules.ceiling
        interval = 0.0
        budgets: tuple[Rate, ...] = ()
        if ceiling is not None and ceiling.period <= 1:
            interval = _MARGIN * ceiling.period / ceiling.count
        elif ceiling is not None:
            budgets = (ceiling,)
        if pace.is_blocked:
            interval = _PROBE
        elif rate := pace.rate_at(self._clock() - self._pace.offset):
            interval = max(interval, 1 / rate)
        return Spacing(interval=interval, budgets=budgets)

    def _hand_back(self, wait: float, spacing: Spacing) -> Throttled:
        """Each that is handed back gets a time of its own."""
        relay, learned, now = self._pace.relay, self._pace.learned, self._clock()
        at = max(now + wait, self._next_return)
        # A pace that is learned may rise before all of them are through.
        at = min(at, now + max(wait, _LONGEST_REST))
        self._next_return = at + (0.0 if self._pace.now.is_blocked else spacing.interval)
        self._full_since = min(self._full_since, now)
        if (self._pace.open or now - self._full_since < _SHORT_REST) and any(
            self._pace.counted(now, budget.period) < budget.count for budget in spacing.budgets
        ):  # others have turns, and their mails may be refused
            at = min(at, now + _SHORT_REST)
        cause = self._cause()
        if learned.get(relay, Fact.CLOSED_UNTIL) is None:
            text = "mails rest until the relay's pace leaves room"
            log.warning(text, relay=relay, cause=cause, seconds=round(wait))
        learned.note(relay, Fact.CLOSED_UNTIL, round(time.time() + wait))
        return Throttled(
            f"{relay} takes no more mails for now ({cause})",
            retry_after=timedelta(seconds=at - now),
        )

    def _cause(self) -> str:
        """Why mails wait, in words."""
        if self._pace.now.is_blocked:
            return "it refuses our rate"
        rate = self._pace.learned.get(self._pace.relay, Fact.RATE)
        if rate is not None:
            return f"it takes about {round(rate, 3)} a second"
        return f"DISPATCHER_EMAIL_RATE is {self._pace.rules.ceiling}"
