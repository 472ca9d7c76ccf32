"""A breaker pauses work while what it needs is away, so that no message pays for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from domain.errors import (
    DeliveryError,
    DispatcherError,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.ports import Clock

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
LONGEST_HOLD = 600.0
"""Seconds to hold a message: RabbitMQ takes a channel away that acks nothing for 30 minutes
(https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout)."""

HAND_BACK_DELAY = timedelta(minutes=1)

FAULTS_IN_A_ROW = 5

_T = TypeVar("_T")


class HeldTooLong(Throttled):
    """A message was held for a paused channel as long as its broker may stand it: it rests in the
    broker for a while, which spends no attempt."""


class FaultStreak:
    """Counts different messages in a row that the provider refused for no fault of theirs."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def note(self, notification_id: str, answers: Iterable[DeliveryError | None]) -> None:
        """One message's answers. Raises Unavailable when it is the fifth: one odd message must not
        pause a channel, and a broken account must not cost a backlog."""
        errors = list(answers)
        if not all(isinstance(e, Transient | Permanent) and e.provider_fault for e in errors):
            self._ids.clear()
            return
        self._ids.add(notification_id)
        if len(self._ids) >= FAULTS_IN_A_ROW:
            raise Unavailable(f"{errors[0]} ({FAULTS_IN_A_ROW} messages in a row met it)")


class Breaker:
    """Lets calls through while the other side answers; else holds them and probes with one.

    Pauses double from `FIRST_PAUSE` to `LONGEST_PAUSE` seconds: an outage costs the other side
    one probe per pause, and recovery is noticed within the longest.
    """

    def __init__(
        self,
        clock: Clock,
        on_change: Callable[[str | None], None],
        trips_on: type[DispatcherError] = Unavailable,
        longest_hold: float = LONGEST_HOLD,
    ) -> None:
        """`on_change` hears the error's text each time the breaker opens or a probe fails, and None
        when it closes. `trips_on` is the error that says the other side is away;
        `longest_hold` is in seconds."""
        self._trips_on = trips_on
        self._clock = clock
        self._on_change = on_change
        self._pause = 0.0
        self._opened_at = clock.now()
        self._cause = ""
        self._probing = asyncio.Lock()
        self._longest_hold = longest_hold

    def is_open(self) -> bool:
        """Whether the channel is paused."""
        return self._pause > 0

    async def call(
        self,
        send: Callable[[], Awaitable[_T]],
        check: Callable[[], None] = lambda: None,
        *,
        may_hold: bool = True,
    ) -> _T:
        """Run `send`; while the other side is away, wait and repeat. Any other end is returned.

        `check` is asked before each try; what it raises ends the call and says nothing about the
        other side. Raises HeldTooLong after the longest hold; without `may_hold` at once, but for
        the first to come after a pause in which nobody else waits to probe: it is the probe.
        """
        since = self._clock.now()
        while True:
            if not self.is_open():
                check()
                try:
                    return await send()
                except self._trips_on as error:
                    self._trip(error)
            elif not may_hold and (self._probing.locked() or not self._is_pause_over()):
                raise self._held()
            else:
                async with self._probing:
                    if not self.is_open():
                        continue
                    if (self._clock.now() - since).total_seconds() >= self._longest_hold:
                        raise self._held()  # asked at most one probe after its time
                    if may_hold:
                        await self._clock.sleep(self._pause)
                    check()
                    try:
                        result = await send()
                    except self._trips_on as error:
                        self._open(error)
                        continue
                    except DispatcherError:  # the other side answers, whatever it says
                        self._close()
                        raise
                    self._close()
                    return result

    def _is_pause_over(self) -> bool:
        waited = (self._clock.now() - self._opened_at).total_seconds()
        return not 0 <= waited < self._pause  # a clock set back must not lengthen it

    def _held(self) -> HeldTooLong:
        text = f"the channel is paused: {self._cause}"
        return HeldTooLong(text, retry_after=HAND_BACK_DELAY)

    def _trip(self, error: DispatcherError) -> None:
        if self._pause == 0:  # of many calls in flight only the first opens it
            self._open(error)

    def _open(self, error: DispatcherError) -> None:
        self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        self._opened_at = self._clock.now()
        self._cause = str(error)
        self._on_change(self._cause)

    def _close(self) -> None:
        self._pause = 0.0
        self._on_change(None)
