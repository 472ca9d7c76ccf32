"""After a refused login a channel tries seldom, and at once where the credentials change."""

import asyncio
from datetime import timedelta

from domain.breaker import Breaker
from domain.errors import Unavailable
from domain.events import channel_trouble
from tests.fakes import NOON, FakeClock, FakePauses


class Relay:
    """Refuses every login until the password is right; writes down when each was tried."""

    def __init__(self, clock: FakeClock, *, right_at: float | None = None) -> None:
        self.clock = clock
        self.right_at = right_at
        self.logins: list[float] = []

    @property
    def _is_right(self) -> bool:
        return self.right_at is not None and self._now() >= self.right_at

    def _now(self) -> float:
        return (self.clock.now() - NOON).total_seconds()

    async def send(self) -> str:
        self.logins.append(self._now())
        await asyncio.sleep(0)
        if not self._is_right:
            raise Unavailable("535 no", is_login=True, changed=lambda: self._is_right)
        return "sent"


async def keep_sending(breaker: Breaker, relay: Relay, seconds: float) -> None:
    """Messages come all the time, as from a queue that is never empty, until one is sent."""
    calls = {asyncio.create_task(breaker.call(relay.send))}
    while not breaker.is_open:
        await asyncio.sleep(0)
    while breaker.is_open and relay.clock.now() < NOON + timedelta(seconds=seconds):
        calls = {one for one in calls if not one.done()}
        while len(calls) < 5:
            calls.add(asyncio.create_task(breaker.call(relay.send)))
        await asyncio.sleep(0)
    for one in calls:
        one.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


def test_field_5_11_a_refused_login_is_tried_nine_times_in_the_first_hour_then_four() -> None:
    async def main() -> list[float]:
        clock = FakeClock()
        relay = Relay(clock)
        await keep_sending(Breaker(clock, channel_trouble("email"), FakePauses()), relay, 7200)
        return relay.logins

    logins = asyncio.run(main())

    assert [at for at in logins if at <= 10] == [0]
    assert [at for at in logins if at <= 3600] == [0, 15, 45, 105, 225, 465, 945, 1845, 2745]
    assert len([at for at in logins if 3600 < at <= 7200]) == 4


def test_field_5_11_new_credentials_are_tried_within_five_seconds() -> None:
    async def main() -> list[float]:
        clock = FakeClock()
        relay = Relay(clock, right_at=2000.5)
        await keep_sending(Breaker(clock, channel_trouble("email"), FakePauses()), relay, 7200)
        return relay.logins

    logins = asyncio.run(main())

    refused = [at for at in logins if at < 2000.5]
    assert len(refused) == 8
    assert logins[8] - 2000.5 <= 5


def test_a_login_that_is_refused_in_an_outage_begins_with_its_own_pauses() -> None:
    async def main() -> list[float]:
        clock = FakeClock()
        answers = [Unavailable("away")] * 3 + [Unavailable("535", is_login=True)] * 2
        answers += [Unavailable("away")] * 2

        async def send() -> str:
            if answers:
                raise answers.pop(0)
            return "sent"

        await Breaker(clock, channel_trouble("email"), FakePauses()).call(send)
        return clock.slept

    slept = asyncio.run(main())

    waits = [1.0, 2.0, 4.0, *[1.0] * 15, *[1.0] * 30, 1.0, 2.0]
    assert slept == waits
