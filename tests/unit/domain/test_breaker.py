"""A breaker pauses a channel while its provider is away."""

import asyncio
from datetime import timedelta

import pytest

from domain.breaker import (
    HAND_BACK_DELAY,
    PAUSES,
    Breaker,
    HeldTooLong,
)
from domain.errors import DeliveryError, FailureReason, InDoubt, Permanent, Transient, Unavailable
from domain.events import channel_trouble
from tests.fakes import EndlessClock, FakeClock, FakePauses, eventually

AWAY = Unavailable("connection refused")


class Provider:
    """Fails with each of `errors` in turn, then answers; counts calls and how many overlap."""

    def __init__(self, *errors: DeliveryError) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.answered = 0
        self.running = 0
        self.most_at_once = 0

    async def send(self) -> str:
        self.calls += 1
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await asyncio.sleep(0)
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self.running -= 1
        self.answered += 1
        return "sent"


def a_breaker(clock: FakeClock, reports: list[str | None] | None = None) -> Breaker:
    return Breaker(clock, channel_trouble("email"), FakePauses(reports))


async def an_open_breaker(clock: FakeClock, reports: list[str | None]) -> Breaker:
    """Open, with no call waiting: the caller that opened it has left."""
    breaker = a_breaker(clock, reports)
    caller = asyncio.create_task(breaker.call(Provider(AWAY, *[AWAY] * 1000).send))
    while not breaker.is_open:
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    return breaker


def test_a_call_passes_while_the_provider_answers() -> None:
    clock, provider = FakeClock(), Provider()
    reports: list[str | None] = []
    breaker = a_breaker(clock, reports)

    assert asyncio.run(breaker.call(provider.send)) == "sent"

    assert (clock.slept, reports, breaker.is_open) == ([], [], False)


def test_pauses_double_up_to_the_longest() -> None:
    clock, provider = FakeClock(), Provider(*[AWAY] * 82)

    result = asyncio.run(a_breaker(clock).call(provider.send))

    assert result == "sent"
    first_five_minutes = [1, 2, *[4] * 75]
    assert clock.slept == [*first_five_minutes, 8, 16, 30, 30, 30]
    assert (PAUSES.first, PAUSES.longest_early, PAUSES.longest) == (1, 4, 30)


def test_after_it_closed_the_next_outage_begins_with_the_first_pause() -> None:
    clock = FakeClock()
    breaker = a_breaker(clock)

    async def two_outages() -> None:
        await breaker.call(Provider(AWAY, AWAY, AWAY).send)
        await breaker.call(Provider(AWAY).send)

    asyncio.run(two_outages())

    assert clock.slept == [1, 2, 4, 1]


def test_all_but_one_probe_are_held_and_all_go_on_afterwards() -> None:
    clock = FakeClock()
    reports: list[str | None] = []

    async def scenario() -> Provider:
        breaker = await an_open_breaker(clock, reports)
        provider = Provider(AWAY, AWAY, AWAY)
        calls = [breaker.call(provider.send) for _ in range(20)]
        probing = asyncio.gather(*calls)
        while breaker.is_open:
            assert provider.running <= 1
            await asyncio.sleep(0)
        assert await probing == ["sent"] * 20
        return provider

    provider = asyncio.run(scenario())

    assert provider.calls == 3 + 20


def test_many_failures_in_flight_open_it_once() -> None:
    clock = FakeClock()
    reports: list[str | None] = []
    breaker = a_breaker(clock, reports)
    provider = Provider(*[AWAY] * 20)

    async def twenty() -> None:
        await asyncio.gather(*(breaker.call(provider.send) for _ in range(20)))

    asyncio.run(twenty())

    assert provider.most_at_once == 20
    assert clock.slept == [PAUSES.first]
    assert reports == ["connection refused", None]


def test_each_change_is_reported_once() -> None:
    reports: list[str | None] = []
    provider = Provider(Unavailable("refused"), Unavailable("timed out"))

    asyncio.run(a_breaker(FakeClock(), reports).call(provider.send))

    assert reports == ["refused", "timed out", None]


