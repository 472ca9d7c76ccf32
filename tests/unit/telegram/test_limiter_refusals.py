"""What a refused chat's wait means for that chat, for the others and for the whole bot."""

import asyncio
from datetime import timedelta

import pytest
import structlog

from adapters.channels.telegram.limiter import Limiter
from domain.errors import Throttled
from tests.support.virtual_time import now, run
from tests.unit.telegram.pacing import send


def test_a_refused_chat_gets_nothing_until_the_time_is_over() -> None:
    async def main() -> tuple[float, Throttled | None]:
        limiter = Limiter()
        await limiter.refused(7, timedelta(seconds=30))
        refusal = None
        try:
            await send(limiter, 7)
        except Throttled as error:
            refusal = error
        start = now()
        await limiter.refused(8, timedelta(seconds=5))
        return await send(limiter, 8) - start, refusal

    waited, refusal = run(main())

    assert waited == pytest.approx(5)
    assert refusal is not None
    assert refusal.retry_after == timedelta(seconds=30)


def test_one_refused_chat_costs_the_others_nothing() -> None:
    async def main() -> float:
        limiter = Limiter()
        await limiter.refused(7, timedelta(seconds=30))
        await limiter.refused(8, timedelta(seconds=30))
        start = now()
        return await send(limiter, 9) - start

    assert run(main()) == 0


def test_three_refused_chats_pause_the_bot() -> None:
    async def main() -> Throttled | None:
        limiter = Limiter()
        for chat in (6, 7, 8):
            await limiter.refused(chat, timedelta(seconds=30))
        try:
            await send(limiter, 9)
        except Throttled as error:
            return error
        return None

    error = run(main())

    assert error is not None
    assert error.retry_after == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("waits", "pause"), [((3600, 7, 10**8), 7), ((3600, 10**8, 3600), 60), ((7, 9, 3600), 7)]
)
def test_a_chats_own_long_wait_is_not_the_bots(waits: tuple[int, ...], pause: int) -> None:
    async def main() -> Throttled | None:
        limiter = Limiter()
        for chat, wait in enumerate(waits, start=1):
            await limiter.refused(chat, timedelta(seconds=wait))
        try:
            await send(limiter, 9)
        except Throttled as error:
            return error
        return None

    with structlog.testing.capture_logs() as logs:
        error = run(main())

    assert error is not None
    assert error.retry_after == timedelta(seconds=pause)
    (line,) = logs
    assert (line["event"], line["seconds"]) == ("telegram asks the whole bot to wait", pause)


def test_one_chat_refused_again_and_again_does_not_pause_the_bot() -> None:
    async def main() -> float:
        limiter = Limiter()
        for _ in range(5):
            await limiter.refused(7, timedelta(seconds=60))
        start = now()
        return await send(limiter, 9) - start

    assert run(main()) == 0


def test_a_paused_bot_is_told_of_once() -> None:
    async def main() -> None:
        limiter = Limiter()
        for chat in range(1, 9):
            await limiter.refused(chat, timedelta(seconds=30))

    with structlog.testing.capture_logs() as logs:
        run(main())

    assert len(logs) == 1


def test_refusals_far_apart_do_not_pause_the_bot() -> None:
    async def main() -> float:
        limiter = Limiter()
        for chat in (6, 7, 8):
            await limiter.refused(chat, timedelta(seconds=60))
            await asyncio.sleep(11)
        start = now()
        return await send(limiter, 9) - start

    assert run(main()) == 0
