"""What a breaker shows of itself, and a probe that says nothing about the other side."""

import asyncio

import pytest

from domain.breaker import Breaker
from domain.errors import Unavailable
from domain.events import channel_trouble
from domain.ports import AskAgain
from tests.fakes import FakeClock, FakePauses


def test_it_shows_that_one_tries_while_the_others_wait() -> None:
    breaker = Breaker(FakeClock(), channel_trouble("email"), FakePauses())
    seen: list[tuple[bool, bool]] = []

    async def send() -> None:
        seen.append((breaker.is_open, breaker.is_probing))
        if len(seen) < 3:
            raise Unavailable("connection refused")

    asyncio.run(breaker.call(send))

    assert seen == [(False, False), (True, True), (True, True)]
    assert not breaker.is_open
    assert not breaker.is_probing


def test_a_probe_that_was_given_up_before_it_asked_leaves_its_turn_to_the_next_one() -> None:
    clock, events = FakeClock(), FakePauses()
    breaker = Breaker(clock, channel_trouble("email"), events)
    answers: list[Exception] = [Unavailable("connection refused"), AskAgain()]

    async def send() -> None:
        if answers:
            raise answers.pop(0)

    async def main() -> None:
        with pytest.raises(AskAgain):
            await breaker.call(send)
        assert breaker.is_open
        await breaker.call(send)

    asyncio.run(main())

    assert clock.slept == [1]
    assert events.errors == ["connection refused", None]
