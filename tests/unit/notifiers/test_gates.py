"""What passes a gate, in virtual time: within its pace, in its order, and nothing lost."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.shared.turns import Gate, SharedTurns
from adapters.channels.slack.pace import SlackPace
from adapters.channels.telegram.limiter import Limiter, TelegramLimits
from domain.errors import Throttled
from domain.pace import Rate, Spacing
from tests.support.virtual_time import now, run
from tests.unit.telegram.pacing import most_within

ARRIVALS = st.lists(st.floats(0, 12), min_size=1, max_size=40).map(sorted)
TICK = 1e-5

SPACINGS = st.builds(
    Spacing,
    interval=st.sampled_from([0.1, 0.5, 1.0]),
    burst=st.integers(1, 4),
    budgets=st.sampled_from([(), (Rate(3, 10.0),), (Rate(2, 3.0), Rate(4, 20.0))]),
)


class Crowd:
    """Messages of one gate, each sent until it passes. `came`: their numbers in the order in which
    they came; `passed`: when and which; `returned`: which were handed back meanwhile."""

    def __init__(self, spacing: Spacing, longest: float) -> None:
        self.gate = Gate(spacing, "no room")
        self.longest = longest
        self.passed: list[tuple[float, int]] = []
        self.came: list[int] = []
        self.returned: set[int] = set()

    async def send(self, number: int, after: float) -> None:
        await asyncio.sleep(after)
        self.came.append(number)
        while True:
            try:
                await self._pass()
            except Throttled as error:
                self.returned.add(number)
                await asyncio.sleep(error.retry_after.total_seconds())
            else:
                self.passed.append((now(), number))
                return

    async def _pass(self) -> None:
        until = now() + self.longest
        self.gate.refuse_long_wait(until)
        async with self.gate.turn():
            await self.gate.wait(until)
            self.gate.take()


def play(spacing: Spacing, longest: float, arrivals: Sequence[float]) -> Crowd:
    async def main() -> Crowd:
        crowd = Crowd(spacing, longest)
        await asyncio.gather(*(crowd.send(n, after) for n, after in enumerate(arrivals)))
        return crowd

    return run(main())


@given(SPACINGS, st.sampled_from([0.5, 3.0, 1000.0]), ARRIVALS)
def test_no_stretch_of_time_sees_more_than_the_spacing_allows(
    spacing: Spacing, longest: float, arrivals: list[float]
) -> None:
    times = [at for at, _ in play(spacing, longest, arrivals).passed]

    for budget in spacing.budgets:
        assert most_within(times, budget.period) <= budget.count
    for first, begin in enumerate(times):
        for last, end in enumerate(times[first:], start=1):
            assert last <= spacing.burst + (end - begin) / spacing.interval + TICK


@given(SPACINGS, st.sampled_from([0.5, 3.0, 1000.0]), ARRIVALS)
def test_each_passes_once_and_those_that_wait_here_in_their_order(
    spacing: Spacing, longest: float, arrivals: list[float]
) -> None:
    crowd = play(spacing, longest, arrivals)

    order = [number for _, number in crowd.passed]
    assert sorted(order) == list(range(len(arrivals)))
    stayed = [number for number in crowd.came if number not in crowd.returned]
    assert [number for number in order if number in stayed] == stayed


@given(SPACINGS, st.sampled_from([0.5, 3.0]), st.integers(1, 40))
def test_those_handed_back_at_one_moment_come_back_at_moments_of_their_own(
    spacing: Spacing, longest: float, count: int
) -> None:
    async def main() -> list[float]:
        gate = Gate(spacing, "no room")

        async def send() -> None:
            gate.refuse_long_wait(now() + longest)
            async with gate.turn():
                await gate.wait(now() + longest)
                gate.take()

        answers = await asyncio.gather(*(send() for _ in range(count)), return_exceptions=True)
        assert all(answer is None or isinstance(answer, Throttled) for answer in answers)
        return [a.retry_after.total_seconds() for a in answers if isinstance(a, Throttled)]

    waits = run(main())

    assert all(wait > longest - TICK for wait in waits)
    apart = max([spacing.interval, *(b.period / b.count for b in spacing.budgets)])
    assert all(b - a >= apart - TICK for a, b in pairwise(waits))


@given(ARRIVALS, st.lists(st.tuples(st.floats(0, 12), st.floats(0.1, 8)), max_size=4))
def test_nothing_passes_in_a_pause_and_no_burst_follows_it(
    arrivals: list[float], pauses: list[tuple[float, float]]
) -> None:
    spacing = Spacing(interval=1.0, burst=3)

    async def main() -> tuple[float, Crowd]:
        crowd, start = Crowd(spacing, 1000.0), now()

        async def pause(after: float, wait: float) -> None:
            await asyncio.sleep(after)
            crowd.gate.pause(now() + wait)

        await asyncio.gather(
            *(pause(*one) for one in pauses),
            *(crowd.send(n, after) for n, after in enumerate(arrivals)),
        )
        return start, crowd

    start, crowd = run(main())

    assert len(crowd.passed) == len(arrivals)
    times = [at - start for at, _ in crowd.passed]
    for after, wait in pauses:
        end = after + wait
        assert not [at for at in times if after + TICK < at < end - TICK]
        assert len([at for at in times if end - TICK <= at < end + 1 - TICK]) <= 1


def test_a_cancelled_wait_costs_no_turn() -> None:
    async def main() -> float:
        crowd, start = Crowd(Spacing(interval=10.0), 1000.0), now()
        await crowd.send(0, 0.0)
        waiting = [asyncio.create_task(crowd.send(n, 0.0)) for n in (1, 2, 3)]
        await asyncio.sleep(1)
        for task in waiting[:2]:
            task.cancel()
        await waiting[2]
        return now() - start

    assert round(run(main()), 6) == 10


def test_what_a_group_was_sent_is_remembered_among_very_many_chats() -> None:
    async def main() -> list[float]:
        limits = TelegramLimits(group_per_minute=2, bot_per_second=100_000, longest_wait=1000)
        limiter, start, sent = Limiter(limits), now(), list[float]()

        async def send(chat: int) -> None:
            async with limiter.turn(chat, 1) as request, request():
                sent.append(now() - start)

        for _ in range(2):
            await send(-7)
        await asyncio.sleep(5)
        for chat in range(1, 3000):
            await send(chat)
        sent.clear()
        await send(-7)
        return sent

    assert 60 <= run(main())[0] < 62


MESSAGES = st.lists(
    st.tuples(
        st.floats(0, 8),  # when it comes
        st.sampled_from([1, 2, 3, -7]),  # its chat; the last is a group
        st.integers(1, 3),  # requests
        st.floats(0, 0.6),  # how long one is on its way
        st.floats(0, 1),  # where on its way it is counted
    ),
    min_size=1,
    max_size=25,
)


@given(MESSAGES, st.sampled_from([0.5, 3.0, 1000.0]))
@settings(max_examples=60)
def test_telegram_never_counts_more_than_its_limits_and_gets_all(
    messages: list[tuple[float, int, int, float, float]], longest: float
) -> None:
    limits = TelegramLimits(group_per_minute=4, bot_per_second=3, longest_wait=longest)
    counted: list[tuple[float, int, int]] = []  # when, chat, message

    async def send(limiter: Limiter, number: int) -> None:
        after, chat, requests, latency, place = messages[number]
        await asyncio.sleep(after)
        sent = 0
        while sent < requests:
            try:
                async with limiter.turn(chat, requests - sent) as request:
                    for _ in range(requests - sent):
                        async with request():
                            await asyncio.sleep(latency * place)
                            counted.append((now(), chat, number))
                            await asyncio.sleep(latency * (1 - place))
                        sent += 1
            except Throttled as error:
                await asyncio.sleep(error.retry_after.total_seconds())

    async def main() -> None:
        limiter = Limiter(limits)
        await asyncio.gather(*(send(limiter, number) for number in range(len(messages))))

    run(main())

    assert len(counted) == sum(requests for _, _, requests, _, _ in messages)
    times = [at for at, _, _ in counted]
    assert most_within(times, 1.0 - TICK) <= 3
    for chat in (1, 2, 3, -7):
        of_chat = [(at, number) for at, one, number in counted if one == chat]
        assert most_within([at for at, _ in of_chat], 1.0 - TICK) <= 1
        if longest == 1000.0:  # no message is handed back half way
            numbers = [number for _, number in of_chat]
            assert sorted(numbers, key=numbers.index) == numbers, "its parts stay together"
    group = [at for at, chat, _ in counted if chat == -7]
    assert most_within(group, 60.0 - TICK) <= 4


def test_the_gates_of_an_account_are_by_name() -> None:
    turns, spacing = SharedTurns(None, str), Spacing(interval=1.0)

    one = turns.gate("C1", spacing, "busy")

    assert turns.gate("C1", spacing, "busy") is one
    assert turns.gate("C2", spacing, "busy") is not one


def test_who_waits_for_slack_reads_whether_slack_asked_for_it() -> None:
    async def main() -> list[str]:
        pace = SlackPace(patience=0)
        for _ in range(4):
            await pace.turn("C1")
        texts = []
        for _ in range(2):
            try:
                await pace.turn("C1")
            except Throttled as error:
                texts.append(str(error))
            await pace.pause("C1", timedelta(seconds=9))
        return texts

    assert run(main()) == [
        "a channel takes about one message a second, and others are before this one",
        "Slack asked to wait, and others are before this one",
    ]


def test_a_pause_of_all_channels_reaches_who_waits_already() -> None:
    async def main() -> float:
        pace, start = SlackPace(burst=1, patience=100), now()
        await pace.turn("C3")
        waiting = asyncio.create_task(pace.turn("C3"))
        await asyncio.sleep(0.5)
        for channel in ("C1", "C2"):
            await pace.pause(channel, timedelta(seconds=30))
        await waiting
        return now() - start

    assert run(main()) == 30.5
