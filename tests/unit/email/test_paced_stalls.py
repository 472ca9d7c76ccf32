"""A ceiling in virtual time: kept whatever stands still, and used up by accepted mails alone."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.email.paced import PacedNotifier
from domain.errors import FailureReason, Permanent
from domain.pace import Spacing, Turn
from tests.support.ledger_store import MemoryPaces
from tests.support.slow_relay import Relay, deliver, names, paced, work
from tests.support.virtual_time import VirtualTimeLoop, now, run

_ENOUGH = 10**6


@dataclass
class Stalls:
    """What stands still, from when and until when."""

    times: dict[str, tuple[float, float]] = field(default_factory=dict)

    async def wait(self, what: str) -> None:
        begins, ends = self.times.get(what, (0.0, 0.0))
        if begins <= now() < ends:
            await asyncio.sleep(ends - now())


@dataclass
class StallingRelay(Relay):
    """Its final replies stand still, and it refuses some mails for good."""

    stalls: Stalls = field(default_factory=Stalls)

    async def take(self, name: str) -> None:
        async with self.slots:
            await asyncio.sleep(self.latency * self.random.uniform(0.5, 1.5))
            await self.stalls.wait("relay")
            if name.startswith("bad"):
                raise Permanent("550 no such user", reason=FailureReason.RECIPIENT_INVALID)
            self.accepted.append((now(), name))


class StallingPaces(MemoryPaces):
    """Its answers stand still; the turn is taken before."""

    def __init__(self, clock: Callable[[], float], stalls: Stalls) -> None:
        super().__init__(clock)
        self._stalls = stalls

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        turn = await super().take(key, spacing, patience)
        await self._stalls.wait("store")
        return turn


@contextmanager
def _process_stands_still(begins: float, ends: float) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)

    def stand_still() -> None:
        loop.now = max(loop.now, ends)

    timer = loop.call_at(begins, stand_still)
    yield
    timer.cancel()


def most_in_a_second(relay: Relay) -> int:
    times = sorted(at for at, _ in relay.accepted)
    return max(sum(start <= at < start + 1 for at in times) for start in times)


_stall = st.tuples(st.floats(0.0, 6.0), st.floats(0.0, 8.0))


@given(
    count=st.integers(1, 30),
    latency=st.floats(0.0, 0.3),
    connections=st.integers(1, 10),
    workers=st.integers(1, 2),
    stalls=st.dictionaries(st.sampled_from(["relay", "store", "process"]), _stall),
)
@settings(max_examples=30, deadline=None)
def test_field_5_3_whatever_stands_still_no_second_has_more_than_the_ceiling_and_what_was_under_way(
    count: int,
    latency: float,
    connections: int,
    workers: int,
    stalls: dict[str, tuple[float, float]],
) -> None:
    async def body() -> None:
        times = {what: (now() + at, now() + at + long) for what, (at, long) in stalls.items()}
        shared = Stalls(times)
        relay = StallingRelay(_ENOUGH, 1.0, latency, connections * workers, stalls=shared)
        store = StallingPaces(now, shared)
        total = 8 * count
        with _process_stands_still(*times.get("process", (now(), now()))):
            notifiers = [one_worker(relay, store, count, connections) for _ in range(workers)]
            await asyncio.gather(
                *(work(one, names(total, str(n))) for n, one in enumerate(notifiers))
            )

        assert len({name for _, name in relay.accepted}) == len(relay.accepted) == total * workers
        assert most_in_a_second(relay) <= count + connections * workers

    run(body())


def one_worker(
    relay: StallingRelay, store: StallingPaces, count: int, connections: int
) -> PacedNotifier:
    mine = StallingRelay(_ENOUGH, 1.0, relay.latency, connections, stalls=relay.stalls)
    mine.accepted = relay.accepted
    return paced(mine, store=store, ceiling=f"{count}/s")


def test_field_5_3_mails_that_waited_for_a_relay_are_spaced_when_it_goes_on() -> None:
    async def body() -> None:
        began = now()
        stalls = Stalls({"relay": (began + 2.0, began + 6.0)})
        relay = StallingRelay(_ENOUGH, 1.0, 0.01, 3, stalls=stalls)

        await work(paced(relay, ceiling="10/s"), names(120))

        late = [at - began for at, _ in relay.accepted if at >= began + 6.0]
        assert sum(at < 6.05 for at in late) <= 4
        assert most_in_a_second(relay) <= 13
        assert late[-1] <= 6.0 + 1.05 * len(late) / 10

    run(body())


async def settle(notifier: PacedNotifier, mails: list[str]) -> None:
    """All at once; those to unknown users end with a refusal."""

    async def one(name: str) -> None:
        with suppress(Permanent):
            await deliver(notifier, name)

    await asyncio.gather(*(one(name) for name in mails))


@pytest.mark.parametrize("connections", [1, 3, 10])
@pytest.mark.parametrize("ceiling", ["20/h", "20/m"])
def test_field_5_3_refused_mails_leave_a_budget_to_the_others_at_once(
    ceiling: str, connections: int
) -> None:
    async def body() -> None:
        relay = StallingRelay(_ENOUGH, 1.0, 0.3, connections)
        mixed = [name for pair in zip(names(15, "bad"), names(15), strict=True) for name in pair]
        began = now()
        sending = asyncio.create_task(
            settle(paced(relay, ceiling=ceiling), [*mixed, *names(15, "later")])
        )

        await asyncio.sleep(30)

        assert len(relay.accepted) == 20
        assert relay.accepted[-1][0] - began < 12 / connections + 1
        await sending
        assert len(relay.accepted) == 30

    run(body())


def test_field_5_3_mails_that_another_process_has_refused_leave_a_budget_in_seconds() -> None:
    async def body() -> None:
        store = MemoryPaces(now)
        relay = StallingRelay(_ENOUGH, 1.0, 1.0, 20)
        one, other = (paced(relay, store=store, ceiling="20/h") for _ in range(2))
        sending = asyncio.create_task(settle(one, names(15, "bad")))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(settle(other, names(30)))

        await asyncio.sleep(30)

        assert len(relay.accepted) == 20
        await asyncio.gather(sending, waiting)
        assert len(relay.accepted) == 30

    run(body())


class CountedPaces(MemoryPaces):
    """Counts the turns that are asked for."""

    asked = 0

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        self.asked += 1
        return await super().take(key, spacing, patience)


def test_a_budget_that_is_used_up_rests_for_its_time_even_where_others_used_it() -> None:
    async def body() -> None:
        store = CountedPaces(now)
        relay = StallingRelay(_ENOUGH, 1.0, 0.01, 20)
        one, other = (paced(relay, store=store, ceiling="5/h") for _ in range(2))
        await settle(one, names(5))
        store.asked = 0
        await settle(other, names(5, "other"))

        assert len(relay.accepted) == 10
        assert store.asked <= 4 * 5

    run(body())


class SlowPaces(MemoryPaces):
    """Each question and each answer is on its way for some milliseconds."""

    def __init__(self, seed: int) -> None:
        super().__init__(now)
        self._random = Random(seed)

    async def _on_its_way(self) -> None:
        await asyncio.sleep(self._random.expovariate(100.0))

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        await self._on_its_way()
        turn = await super().take(key, spacing, patience)
        await self._on_its_way()
        return turn

    async def note(self, key: str) -> tuple[str, float]:
        await self._on_its_way()
        note = await super().note(key)
        await self._on_its_way()
        return note


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("count", "total"), [(14, 600), (5, 200)])
def test_field_5_3_no_turn_of_a_probe_holds_up_those_after_it_once_the_relay_takes_mail(
    count: int, total: int, seed: int
) -> None:
    async def body() -> None:
        relay = Relay(count, 1.0, connections=20)
        store = SlowPaces(seed)

        await asyncio.gather(
            *(work(paced(relay, store=store), names(total // 2, name)) for name in "ab")
        )

        times = sorted(at for at, _ in relay.accepted)
        assert max(b - a for a, b in pairwise(times)) < 4.0
        assert times[-1] - times[0] <= 1.2 * total / count

    run(body())
