"""One relay's pace, kept by all who send through it: turns in order, and what refusals teach."""

import asyncio
import itertools
import time
from collections import deque
from contextlib import suppress
from datetime import timedelta

import structlog

from adapters.channels.email.limits import RateRefused
from adapters.channels.email.line import Line
from adapters.channels.email.permit import PaceRules, Permit, RelayPlace
from adapters.channels.shared.learned import Fact, Learned
from domain.errors import Throttled
from domain.learned_pace import Pace
from domain.ledger import LedgerUnavailable
from domain.pace import PaceStore, Rate, Spacing

_PROBE = 10.0
"""Seconds for the answer to a probe; then another may go."""
_LOOK = 1.0
_LONGEST_REST = 300.0
_COUNTED = 4096
_MARGIN = 1.02
"""A ceiling for each second is kept with a little room, since mails do not arrive evenly spaced."""

log = structlog.get_logger(__name__)


class Pacer:
    """The pace of one relay. `is_limited`: whether a mail needs a turn at all."""

    def __init__(self, relay: str, store: PaceStore, learned: Learned, rules: PaceRules) -> None:
        self.is_limited = rules.ceiling is not None
        self._relay = relay
        self._key = f"email {relay}"
        self._store = store
        self._learned = learned
        self._rules = rules
        self._pace = Pace()
        self._free = Permit(episode=0)
        self._offset = 0.0
        self._accepted: deque[float] = deque(maxlen=_COUNTED)
        self._numbers = itertools.count()
        self._line = Line()
        self._next_return = 0.0
        self._slowing = asyncio.Lock()
        self._met = 0.0  # when the block began that has our count

    def place(self) -> RelayPlace:
        """A place at the end of the queue."""
        return RelayPlace(next(self._numbers), self._rules.clock())

    def unlimited(self) -> Permit:
        """Leave to send at once, while there is no limit."""
        return self._free

    def is_current(self, permit: Permit) -> bool:
        """Whether the pace is still the one at which the permit was given."""
        return permit.episode == self._pace.episode and (
            permit.turn is not None or not self.is_limited
        )

    async def turn(self, place: RelayPlace) -> Permit:
        """Wait for the turn. Raises Throttled where that would take too long."""
        async with self._line.first(place.number):
            while self.is_limited:
                permit = await self._take(place)
                if permit is not None:
                    return permit
            return self.unlimited()

    def accepted(self) -> None:
        """The relay took a mail."""
        self._accepted.append(self._rules.clock())

    async def passed(self, permit: Permit) -> None:
        """The relay took the mail that was a probe: a pause is over."""
        with suppress(LedgerUnavailable):
            await self._unblock(permit)

    async def _unblock(self, permit: Permit) -> None:
        while self._pace.is_blocked:
            note, now = await self._look()
            pace = self._pace
            if pace.episode != permit.episode or not pace.is_blocked:
                return
            probed_at = now if permit.turn is None else permit.turn.at
            until = pace.blocked_at + self._offset
            counted = self._counted(until, pace.horizon(probed_at))
            new = pace.passed(now, probed_at, counted)
            if await self._store.swap(self._key, note, new.encode()):
                self._adopt(new, now)
                await self._store.hold(self._key, 1 / new.rate)
                log.info("the relay takes mail again", relay=self._relay, rate=_shown(new.rate))

    async def refused(self, permit: Permit, refusal: RateRefused) -> None:
        """The relay refused the mail: it gets too many."""
        with suppress(LedgerUnavailable):  # then nothing is sent anyway until it is back
            await self._slow_down(permit, refusal)

    async def _slow_down(self, permit: Permit, refusal: RateRefused) -> None:
        await self._unused(permit)
        async with self._slowing:  # those under way with it are refused at the same moment
            new = await self._after(permit, refusal)
        if new is None:
            return
        rate = new.rate_at(new.since)
        log.warning(
            "the relay is slower than we are: sending more slowly",
            relay=self._relay,
            rate=_shown(rate),
            pause=new.pause,
            error=str(refusal),
        )

    async def _after(self, permit: Permit, refusal: RateRefused) -> Pace | None:
        """The pace that this refusal has made; None where another refusal had made it before."""
        wait = refusal.named.total_seconds() if refusal.named else 0.0
        counted = self._counted(self._rules.clock(), 1.0)
        while True:
            note, now = await self._look()
            is_first = self._pace.episode == permit.episode
            if is_first:
                new = self._pace.refused(now, counted=counted, wait=wait)
            elif self._pace.is_blocked and self._met != self._pace.blocked_at:
                new = self._pace.joined(counted)
            else:
                return None
            if await self._store.swap(self._key, note, new.encode()):
                break
        self._met = round(new.blocked_at, 6)
        self._adopt(new, now)
        if is_first:
            await self._store.hold(self._key, new.pause or 2 / new.rate_at(now))
        return new if is_first else None

    async def _unused(self, permit: Permit) -> None:
        """The mail was not accepted: it does not count towards a ceiling."""
        if permit.turn is not None and permit.spacing is not None and permit.spacing.budgets:
            await self._store.give_back(self._key, permit.spacing, permit.turn)
            permit.turn = None

    async def ended(self, permit: Permit) -> None:
        """A mail ended without a word about the rate; where it was a probe, the next may go."""
        if permit.turn is None:
            return
        with suppress(LedgerUnavailable):
            await self._unused(permit)
            if permit.is_probe and self._pace.is_blocked and self._pace.episode == permit.episode:
                await self._store.hold(self._key, 0.0)

    async def refresh(self) -> None:
        """Take over what other processes have learned."""
        await self._look()

    def _counted(self, until: float, seconds: float) -> int:
        """How many were accepted in the seconds before."""
        return sum(until - seconds <= at <= until for at in self._accepted)

    async def _look(self) -> tuple[str, float]:
        note, now = await self._store.note(self._key)
        self._pace = Pace.decode(note)
        self._offset = self._rules.clock() - now
        self._adopt(self._pace, now)
        return note, now

    def _adopt(self, pace: Pace, now: float) -> None:
        self._pace = pace
        if self._free.episode != pace.episode:
            self._free = Permit(episode=pace.episode)
        rate = pace.rate_at(now)
        self.is_limited = self._rules.ceiling is not None or pace.is_blocked or rate > 0
        self._learned.note(self._relay, Fact.RATE, rate or None)

    async def _take(self, place: RelayPlace) -> Permit | None:
        """The next turn, once it has come; None where the pace has changed meanwhile."""
        await self.refresh()
        if not self.is_limited:
            return None
        pace, spacing = self._pace, self._spacing()
        waited = self._rules.clock() - place.since
        turn = await self._store.take(self._key, spacing, max(self._rules.longest_hold - waited, 0))
        if not turn.taken:
            raise self._hand_back(turn.wait, spacing)
        self._open_again()
        permit = Permit(episode=pace.episode, is_probe=pace.is_blocked, turn=turn, spacing=spacing)
        try:
            has_changed = await self._wait(turn.wait, pace.episode)
        except BaseException:
            await self.ended(permit)
            raise
        if has_changed:
            await self._unused(permit)
            return None
        return permit

    async def _wait(self, seconds: float, episode: int) -> bool:
        """Whether the pace has changed meanwhile."""
        until = self._rules.clock() + seconds
        while (left := until - self._rules.clock()) > 0:
            await self._rules.sleep(min(left, _LOOK))
            if left > _LOOK:
                await self.refresh()
            if self._pace.episode != episode:
                return True
        return False

    def _spacing(self) -> Spacing:
        ceiling = self._rules.ceiling
        interval = 0.0
        budgets: tuple[Rate, ...] = ()
        if ceiling is not None and ceiling.period <= 1:
            interval = _MARGIN * ceiling.period / ceiling.count
        elif ceiling is not None:
            budgets = (ceiling,)
        if self._pace.is_blocked:
            interval = _PROBE
        elif rate := self._pace.rate_at(self._rules.clock() - self._offset):
            interval = max(interval, 1 / rate)
        return Spacing(interval=interval, budgets=budgets)

    def _hand_back(self, wait: float, spacing: Spacing) -> Throttled:
        """Each that is handed back gets a time of its own."""
        now = self._rules.clock()
        at = max(now + wait, self._next_return)
        # A pace that is learned may rise before all of them are through.
        at = min(at, now + max(wait, _LONGEST_REST))
        self._next_return = at + (0.0 if self._pace.is_blocked else spacing.interval)
        if self._learned.get(self._relay, Fact.CLOSED_UNTIL) is None:
            log.warning(
                "mails rest until the relay's pace leaves room",
                relay=self._relay,
                cause=self.state(),
                seconds=round(wait),
            )
        self._learned.note(self._relay, Fact.CLOSED_UNTIL, round(time.time() + wait))
        return Throttled(
            f"{self._relay} takes no more mails for now ({self.state()})",
            retry_after=timedelta(seconds=at - now),
        )

    def _open_again(self) -> None:
        if self._learned.get(self._relay, Fact.CLOSED_UNTIL) is not None:
            self._learned.note(self._relay, Fact.CLOSED_UNTIL, None)

    def state(self) -> str:
        """Why mails wait, in words."""
        if self._pace.is_blocked:
            return "it refuses our rate"
        rate = self._learned.get(self._relay, Fact.RATE)
        if rate is not None:
            return f"it takes about {_shown(rate)} a second"
        return f"DISPATCHER_EMAIL_RATE is {self._rules.ceiling}"


def _shown(rate: float) -> float:
    return round(rate, 3)
