"""The pace that a relay takes, kept by all who send through it."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

import structlog

from adapters.channels.email.limits import RateRefused
from adapters.channels.shared.learned import Fact, Learned
from domain.errors import DeliveryError, InDoubt
from domain.learned_pace import Pace
from domain.ledger import LedgerUnavailable
from domain.pace import PaceStore, Rate, Spacing, Turn
from domain.value_object import value_object

_COUNTED = 4096

log = structlog.get_logger(__name__)


@value_object(kw_only=True)
class PaceRules:
    """`ceiling`: accepted mails at most. `longest_hold`: seconds that a mail waits in hand for its
    turn; what would wait longer rests in the broker."""

    ceiling: Rate | None = None
    longest_hold: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True, kw_only=True, eq=False)
class Permit:
    """The permission to send one mail. `episode`: the pace's when it was given; see `Pace`."""

    episode: int
    is_probe: bool = False
    turn: Turn | None = None
    spacing: Spacing | None = None


class RelayPace:
    """The pace of one relay: what its refusals teach, and what other processes have learned.

    `is_limited`: whether a mail needs a turn at all; else it goes with the permit `free`. `offset`:
    from the store's clock to that of the rules. `open`: the turns of mails that are under way; they
    are free again where the mail is not accepted.
    """

    def __init__(self, relay: str, store: PaceStore, learned: Learned, rules: PaceRules) -> None:
        """`relay`: its host and port."""
        self.relay, self.store, self.learned, self.rules = relay, store, learned, rules
        self.key = f"email {relay}"
        self.is_limited = rules.ceiling is not None
        self.now = Pace()
        self.free = Permit(episode=0)
        self.offset = 0.0
        self.accepted: deque[float] = deque(maxlen=_COUNTED)
        self.open: set[Permit] = set()
        self._slowing = asyncio.Lock()
        self._met = 0.0  # when the block began that has our count

    async def learn(self, permit: Permit, answers: Collection[DeliveryError | None]) -> None:
        """Take note of what became of a mail."""
        refusal = next((answer for answer in answers if isinstance(answer, RateRefused)), None)
        if refusal is not None:
            with suppress(LedgerUnavailable):  # then nothing is sent anyway until it is back
                await self.unused(permit)
                async with self._slowing:  # those under way with it are refused now, too
                    await self._slow_down(permit, refusal)
        elif any(answer is None or isinstance(answer, InDoubt) for answer in answers):
            self.accepted.append(self.rules.clock())
            if permit.is_probe:
                with suppress(LedgerUnavailable):
                    await self._unblock(permit)
        else:
            await self.ended(permit)
        self.open.discard(permit)

    async def ended(self, permit: Permit) -> None:
        """A mail ended without a word about the rate; where it was a probe, the next may go."""
        if permit.turn is None:
            return
        with suppress(LedgerUnavailable):
            await self.unused(permit)
            if permit.is_probe and (
                not self.now.is_blocked or self.now.episode == permit.episode
            ):  # its turn kept the next ones away for as long as an answer may take
                await self.store.hold(self.key, 0.0)
        self.open.discard(permit)

    async def unused(self, permit: Permit) -> None:
        """The mail was not accepted: it does not count towards a ceiling."""
        if permit.turn is not None and permit.spacing is not None and permit.spacing.budgets:
            await self.store.give_back(self.key, permit.spacing, permit.turn)
            permit.turn = None

    async def _unblock(self, permit: Permit) -> None:
        """The relay took the mail that was a probe: a pause is over."""
        while self.now.is_blocked:
            note, now = await self.refresh()
            pace = self.now
            if not pace.is_blocked:  # this turn was taken while another mail ended the pause
                await self.store.hold(self.key, 0.0)
            if pace.episode != permit.episode or not pace.is_blocked:
                return
            probed_at = now if permit.turn is None else permit.turn.at
            until = pace.blocked_at + self.offset
            new = pace.passed(now, probed_at, self.counted(until, pace.horizon(probed_at)))
            if await self._swap(note, new, now):
                await self.store.hold(self.key, 1 / new.rate)
                rate = round(new.rate, 3)
                log.info("the relay takes mail again", relay=self.relay, rate=rate)

    async def _slow_down(self, permit: Permit, refusal: RateRefused) -> None:
        wait = refusal.named.total_seconds() if refusal.named else 0.0
        counted = self.counted(self.rules.clock(), 1.0)
        while True:
            note, now = await self.refresh()
            is_first = self.now.episode == permit.episode
            if is_first:
                new = self.now.refused(now, counted=counted, wait=wait)
            elif self.now.is_blocked and self._met != self.now.blocked_at:
                new = self.now.joined(counted)
            else:
                return  # another refusal has made this pace, and we were counted
            if await self._swap(note, new, now):
                break
        self._met = round(new.blocked_at, 6)
        if is_first:
            await self.store.hold(self.key, new.pause or 2 / new.rate_at(now))
            log.warning(
                "the relay is slower than we are: sending more slowly",
                relay=self.relay,
                rate=round(new.rate_at(new.since), 3),
                pause=new.pause,
                error=str(refusal),
            )

    def counted(self, until: float, seconds: float) -> int:
        """How many were accepted in the seconds before."""
        return sum(until - seconds <= at <= until for at in self.accepted)

    async def refresh(self) -> tuple[str, float]:
        """Take over what other processes have learned. Returns what the store has and its time.
        Raises LedgerUnavailable."""
        note, now = await self.store.note(self.key)
        self.offset = self.rules.clock() - now
        if note:
            self._adopt(Pace.decode(note), now)
        return note, now

    async def _swap(self, note: str, new: Pace, now: float) -> bool:
        """Put the new pace in place of the one noted; False where another was faster."""
        is_ours = await self.store.swap(self.key, note, new.encode())
        if is_ours:
            self._adopt(new, now)
        return is_ours

    def _adopt(self, pace: Pace, now: float) -> None:
        self.now = pace
        if self.free.episode != pace.episode:
            self.free = Permit(episode=pace.episode)
        rate = pace.rate_at(now)
        self.is_limited = self.rules.ceiling is not None or pace.is_blocked or rate > 0
        self.learned.note(self.relay, Fact.RATE, rate or None)
