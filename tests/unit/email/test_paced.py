"""A relay's pace in virtual time: as fast as it takes mail, with few refusals, and in order."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channels.shared.learned import Fact, Learned
from domain.errors import Throttled
from domain.events import Event, TurnAwaited
from tests.fakes import FakeEvents
from tests.support.ledger_store import MemoryPaces
from tests.support.slow_relay import RELAY, Relay, deliver, deliver_once, names, paced, work
from tests.support.virtual_time import now, run


@pytest.mark.parametrize("is_fixed", [False, True], ids=["sliding", "fixed"])
@pytest.mark.parametrize("latency", [0.001, 0.02])
@pytest.mark.parametrize(("count", "in_hand"), [(14, 80), (30, 80), (100, 160)])
def test_field_5_3_a_relay_that_throttles_gets_all_mails_at_its_own_pace(
    count: int, in_hand: int, latency: float, is_fixed: bool
) -> None:
    total = 43 * count

    async def body() -> None:
        relay = Relay(count, 1.0, latency=latency, is_fixed=is_fixed)
        began = now()

        await work(paced(relay), names(total), in_hand)

        assert sorted(name for _, name in relay.accepted) == names(total)
        assert now() - began <= 1.15 * 43
        assert len(relay.refused) <= 0.05 * (total + len(relay.refused))

    run(body())


@pytest.mark.parametrize(("count", "period"), [(5, 1.0), (28, 2.0), (300, 60.0), (5, 10.0)])
def test_field_5_3_a_relay_that_counts_in_other_windows_is_not_run_against(
    count: int, period: float
) -> None:
    total = int(600 * count / period)

    async def body() -> None:
        relay = Relay(count, period)
        began = now()

        await work(paced(relay), names(total))

        assert sorted(name for _, name in relay.accepted) == names(total)
        assert now() - began <= 1.3 * 600
        assert len(relay.refused) <= 0.1 * total + 10

    run(body())


def test_field_5_3_two_workers_that_share_the_pace_keep_to_it_together() -> None:
    async def body() -> None:
        relay = Relay(14, 1.0, connections=20)
        store = MemoryPaces(now)
        began = now()

        await asyncio.gather(
            work(paced(relay, store=store), names(300, "a")),
            work(paced(relay, store=store), names(300, "b")),
        )

        assert len(relay.accepted) == 600
        assert now() - began <= 1.15 * 600 / 14
        assert len(relay.refused) <= 0.05 * (600 + len(relay.refused))

    run(body())


@pytest.mark.parametrize("later", [0.0, 0.02, 0.05, 0.5, 5.0])
def test_field_5_3_a_worker_that_comes_later_does_not_stop_the_others(later: float) -> None:
    async def body() -> None:
        relay = Relay(14, 1.0, connections=20)
        store = MemoryPaces(now)
        began = now()

        async def second() -> None:
            await asyncio.sleep(later)
            await work(paced(relay, store=store), names(200, "b"))

        await asyncio.gather(work(paced(relay, store=store), names(400, "a")), second())

        assert len(relay.accepted) == 600
        assert now() - began <= 1.2 * 600 / 14
        assert len(relay.refused) <= 0.06 * 600

    run(body())


def test_a_limit_that_is_lifted_is_noticed_within_minutes() -> None:
    async def body() -> None:
        relay = Relay(14, 1.0)
        learned = Learned()
        notifier = paced(relay, learned=learned)
        await work(notifier, names(100))
        assert 10 < (learned.get(RELAY, Fact.RATE) or 0) < 16
        relay.count = 10_000
        began = now()

        await work(notifier, names(9000))

        assert now() - began < 300
        await asyncio.sleep(900)
        for refresh in learned.sharers:
            await refresh()
        assert learned.get(RELAY, Fact.RATE) is None

    run(body())


def test_a_relay_that_takes_all_is_not_slowed() -> None:
    async def body() -> None:
        relay = Relay(10**6, 1.0, latency=0.01)
        began = now()

        await work(paced(relay), names(1000))

        assert now() - began < 1.1
        assert relay.refused == []

    run(body())


def test_mails_go_out_in_the_order_in_which_they_came() -> None:
    async def body() -> None:
        relay = Relay(10, 1.0, latency=0.0, connections=1)

        await work(paced(relay), names(60), in_hand=60)

        assert [name for _, name in relay.accepted] == names(60)

    run(body())


@pytest.mark.parametrize(("ceiling", "count", "period"), [("5/s", 5, 1), ("20/m", 20, 60)])
def test_a_ceiling_is_kept_in_any_period(ceiling: str, count: int, period: float) -> None:
    async def body() -> None:
        relay = Relay(10**6, 1.0, latency=0.001)

        await work(paced(relay, ceiling=ceiling), names(100))

        times = [at for at, _ in relay.accepted]
        assert len(times) == 100
        for start in times:
            assert sum(start <= at < start + period for at in times) <= count
        assert times[-1] - times[0] <= 1.1 * period * 100 / count

    run(body())


def test_a_ceiling_counts_accepted_mails_alone() -> None:
    async def body() -> None:
        relay = Relay(1, 10.0, latency=0.001)
        notifier = paced(relay, ceiling="20/h")

        await work(notifier, names(20), in_hand=4)

        assert len(relay.accepted) == 20
        assert relay.refused
        assert relay.accepted[-1][0] - relay.accepted[0][0] < 600

    run(body())


def test_what_would_wait_too_long_rests_in_the_broker_for_a_time_of_its_own() -> None:
    async def body() -> None:
        notifier = paced(Relay(10**6, 1.0), ceiling="1/h")
        await deliver(notifier, "first")
        began = now()

        with pytest.raises(Throttled, match="DISPATCHER_EMAIL_RATE is 1/h") as caught:
            await deliver_once(notifier, "second")

        assert now() == began
        assert 3600 <= caught.value.retry_after.total_seconds() <= 3640
        assert not caught.value.in_hand

    run(body())


def test_a_mail_that_is_given_up_lets_the_others_pass() -> None:
    async def body() -> None:
        relay = Relay(10**6, 1.0)
        notifier = paced(relay, ceiling="1/s")
        await deliver(notifier, "first")
        waiting = [asyncio.create_task(deliver(notifier, name)) for name in names(5)]
        await asyncio.sleep(0.1)
        for task in waiting[:3]:
            task.cancel()

        await asyncio.gather(*waiting, return_exceptions=True)

        assert [name for _, name in relay.accepted] == ["first", *names(5)[3:]]

    run(body())


@given(
    count=st.integers(1, 40),
    period=st.sampled_from([0.5, 1.0, 3.0, 60.0]),
    latency=st.floats(0.0, 0.5),
    connections=st.integers(1, 20),
    total=st.integers(1, 120),
)
@settings(max_examples=25, deadline=None)
def test_whatever_the_relay_takes_every_mail_is_accepted_once(
    count: int, period: float, latency: float, connections: int, total: int
) -> None:
    async def body() -> None:
        relay = Relay(count, period, latency=latency, connections=connections)

        await work(paced(relay), names(total))

        assert sorted(name for _, name in relay.accepted) == names(total)

    run(body())


def test_each_wait_for_a_turn_is_reported() -> None:
    async def body() -> list[Event]:
        events = FakeEvents()
        notifier = paced(Relay(100, 1.0), ceiling="1/s", events=events)

        await asyncio.gather(*(deliver(notifier, name) for name in names(3)))
        return events.events

    waits = [event.seconds for event in run(body()) if isinstance(event, TurnAwaited)]

    assert waits == pytest.approx([0, 1.05, 2.1], abs=0.1)


def test_mails_wait_for_a_connection_only_at_a_relay_that_has_taken_many() -> None:
    async def body() -> None:
        relay = Relay(1000, 10.0, connections=4)
        notifier = paced(relay, more=4)

        await work(notifier, names(500))
        assert relay.most_asked == 4

        await work(notifier, names(500))
        assert relay.most_asked == 8
        assert not relay.refused

        await work(notifier, names(100))  # it refuses some of these, because of the rate
        assert relay.refused
        await asyncio.sleep(3600)
        relay.count, relay.most_asked = 10**6, 0
        await work(notifier, names(300))
        assert relay.most_asked == 4

    run(body())
