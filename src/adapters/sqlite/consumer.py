"""Consumes the embedded queue: lease, handle, settle, in turns."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog

from adapters.inbound.contract import (
    BeforeAck,
    BrokerUnavailable,
    Handler,
    InboundMessage,
    SessionEnded,
    not_kept,
)
from adapters.inbound.in_hand import InHand
from adapters.sqlite.queue import SqliteQueue
from adapters.sqlite.queue_rows import Ended
from domain.backoff import DoublingWait
from domain.events import BROKER, TroubleBegan, TroubleEnded
from domain.ports import Clock, EventSink, NoObserver
from domain.value_object import value_object

log = structlog.get_logger()

_LONGEST_POLL: Final = 0.2
_PAUSES: Final = DoublingWait(first=0.5, longest=10.0)
# Before a message that its handler threw back is tried again: else a fault spins.
_FAULT_PAUSE: Final = timedelta(seconds=1)
_CANCEL_PATIENCE: Final = 1.0


@value_object(kw_only=True)
class SqliteConsumerSettings:
    """`prefetch`: messages handled at once, for each queue, so that none starves another. `grace`:
    the time that `stop` leaves to those in hand. `lease`: after which a dead process's messages are
    taken over; renewed by a third. `max_in_hand`: bytes, a third for the messages taken at once and
    the rest for what is made of them."""

    queues: tuple[str, ...]
    prefetch: int = 20
    grace: timedelta = timedelta(seconds=30)
    lease: timedelta = timedelta(seconds=30)
    max_in_hand: int = 64 * 2**20


class SqliteConsumer:
    """The Consumer contract on a SQLite file.

    One loop takes turns with the file: what the handlers have ended since the last turn is stored
    in one transaction, which also leases the next. A turn that fails is taken again.
    """

    def __init__(
        self,
        queue: SqliteQueue,
        settings: SqliteConsumerSettings,
        clock: Clock,
        in_hand: InHand | None = None,
        events: EventSink | None = None,
    ) -> None:
        """Several processes may consume the same file. `in_hand` counts what is taken and
        settled."""
        self._queue = queue
        self._settings = settings
        self._clock = clock
        self._owner = uuid4().hex
        self._successor = queue.successor(self._owner)
        self._tasks: dict[asyncio.Task[None], InboundMessage] = {}
        self._ended: list[Ended] = []
        self._in_hand = in_hand or InHand()
        self._events = events or NoObserver()
        self._wake = queue.changed
        self._renew_at = clock.now()
        self._pause = 0.0
        self.is_ready = False
        """Whether the last turn with the file went well and more will follow."""
        self._is_stopping = False
        self._deadline = float("inf")
        self._before_ack: BeforeAck = not_kept

    def stop(self) -> None:
        self._is_stopping = True
        self.is_ready = False
        self._wake.set()

    async def run(
        self,
        handler: Handler,
        *,
        drain: bool = False,
        before_ack: BeforeAck = not_kept,
        session_ended: SessionEnded = not_kept,
    ) -> None:
        self._before_ack = before_ack
        try:
            while not self._is_over():
                self._wake.clear()
                if await self._take_turn(handler):
                    continue
                if drain and not (self._tasks or self._ended):
                    with suppress(BrokerUnavailable):  # the next turn says so and waits
                        if await self._queue.is_empty(self._settings.queues):
                            return
                await self._nap()
        finally:
            self.stop()
            await self._let_go()
            self._successor.end()

    def _is_over(self) -> bool:
        if not self._is_stopping:
            return False
        now = asyncio.get_running_loop().time()
        self._deadline = min(self._deadline, now + self._settings.grace.total_seconds())
        return now >= self._deadline or not (self._tasks or self._ended)

    async def _take_turn(self, handler: Handler) -> bool:
        """Exchange with the file; True if more may be had at once."""
        try:
            if not self._is_stopping:
                now = asyncio.get_running_loop().time()
                await self._successor.take_over(self._settings.queues, self._settings.lease, now)
            leased = await self._exchange()
        except BrokerUnavailable as error:
            self.is_ready = False
            self._pause = _PAUSES.after(self._pause)
            self._events.emit(TroubleBegan(BROKER, str(error), self._pause))
            return False
        if self._pause:
            self._events.emit(TroubleEnded(BROKER))
        self._pause = 0.0
        self.is_ready = not self._is_stopping
        for taken in leased:
            task = asyncio.create_task(self._handle(handler, taken))
            self._tasks[task] = taken
            self._in_hand.take(taken)
        await asyncio.sleep(0)  # what ends at once is settled in the next turn
        return bool(leased)

    async def _exchange(self) -> list[InboundMessage]:
        ended = tuple(self._ended)
        now = self._clock.now()
        must_renew = now >= self._renew_at
        leased, lost = await self._queue.exchange(
            self._owner,
            ended=ended,
            held=[taken.tag for taken in self._tasks.values()] if must_renew else [],
            room=self._room(),
            budget=self._budget(),
            is_first=not self._in_hand.count,
            lease=self._settings.lease,
        )
        del self._ended[: len(ended)]
        for one in ended:
            self._in_hand.let_go(one.message, is_settled=one.copies is not None)
        if must_renew:
            self._renew_at = now + self._settings.lease / 3
        if lost:
            log.warning("lease was taken over; the other process settles", messages=len(lost))
        return leased

    def _budget(self) -> int:
        return max(0, self._settings.max_in_hand // 3 - self._in_hand.size)

    def _room(self) -> dict[str, int]:
        if self._is_stopping or (self._in_hand.count and not self._budget()):
            return {}
        busy = Counter(taken.queue for taken in self._tasks.values())
        return {queue: self._settings.prefetch - busy[queue] for queue in self._settings.queues}

    async def _handle(self, handler: Handler, taken: InboundMessage) -> None:
        try:
            settlement = await handler(taken)
            for claim in settlement.claims:  # the next turn stores the copies and acks at once
                await self._before_ack(claim)
            ended = Ended(message=taken, copies=settlement.copies)
        except asyncio.CancelledError:
            ended = self._back(taken)
        except Exception:  # the border to foreign code: its fault must not end the consumer
            log.exception("handler failed; message is handed back", queue=taken.queue)
            ended = self._back(taken)
        self._ended.append(ended)
        # Not in a done callback: it would come after the turn that this wakes, and hold a place.
        if (task := asyncio.current_task()) is not None:
            self._tasks.pop(task, None)
        self._wake.set()

    def _back(self, taken: InboundMessage) -> Ended:
        after = timedelta(0) if self._is_stopping else _FAULT_PAUSE
        return Ended(message=taken, copies=None, after=after)

    async def _let_go(self) -> None:
        """Hand back what is still in hand; should that fail, the leases run out by themselves."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=_CANCEL_PATIENCE)
        self._ended += [self._back(taken) for taken in self._tasks.values()]
        if not self._ended:
            return
        try:
            await self._exchange()
        except BrokerUnavailable as error:
            log.warning("could not hand back; the leases will run out", error=str(error))

    async def _nap(self) -> None:
        longest = min(_LONGEST_POLL, self._settings.lease.total_seconds() / 3)
        poll = random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
        left = self._deadline - asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(self._pause or poll, left)):
                await self._wake.wait()
