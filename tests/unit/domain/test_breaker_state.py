"""What a breaker shows of itself."""

import asyncio

from domain.breaker import Breaker
from domain.errors import Unavailable
from domain.events import channel_trouble
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