@pytest.mark.parametrize(
    "error",
    [
        Transient("busy"),
        Permanent("no", reason=FailureReason.CONTENT_REFUSED),
        InDoubt("cut after the final dot"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_answer_of_the_provider_closes_it(error: DeliveryError) -> None:
    reports: list[str | None] = []
    breaker = a_breaker(FakeClock(), reports)

    with pytest.raises(type(error)):
        asyncio.run(breaker.call(Provider(AWAY, error).send))

    assert not breaker.is_open
    assert reports == ["connection refused", None]


def test_an_ordinary_error_does_not_open_it() -> None:
    clock = FakeClock()
    reports: list[str | None] = []
    breaker = a_breaker(clock, reports)

    with pytest.raises(Transient):
        asyncio.run(breaker.call(Provider(Transient("busy")).send))

    assert (clock.slept, reports, breaker.is_open) == ([], [], False)


def test_a_cancelled_pause_leaves_it_open_for_the_next_probe() -> None:
    reports: list[str | None] = []
    clock = EndlessClock()

    async def scenario() -> bool:
        breaker = await an_open_breaker(clock, reports)
        probe = asyncio.create_task(breaker.call(Provider().send))
        while len(clock.slept) < 2:
            await asyncio.sleep(0)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        return breaker.is_open

    assert asyncio.run(scenario())
    assert reports == ["connection refused"]


def test_a_cancelled_probe_leaves_it_open_and_frees_the_place_of_the_probe() -> None:
    reports: list[str | None] = []

    is_probed = []

    async def never() -> str:
        is_probed.append(True)
        await asyncio.Event().wait()
        return "never"

    async def scenario() -> tuple[bool, str]:
        breaker = await an_open_breaker(FakeClock(), reports)
        probe = asyncio.create_task(breaker.call(never))
        await eventually(lambda: is_probed)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        return breaker.is_open, await breaker.call(Provider().send)

    assert asyncio.run(scenario()) == (True, "sent")


def test_who_may_not_wait_is_handed_back_while_another_probes() -> None:
    async def main() -> None:
        breaker = await an_open_breaker(clock := EndlessClock(), [])
        prober = asyncio.create_task(breaker.call(Provider().send))
        before = len(clock.slept)
        while len(clock.slept) == before:
            await asyncio.sleep(0)
        provider = Provider()

        with pytest.raises(HeldTooLong) as caught:
            await breaker.call(provider.send, may_hold=False)

        assert caught.value.retry_after == HAND_BACK_DELAY
        assert provider.calls == 0
        prober.cancel()
        await asyncio.gather(prober, return_exceptions=True)

    asyncio.run(main())


def test_who_may_not_wait_probes_once_the_pause_is_over_without_waiting() -> None:
    async def main() -> None:
        breaker = a_breaker(clock := FakeClock())
        provider = Provider(AWAY, AWAY)
        for pause in (1, 2):
            with pytest.raises(HeldTooLong):
                await breaker.call(provider.send, may_hold=False)  # the probe that fails
            calls = provider.calls
            with pytest.raises(HeldTooLong):
                await breaker.call(provider.send, may_hold=False)  # too soon for another
            assert provider.calls == calls
            clock.time += timedelta(seconds=pause)

        assert await breaker.call(provider.send, may_hold=False) == "sent"
        assert not breaker.is_open
        assert clock.slept == []

    asyncio.run(main())


def test_a_channel_that_only_gets_what_may_not_wait_recovers_within_a_minute() -> None:
    async def main() -> None:
        breaker = a_breaker(clock := FakeClock())
        provider = Provider(*[AWAY] * 10)
        for _ in range(10):
            with pytest.raises(HeldTooLong) as caught:
                await breaker.call(provider.send, may_hold=False)
            clock.time += caught.value.retry_after

        assert await breaker.call(provider.send, may_hold=False) == "sent"

    asyncio.run(main())


def test_a_clock_set_back_does_not_keep_it_from_probing() -> None:
    async def main() -> None:
        breaker = a_breaker(clock := FakeClock())
        provider = Provider(AWAY)
        with pytest.raises(HeldTooLong):
            await breaker.call(provider.send, may_hold=False)
        clock.time -= timedelta(hours=1)

        assert await breaker.call(provider.send, may_hold=False) == "sent"

    asyncio.run(main())
