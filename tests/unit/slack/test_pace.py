"""The pace that Slack allows: bursts, turns, pauses, and who is put off to when."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.slack.pace import SlackPace
from domain.errors import Throttled
from tests.support.memory import traced_memory
from tests.support.virtual_time import now, run


class Log:
    """When each message went, or when it was to come back, from the beginning of the scene."""

    def __init__(self, pace: SlackPace) -> None:
        self._pace, self._start = pace, now()
        self.went: list[float] = []
        self.back: list[float] = []

    async def tell(self, channel: str = "C1", *, after: float = 0.0) -> None:
        await asyncio.sleep(self._start + after - now())
        try:
            await self._pace.turn(channel)
        except Throttled as error:
            wait = error.retry_after.total_seconds()
            self.back.append(round(now() - self._start + wait, 3))
        else:
            self.went.append(round(now() - self._start, 3))


def play(scene: Callable[[SlackPace, Log], Awaitable[None]]) -> Log:
    async def main() -> Log:
        pace = SlackPace(per_second=1, burst=3, patience=5)
        log = Log(pace)
        await scene(pace, log)
        return log

    return run(main())


def test_a_few_go_at_once_then_one_a_second_and_the_rest_each_comes_back_at_its_own_moment() -> (
    None
):
    async def scene(_pace: SlackPace, log: Log) -> None:
        await asyncio.gather(*(log.tell() for _ in range(12)))

    log = play(scene)

    assert log.went == [0, 0, 0, 1, 2, 3, 4, 5]
    assert log.back == [6, 7, 8, 9]


def test_whoever_comes_back_in_time_is_served_at_once() -> None:
    async def scene(_pace: SlackPace, log: Log) -> None:
        await asyncio.gather(*(log.tell() for _ in range(12)))
        for moment in list(log.back):
            await log.tell(after=moment)

    log = play(scene)

    assert log.went[-4:] == [6, 7, 8, 9]
    assert len(log.back) == 4


def test_channels_do_not_wait_for_each_other() -> None:
    async def scene(_pace: SlackPace, log: Log) -> None:
        await asyncio.gather(*(log.tell(f"C{n}") for n in range(50)))

    assert play(scene).went == [0] * 50


def test_after_a_pause_they_go_one_by_one() -> None:
    async def scene(pace: SlackPace, log: Log) -> None:
        await pace.pause("C1", timedelta(seconds=4))
        await asyncio.gather(*(log.tell() for _ in range(4)))

    log = play(scene)

    assert log.went == [4, 5]
    assert log.back == [6, 7]


def test_who_waits_already_waits_for_a_pause_that_comes_meanwhile() -> None:
    async def scene(pace: SlackPace, log: Log) -> None:
        async def interrupt() -> None:
            await asyncio.sleep(0.5)
            await pace.pause("C1", timedelta(seconds=3))

        await asyncio.gather(*(log.tell() for _ in range(4)), interrupt())

    log = play(scene)

    assert log.went[:3] == [0, 0, 0]
    assert log.went[3] >= 3.5


def test_a_pause_is_of_its_channel_alone() -> None:
    async def scene(pace: SlackPace, log: Log) -> None:
        await pace.pause("C1", timedelta(seconds=60))
        await asyncio.gather(log.tell("C1"), log.tell("C2"))

    log = play(scene)

    assert (log.went, log.back) == ([0], [60])


def test_a_second_channel_that_is_paused_meanwhile_pauses_them_all() -> None:
    async def scene(pace: SlackPace, log: Log) -> None:
        await pace.pause("C1", timedelta(seconds=60))
        await pace.pause("C2", timedelta(seconds=30))
        await asyncio.gather(log.tell("C3"))
        await log.tell("C3", after=31)

    log = play(scene)

    assert (log.back, log.went) == ([30], [31])


def test_two_pauses_of_one_channel_pause_no_other() -> None:
    async def scene(pace: SlackPace, log: Log) -> None:
        await pace.pause("C1", timedelta(seconds=60))
        await pace.pause("C1", timedelta(seconds=30))
        await asyncio.gather(log.tell("C2"), log.tell("C1"))

    log = play(scene)

    assert (log.went, log.back) == ([0], [60])


def test_of_very_many_channels_the_idle_ones_are_forgotten_and_a_paused_one_is_not() -> None:
    async def scene(pace: SlackPace, log: Log) -> None:
        async def use(channels: range) -> None:
            for n in channels:
                await pace.turn(f"C{n}")
                await asyncio.sleep(0.2)

        await pace.pause("paused", timedelta(hours=1))
        with traced_memory() as held:
            await use(range(1500))
            before = held()
            await use(range(1500, 11_500))
            assert held() - before < 600_000
        await asyncio.gather(log.tell("paused"))

    assert play(scene).back == [3600]


@given(st.lists(st.floats(min_value=0, max_value=8), min_size=1, max_size=60))
def test_no_second_ever_sees_more_than_the_burst_and_one(arrivals: list[float]) -> None:
    async def scene(_pace: SlackPace, log: Log) -> None:
        await asyncio.gather(*(log.tell(after=after) for after in arrivals))

    log = play(scene)

    assert len(log.went) + len(log.back) == len(arrivals)
    for begin in log.went:
        for length in (1, 3, 6):
            within = [t for t in log.went if begin <= t < begin + length - 0.001]
            assert len(within) <= 3 + length


def test_the_default_lets_a_short_burst_through_and_stays_for_ten_seconds() -> None:
    async def main() -> tuple[int, int]:
        log = Log(SlackPace())
        await asyncio.gather(*(log.tell() for _ in range(40)))
        return len(log.went), len(log.back)

    assert run(main()) == (14, 26)


def test_each_wait_for_a_turn_is_reported() -> None:
    waits: list[float] = []

    async def main() -> None:
        pace = SlackPace(per_second=1, burst=2, patience=5, waited=waits.append)
        await asyncio.gather(*(pace.turn("C1") for _ in range(3)))

    run(main())

    assert [round(wait, 3) for wait in waits] == [0, 0, 1]
