"""The email channel at the pace that its relay takes, kept by all who send through it."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from adapters.channels.email.limits import RateRefused
from adapters.channels.shared.learned import Fact, Learned
from domain.content import Content
from domain.errors import DeliveryError, InDoubt, Throttled
from domain.learned_pace import Pace
from domain.ledger import LedgerUnavailable
from domain.notification import Notification, Recipient
from domain.pace import PaceStore, Rate, Spacing, Turn
from domain.ports import AboutToSend, Notifier, proceed

_COUNTED = 4096

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceRules:
    """`ceiling`: accepted mails at most. `longest_hold`: seconds that a mail waits in hand for its
    turn; what would wait longer rests in the broker."""

    ceiling: Rate | None = None
    longest_hold: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True, kw_only=True)
class Permit:
    """Leave to send one mail. `episode`: the pace's, at which it goes."""

    episode: int
    is_probe: bool = False
    turn: Turn | None = None
    spacing: Spacing | None = None


class RelayPace:
    """The pace of one relay: what its refusals teach, and what other processes have learned.

    `is_limited`: whether a mail needs a turn at all; else it goes with the permit `free`. `offset`:
    from the store's clock to that of the rules.
    """

    def __init__(self, relay: str, store: PaceStore, learned: Learned, rules: PaceRules) -> None:
        """`relay`: its host and port."""
        self.relay, self.store, self.learned, self.rules = relay, store, learned, rules
        self.key = f"email {relay}"
        self.is_limited = rules.ceiling is not None
        self.now = Pace()
        self.free = Permit(episode=0)
        self.offset = 0.0
        self._accepted: deque[float] = deque(maxlen=_COUNTED)
        self._slowing = asyncio.Lock()
        self._met = 0.0  # when the block began that has our count

    def allows(self, permit: Permit) -> bool:
        """Whether the pace is still the one at which the permit was given."""
        is_current = permit.episode == self.now.episode
        return is_current and (permit.turn is not None or not self.is_limited)

    async def learn(self, permit: Permit, answers: Iterable[DeliveryError | None]) -> None:
        """Take note of what became of a mail."""
        was_taken = False
        for answer in answers:
            if isinstance(answer, RateRefused):
                with suppress(LedgerUnavailable):  # then nothing is sent anyway until it is back
                    await self.unused(permit)
                    async with self._slowing:  # those under way with it are refused now, too
                        await self._slow_down(permit, answer)
                return
            was_taken = was_taken or answer is None or isinstance(answer, InDoubt)
        if not was_taken:
            await self.ended(permit)
            return
        self._accepted.append(self.rules.clock())
        if permit.is_probe:
            with suppress(LedgerUnavailable):
                await self._unblock(permit)

    async def ended(self, permit: Permit) -> None:
        """A mail ended without a word about the rate; where it was a probe, the next may go."""
        if permit.turn is None:
            return
        with suppress(LedgerUnavailable):
            await self.unused(permit)
            if permit.is_probe and self.now.is_blocked and self.now.episode == permit.episode:
                await self.store.hold(self.key, 0.0)

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
            if pace.episode != permit.episode or not pace.is_blocked:
                return
            probed_at = now if permit.turn is None else permit.turn.at
            until = pace.blocked_at + self.offset
            new = pace.passed(now, probed_at, self._counted(until, pace.horizon(probed_at)))
            if await self._swap(note, new, now):
                await self.store.hold(self.key, 1 / new.rate)
                rate = round(new.rate, 3)
                log.info("the relay takes mail again", relay=self.relay, rate=rate)

    async def _slow_down(self, permit: Permit, refusal: RateRefused) -> None:
        wait = refusal.named.total_seconds() if refusal.named else 0.0
        counted = self._counted(self.rules.clock(), 1.0)
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

    def _counted(self, until: float, seconds: float) -> int:
        """How many were accepted in the seconds before."""
        return sum(until - seconds <= at <= until for at in self._accepted)

    async def refresh(self) -> tuple[str, float]:
        """Take over what other processes have learned. Returns what the store has and its time.
        Raises LedgerUnavailable."""
        note, now = await self.store.note(self.key)
        self.offset = self.rules.clock() - now
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


class PacedNotifier:
    """Lets mails through as fast as the relay takes them. While it takes all, nothing is asked."""

    def __init__(
        self,
        notifier: Notifier,
        pace: RelayPace,
        *,
        connections: int,
        admit: Callable[[Notification], None] = lambda _notification: None,
    ) -> None:
        """`connections`: how many mails are under way at once; those that wait for a connection can
        still be slowed. `admit` is called when a mail's turn has come; what it raises ends the
        call."""
        from adapters.channels.email.relay_turns import RelayTurns

        self._notifier = notifier
        self.one_by_one, self.check, self.close = (
            notifier.one_by_one,
            notifier.check,
            notifier.close,
        )
        self._pace = pace
        self._turns = RelayTurns(pace)
        self._admit = admit
        self._slots = asyncio.Semaphore(connections)
        pace.learned.shared_by(pace.refresh)

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.notify`. Raises Throttled, to be called again at once, where the relay
        refused the mail because of its rate: the mail keeps its place."""
        pace, turns = self._pace, self._turns
        place = turns.kept.pop(notification.id, None) if turns.kept else None
        while True:
            permit = pace.free
            if pace.is_limited:
                place = place or turns.place()
                permit = await turns.turn(place)
            async with self._slots:
                if pace.allows(permit):
                    try:
                        self._admit(notification)
                        answers = await self._notifier.notify(
                            notification, content, recipients, about_to_send
                        )
                    except RateRefused as error:
                        answers = dict.fromkeys(recipients, error)
                    except BaseException:
                        await pace.ended(permit)
                        raise
                    await pace.learn(permit, answers.values())
                    break
            await pace.ended(permit)  # another was refused while this one waited for a connection
        refusals = [e for e in answers.values() if isinstance(e, RateRefused)]
        if refusals and len(refusals) == len(answers):
            turns.keep(notification.id, place)
            wait = refusals[0].retry_after
            raise Throttled(str(refusals[0]), retry_after=wait, in_hand=True)
        return answers
