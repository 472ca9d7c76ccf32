"""How often an outage is reported, and how soon new credentials are seen."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from domain.breaker import PAUSES, Breaker, HeldTooLong
from domain.errors import Unavailable
from domain.events import Event, TroubleBegan, channel_trouble
from tests.support.relay_scene import VirtualClock
from tests.support.virtual_time import now, run


class Times:
    """An EventSink that keeps when an outage was reported, in seconds since it began."""

    def __init__(self) -> None:
        self.began = now()
        self.reported: list[float] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, TroubleBegan):
            self.reported.append(now() - self.began)


async def an_outage(
    seconds: float, error: Unavailable, is_over: Callable[[], bool] = lambda: False
) -> tuple[list[float], list[float]]:
    """When the provider was tried, and when the outage was reported."""
    times = Times()
    tries: list[float] = []
    breaker = Breaker(VirtualClock(), channel_trouble("email"), times)

    async def send() -> None:
        tries.append(now() - times.began)
        if not is_over():
            raise error

    calls = [asyncio.create_task(breaker.call(send)) for _ in range(2)]
    await asyncio.sleep(seconds)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    return tries, times.reported


def test_an_outage_is_reported_when_the_pause_changes_and_every_half_minute() -> None:
    tries, reported = run(an_outage(100, Unavailable("refused")))

    assert tries[:6] == [0, 1, 3, 7, 11, 15]
    assert reported == [0, 1, 3, 35, 67, 99]


def test_pauses_grow_once_five_minutes_are_over() -> None:
    tries, reported = run(an_outage(480, Unavailable("refused")))

    late = [at for at in tries if at > 299]
    waits = [after - before for before, after in pairwise(late)]
    assert waits == [2 * PAUSES.longest_early, 16, *[PAUSES.longest] * 5]
    assert reported[-4:] == late[-4:]


@pytest.mark.parametrize("changed_at", [0.5, 1.5, 7.2, 13.2])
def test_new_credentials_are_seen_within_a_second(changed_at: float) -> None:
    async def main() -> float:
        began = now()

        def has_changed() -> bool:
            return now() - began >= changed_at

        login = Unavailable("535", is_login=True, changed=has_changed)
        tries, _ = await an_outage(14.9, login, is_over=has_changed)
        return tries[1]

    assert changed_at <= run(main()) <= changed_at + 1


@pytest.mark.parametrize(("seconds", "tries"), [(299.0, 4.0), (300.0, 8.0)])
def test_an_outage_is_young_for_less_than_five_minutes(seconds: float, tries: float) -> None:
    """Seconds between the first try at or after that time since the outage began, and the next."""

    async def main() -> float:
        began = now()
        times = Times()
        breaker = Breaker(VirtualClock(), channel_trouble("email"), times)
        tried: list[float] = []

        async def send() -> None:
            if tried and len(tried) == 3:  # held up, so that the refusal comes at that time
                await asyncio.sleep(began + seconds - now())
            tried.append(now() - began)
            raise Unavailable("refused")

        call = asyncio.create_task(breaker.call(send))
        await asyncio.sleep(330)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert tried[3] == seconds
        return tried[4] - tried[3]

    assert run(main()) == tries


def test_who_is_held_for_as_long_as_its_broker_may_stand_it_comes_back_later() -> None:
    async def main() -> float:
        breaker = Breaker(VirtualClock(), channel_trouble("email"), Times(), longest_hold=7.0)
        began = now()

        async def send() -> None:
            raise Unavailable("refused")

        with pytest.raises(HeldTooLong):
            await breaker.call(send)
        return now() - began

    assert run(main()) == 7.0
