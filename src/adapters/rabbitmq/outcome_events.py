"""Publishes outcome events to a topic exchange, over a connection of its own: whatever becomes of
them, no delivery waits for it."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from adapters.inbound.contract import BrokerUnavailable, TopologyMismatch
from adapters.message_format.rules import Properties
from adapters.rabbitmq.amqp_channel import ChannelLost
from adapters.rabbitmq.backoff import Backoff
from adapters.rabbitmq.events_exchange import EventsExchange
from adapters.rabbitmq.publisher import PublishLink
from adapters.rabbitmq.settings import RabbitSettings

CAPACITY = 8 * 2**20
"""Bytes of events that wait; what comes beyond them is dropped."""

_BATCH = 256
"""Events that wait for their confirms at once."""

_PATIENCE = 30.0
"""Seconds for the confirms, where the broker does not say that it takes nothing in."""

_MOMENT = 5.0
"""Seconds after which events that the broker does not take in are said to wait."""

_LAST_EVENTS = 5.0
"""Seconds that a worker which ends spends on the events that are left."""

_FIRST_LOOK = 2.0  # seconds
_BETWEEN_LINES = 60.0  # seconds

_AWAY = (BrokerUnavailable, TopologyMismatch, ChannelLost, TimeoutError)

_log = structlog.get_logger()

_Waiting = tuple[str, str, bytes]
"""The routing key, the id and the body of an event."""


class OutcomeExchange:
    """Keeps events until the broker has confirmed them, each at least once and in order.

    While they cannot be published they wait, as many as there is room for. `dropped` counts those
    that found no room, those that a queue behind the exchange refused, and those that were left at
    the end; `published` those confirmed.
    """

    def __init__(
        self,
        settings: RabbitSettings,
        exchange: str,
        content_type: str,
        *,
        capacity: int = CAPACITY,
        patience: float = _PATIENCE,
        last: float = _LAST_EVENTS,
        moment: float = _MOMENT,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        """`capacity`: bytes. Seconds: `patience` for a confirm, `last` for what is left at the
        end, `moment` until it is said that the broker takes nothing in."""
        self.dropped = self.published = 0
        self._exchange = exchange
        self._content_type = content_type
        self._link = PublishLink(
            lambda: settings.address,
            "dispatcher events",
            exchange=exchange,
            mandatory=False,  # an event that no queue is bound for is no loss
            prepare=EventsExchange(settings, exchange).prepare,
        )
        self._capacity = capacity
        self._patience = patience
        self._last = last
        self._moment = min(moment, patience)
        self._backoff = backoff()
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._looked = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_away = False
        self._unsaid = 0
        self._say_at = 0.0

    @property
    def waiting(self) -> int:
        """How many events are not confirmed yet."""
        return len(self._waiting)

    def take(self, routing_key: str, event_id: str, body: bytes) -> None:
        """Publish an event, later. Returns at once."""
        if len(body) > self._capacity:
            self._drop(1, f"it has {len(body)} bytes, more than can wait ({self._capacity})")
            return
        if self._size + len(body) > self._capacity:
            self._drop(1, "there is no room for more until those that wait are published")
            return
        self._waiting.append((routing_key, event_id, body))
        self._size += len(body)
        self._idle.clear()
        self._wake.set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Publish what is taken while this is entered; at the end what is left, for some seconds.
        The exchange is there by then, if that takes no longer than a moment."""
        running = asyncio.create_task(self._run())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_LOOK):
                    await self._looked.wait()
            yield
        finally:
            await self._finish()
            running.cancel()
            await asyncio.wait([running])
            await self._link.close()

    async def _run(self) -> None:
        """Publish what is taken, until cancelled."""
        clock = asyncio.get_running_loop()
        while True:
            # After a failure one event finds out whether it is over: an event that was published
            # and not confirmed may be stored twice.
            batch = [self._waiting[n] for n in range(min(len(self._waiting), self._most))]
            error = await (self._publish(batch) if batch else self._open())
            self._looked.set()
            if error is None:
                self._went_on(clock.time())
                await self._wake.wait()
                continue
            delay = self._backoff.failed(clock.time())
            self._stands_still(str(error) or f"no confirm within {self._patience:.0f} s")
            await asyncio.sleep(delay)

    async def _open(self) -> BaseException | None:
        """Connect and put the exchange in place. Returns what stands in the way."""
        try:
            await self._link.connection()
        except Exception as error:  # noqa: BLE001 - whatever it is, events wait for its end
            return error
        return None

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(self._last):
                await self._idle.wait()
        except TimeoutError:
            self._say_at = 0.0
            self._drop(len(self._waiting), "the worker ends before they could be published")

    @property
    def _most(self) -> int:
        return 1 if self._is_away else _BATCH

    async def _publish(self, batch: list[_Waiting]) -> BaseException | None:
        """Publish them, and forget those that are done with. Returns why the first of the others
        is not."""
        publishing = [asyncio.create_task(self._publish_one(*event)) for event in batch]
        try:
            await self._all_confirmed(publishing)
        finally:
            for task in publishing:
                task.cancel()
            await asyncio.wait(publishing)
        results = [_error_of(task) for task in publishing]
        again: list[_Waiting] = []
        first: BaseException | None = None
        for event, error in zip(batch, results, strict=True):
            self._waiting.popleft()
            if isinstance(error, _AWAY):
                again.append(event)
                first = first or error
                continue
            self._size -= len(event[2])
            if error is None:
                self.published += 1
            else:
                self._drop(1, str(error))
        self._waiting.extendleft(reversed(again))
        if not self._waiting:
            self._wake.clear()
            self._idle.set()
        return first

    async def _publish_one(self, routing_key: str, event_id: str, body: bytes) -> None:
        properties = Properties(
            content_type=self._content_type, message_id=event_id, app_id="dispatcher"
        )
        await self._link.publish(routing_key, body, properties=properties, headers={})

    async def _all_confirmed(self, publishing: "list[asyncio.Task[None]]") -> None:
        """Wait for them; for as long as the broker says that it takes nothing in, since a second
        try would only add to what it has not read yet."""
        clock = asyncio.get_running_loop()
        left, since = set(publishing), clock.time()
        while left:
            done, left = await asyncio.wait(left, timeout=self._moment)
            if left and self._link.blocked_by is not None:
                self._stands_still(f"the broker takes no messages in: {self._link.blocked_by}")
                since = clock.time()
            elif done:
                since = clock.time()
            elif clock.time() - since >= self._patience:
                await self._link.close()
                return

    def _stands_still(self, error: str) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning(
                "outcome events cannot be published; deliveries go on",
                exchange=self._exchange,
                error=error,
            )

    def _went_on(self, now: float) -> None:
        self._backoff.succeeded(now)
        if self._is_away:
            self._is_away = False
            self._backoff.worked()
            _log.info("outcome events are published again", exchange=self._exchange)

    def _drop(self, count: int, why: str) -> None:
        """Count, and log it once a minute at most."""
        self.dropped += count
        self._unsaid += count
        now = time.monotonic()
        if count and now >= self._say_at:
            _log.error(
                "outcome events are dropped",
                exchange=self._exchange,
                events=self._unsaid,
                error=why,
            )
            self._unsaid, self._say_at = 0, now + _BETWEEN_LINES


def _error_of(task: "asyncio.Task[None]") -> BaseException | None:
    """Why it is not published; TimeoutError where its confirm did not come."""
    return TimeoutError() if task.cancelled() else task.exception()
