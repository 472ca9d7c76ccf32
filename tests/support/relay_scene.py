"""A queue, a dispatcher with its breaker, and a relay that answers by rules: in virtual time."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.channel_sender import ChannelSender
from domain.content import Content
from domain.dispatcher import Dispatcher
from domain.errors import DeliveryError
from domain.events import Event, TroubleBegan, TroubleEnded
from domain.ledger_access import LedgerAccess
from domain.notification import Notification, Recipient
from domain.outcome import Deferred, Rejected, Sent
from domain.ports import AboutToSend, proceed
from domain.retry_policy import RetryPolicy
from tests.fakes import NOON, FakeTemplateRenderer, a_delivery, a_notification
from tests.support.ledger_store import MemoryLedger
from tests.support.virtual_time import now

Rule = Callable[[Notification], DeliveryError | None]
_ANSWERS_AFTER = 0.02
TIERS = tuple(timedelta(seconds=s) for s in (10, 60, 300, 1800, 7200, 21600))


class VirtualClock:
    """The clock of a loop in virtual time."""

    def now(self) -> datetime:
        return NOON + timedelta(seconds=now())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class RuledRelay:
    """Answers what `rule` says, after a while; keeps when it was asked, and about which message."""

    rule: Rule = lambda _notification: None
    started: float = 0.0
    asked: list[tuple[float, str]] = field(default_factory=list)
    one_by_one: bool = False

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        self.asked.append((now() - self.started, notification.id))
        await asyncio.sleep(_ANSWERS_AFTER)
        if error := self.rule(notification):
            raise error
        await about_to_send()
        return dict.fromkeys(recipients)

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        return dict.fromkeys(recipients)

    async def close(self) -> None:
        """Nothing is held open."""


class RelayScene:
    """Messages are handed out in order, at most `prefetch` at once, and come back when due."""

    def __init__(self, *, concurrency: int = 10, prefetch: int = 80) -> None:
        self.relay = RuledRelay()
        self.sent: dict[str, float] = {}
        self.dead: dict[str, Rejected] = {}
        self.attempts_spent = 0
        self.pauses: list[tuple[float, str | None]] = []
        self._queue: asyncio.Queue[tuple[Notification, int]] = asyncio.Queue()
        self._done = asyncio.Event()
        self._concurrency = concurrency
        self._prefetch = prefetch

    async def run(
        self,
        messages: Iterable[Notification],
        *,
        seconds: float = 86400,
        at: Mapping[float, Callable[[], None]] | None = None,
    ) -> None:
        """Until all are settled, or so many seconds have passed. `at`: what happens when."""
        self.relay.started = now()
        clock = VirtualClock()
        sender = ChannelSender(
            "email",
            self.relay,
            clock,
            self,
            waits=TIERS,
            concurrency=self._concurrency,
        )
        dispatcher = Dispatcher(
            renderer=FakeTemplateRenderer(),
            senders={"email": sender},
            ledger=LedgerAccess(MemoryLedger(), clock, self),
            retry_policy=RetryPolicy(TIERS),
            clock=clock,
        )
        for when, act in (at or {}).items():
            asyncio.get_running_loop().call_later(when, act)
        for message in messages:
            self._queue.put_nowait((message, 0))
        self._left = self._queue.qsize()
        hands = [asyncio.create_task(self._hand(dispatcher)) for _ in range(self._prefetch)]
        with suppress(TimeoutError):
            await asyncio.wait_for(self._done.wait(), seconds)
        for hand in hands:
            hand.cancel()
        await asyncio.gather(*hands, return_exceptions=True)

    def emit(self, event: Event) -> None:
        """See EventSink."""
        if isinstance(event, TroubleBegan | TroubleEnded):
            error = event.error if isinstance(event, TroubleBegan) else None
            self.pauses.append((self._now(), error))

    def _now(self) -> float:
        return now() - self.relay.started

    async def _hand(self, dispatcher: Dispatcher) -> None:
        while True:
            message, attempts = await self._queue.get()
            outcome = await dispatcher.dispatch(a_delivery(message, attempts_made=attempts))
            [result] = outcome.results
            if isinstance(result, Sent):
                assert message.id not in self.sent
                self.sent[message.id] = self._now()
            elif isinstance(result, Rejected):
                self.dead[message.id] = result
            else:
                self._bring_back(message, attempts, result)
                continue
            self._left -= 1
            if not self._left:
                self._done.set()

    def _bring_back(self, message: Notification, attempts: int, result: Deferred) -> None:
        self.attempts_spent += result.attempt_spent
        again = (message, attempts + result.attempt_spent)
        delay = result.delay.total_seconds()
        asyncio.get_running_loop().call_later(delay, self._queue.put_nowait, again)


def mails(
    count: int, *, name: str = "n", sender: str = "shop@example.com", domain: str | None = None
) -> list[Notification]:
    """So many mails with ids of their own, to a domain each unless one is named."""
    return [
        a_notification(
            id=f"{name}-{number}",
            to=f"ann@{domain or f'd{number}.example'}",
            sender=Recipient(address=sender),
        )
        for number in range(count)
    ]


def interleaved(*groups: Sequence[Notification]) -> list[Notification]:
    """One of each in turn."""
    longest = max(len(group) for group in groups)
    return [group[n] for n in range(longest) for group in groups if n < len(group)]
