"""Consumes the work queues for as long as it takes: reconnects, subscribes again, stops cleanly."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog

from adapters.inbound.contract import BeforeAck, BrokerUnavailable, Handler, SessionEnded, not_kept
from adapters.inbound.in_hand import InHand
from adapters.rabbitmq.amqp_channel import ChannelLost
from adapters.rabbitmq.backoff import Backoff
from adapters.rabbitmq.connect_faults import LoginRefused
from adapters.rabbitmq.connection import AmqpConnection, connect
from adapters.rabbitmq.parameters import BrokerAddress
from adapters.rabbitmq.preparing import Preparer
from adapters.rabbitmq.publisher import PublishLink
from adapters.rabbitmq.settings import RabbitSettings, queue_plans
from adapters.rabbitmq.settlement import Settler
from adapters.rabbitmq.subscription import Subscription
from domain.backoff import DoublingWait
from domain.events import ALARM, BROKER, TroubleBegan, TroubleEnded, TroubleUncertain, queue_trouble
from domain.ports import EventSink, NoObserver

_log = structlog.get_logger()

# Seconds between two looks at whether the queues are empty.
_DRAIN_LOOK = 0.05
# Seconds between two looks at whether the setting has changed while the broker is away.
_ADDRESS_LOOK = 1.0


class RabbitConsumer:
    """The inbound contract over RabbitMQ, on two connections: one consumes and acks, the other
    publishes the copies. Runs on one event loop; `run` once."""

    def __init__(
        self,
        settings: RabbitSettings,
        *,
        backoff: Callable[[], Backoff] = Backoff,
        events: EventSink | None = None,
        in_hand: InHand | None = None,
    ) -> None:
        """`events` gets lost connections and queues that cannot be used. `in_hand` counts
        what is taken and settled."""
        self._settings = settings
        self._backoff = backoff
        self._events = events or NoObserver()
        self._in_hand = in_hand or InHand()
        self._stopping = asyncio.Event()
        self._link = PublishLink(lambda: settings.address, "dispatcher publishing", self._events)
        self._preparer = Preparer(settings, self._events)
        self._settler = Settler(settings, self._preparer, self._link, backoff, self._events)
        self._subscriptions: Sequence[Subscription] = ()
        self._connection: AmqpConnection | None = None

    async def run(
        self,
        handler: Handler,
        *,
        drain: bool = False,
        before_ack: BeforeAck = not_kept,
        session_ended: SessionEnded = not_kept,
    ) -> None:
        self._subscriptions = [
            Subscription(
                queue,
                self._settings,
                self._settler,
                handler,
                self._in_hand,
                before_ack=before_ack,
                session_ended=session_ended,
            )
            for queue in self._settings.queues
        ]
        ends = [self._keep_consuming(), self._stopping.wait()]
        if drain:
            ends.append(self._drained())
        try:
            await _until_one_ends(ends)
        finally:
            await self._shut_down()

    def stop(self) -> None:
        self._stopping.set()

    @property
    def is_ready(self) -> bool:
        return bool(self._subscriptions) and all(s.is_consuming for s in self._subscriptions)

    @property
    def _handed_out(self) -> int:
        return sum(subscription.handed_out for subscription in self._subscriptions)

    async def _keep_consuming(self) -> None:
        clock = asyncio.get_running_loop()
        backoff = self._backoff()
        # A broker that is starting may refuse for a moment; a wrong password is not tried often.
        refused = Backoff(DoublingWait(first=2.0, longest=120.0))
        while True:
            address = self._settings.address
            try:
                self._connection = await connect(address, "dispatcher consuming")
            except BrokerUnavailable as error:
                is_login = isinstance(error, LoginRefused)
                delay = (refused if is_login else backoff).failed(clock.time())
                self._events.emit(TroubleBegan(BROKER, str(error), delay, is_login=is_login))
            else:
                self._events.emit(TroubleEnded(BROKER))
                backoff.succeeded(clock.time())
                refused.succeeded(clock.time())
                before = self._handed_out
                reason = await self._serve(self._connection)
                if self._handed_out > before:
                    backoff.worked()
                delay = backoff.failed(clock.time())
                lost = f"the connection to the broker is lost: {reason}"
                self._events.emit(TroubleBegan(BROKER, lost, delay))
            await self._wait(delay, address)

    async def _wait(self, seconds: float, used: BrokerAddress) -> None:
        """Wait, less long where the settings name another address or login by then."""
        while seconds > 0 and self._settings.address == used:
            pause = min(seconds, _ADDRESS_LOOK)
            seconds -= pause
            await asyncio.sleep(pause)

    async def _serve(self, connection: AmqpConnection) -> str:
        subscribing = [self._subscribe(connection, each) for each in self._subscriptions]
        await _until_one_ends([asyncio.wait([connection.closed]), *subscribing])
        return connection.closed.result()

    async def _subscribe(self, connection: AmqpConnection, subscription: Subscription) -> None:
        """Keep one queue consumed for as long as the connection lives."""
        clock = asyncio.get_running_loop()
        backoff = self._backoff()
        while not connection.closed.done():
            try:
                if await self._preparer.prepare(connection, subscription.queue):
                    plans = queue_plans(self._settings, subscription.queue)
                    self._settler.know([plan.name for plan in plans])
                    channel = await subscription.start(connection)
                    backoff.succeeded(clock.time())
                    self._events.emit(TroubleEnded(queue_trouble(subscription.queue)))
                    # What waited to be stored went back with the channel before this one.
                    self._events.emit(TroubleUncertain(ALARM))
                    # Not awaited itself: a cancelled await would end the future for all who wait.
                    await asyncio.wait((channel.ended,))
                    trouble = str(channel.ended.result())
                    await channel.close()
                else:
                    trouble = "it does not exist, and its producer declares it"
            except ChannelLost as lost:
                trouble = str(lost)
            if connection.closed.done():
                return
            delay = backoff.failed(clock.time())
            self._events.emit(TroubleBegan(queue_trouble(subscription.queue), trouble, delay))
            await asyncio.sleep(delay)

    async def _drained(self) -> None:
        """Return once every queue was seen empty twice, with nothing handed out meanwhile."""
        before = None
        while True:
            await asyncio.sleep(_DRAIN_LOOK)
            now = tuple([await subscription.idle_since() for subscription in self._subscriptions])
            if None not in now and now == before and self.is_ready:
                return
            before = now

    async def _shut_down(self) -> None:
        await asyncio.gather(*(each.take_no_more() for each in self._subscriptions))
        tasks = [task for s in self._subscriptions for task in s.tasks]
        if tasks:
            grace = self._settings.grace.total_seconds()
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                _log.warning("grace is over; the rest is handed back", messages=len(late))
                await asyncio.wait(late)
        connection = self._connection
        closing = (self._link.close(), *((connection.close(),) if connection else ()))
        await asyncio.gather(*closing)


async def _until_one_ends(work: Iterable[Coroutine[Any, Any, Any]]) -> None:
    """Run all until one ends, and cancel the others. Raises what one of them raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
