"""Requests leave at the pace that Telegram allows, and nobody waits for another chat's sake."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest

from adapters.channels.telegram.limiter import Limiter, TelegramLimits
from domain.errors import Throttled
from tests.support.memory import traced_memory
from tests.support.virtual_time import now, run
from tests.unit.telegram.pacing import PATIENT, most_within, send, send_or_wait


def test_a_chat_gets_one_message_a_second() -> None:
    async def main() -> list[float]:
        limiter = Limiter(PATIENT)
        return await asyncio.gather(*(send(limiter, 7) for _ in range(5)))

    times = run(main())

    assert most_within(times, 1.0) == 1
    assert times[-1] - times[0] < 5 * 1.2


def test_messages_of_a_chat_leave_in_the_order_in_which_they_came() -> None:
    async def main() -> list[float]:
        limiter = Limiter(PATIENT)
        return await asyncio.gather(*(send(limiter, 7, requests=2) for _ in range(5)))

    times = run(main())

    assert times == sorted(times)


def test_a_long_message_is_not_interrupted_by_another() -> None:
    async def main() -> tuple[float, float]:
        limiter = Limiter(PATIENT)
        long, short = await asyncio.gather(send(limiter, 7, requests=4), send(limiter, 7))
        return long, short

    long, short = run(main())

    assert short - long > 4


@pytest.mark.parametrize("chat", [-1001234567890, "@news"])
def test_a_group_gets_twenty_messages_a_minute(chat: int | str) -> None:
    async def main() -> list[float]:
        limiter = Limiter(PATIENT)
        return await asyncio.gather(*(send(limiter, chat) for _ in range(60)))

    times = run(main())

    assert most_within(times, 60.0) == 20
    assert most_within(times, 1.0) == 1
    assert max(times) - min(times) < 160


def test_the_bot_sends_thirty_messages_a_second() -> None:
    async def main() -> list[float]:
        limiter = Limiter(PATIENT)
        return await asyncio.gather(*(send(limiter, chat) for chat in range(1, 601)))

    times = run(main())

    assert most_within(times, 1.0) <= 30
    assert max(times) - min(times) < 600 / 30 * 1.1


def test_the_bots_limit_holds_wherever_on_its_way_a_request_is_counted() -> None:
    chance = random.Random(3)
    counted: list[float] = []

    async def send_slowly(limiter: Limiter, chat: int) -> None:
        async with limiter.turn(chat, 1) as request, request():
            latency = chance.uniform(0, 0.2)
            there = chance.uniform(0, latency)
            await asyncio.sleep(there)
            counted.append(now())
            await asyncio.sleep(latency - there)

    async def main() -> None:
        limiter = Limiter(PATIENT)
        await asyncio.gather(*(send_slowly(limiter, chat) for chat in range(1, 901)))

    run(main())

    assert most_within(counted, 1.0) <= 30
    assert max(counted) - min(counted) < 900 / 30 * 1.2


def test_slow_uploads_do_not_take_the_others_places() -> None:
    async def upload(limiter: Limiter, chat: int) -> None:
        async with limiter.turn(chat, 1) as request, request():
            await asyncio.sleep(60)

    async def main() -> float:
        limiter = Limiter()
        uploads = [asyncio.create_task(upload(limiter, chat)) for chat in range(1, 31)]
        start = now()
        waited = await send(limiter, 99) - start
        for task in uploads:
            task.cancel()
        return waited

    assert run(main()) < 3


def test_a_busy_chat_holds_up_no_other() -> None:
    async def main() -> float:
        limiter = Limiter()
        busy = [asyncio.create_task(send_or_wait(limiter, 7)) for _ in range(100)]
        await asyncio.sleep(0.5)
        start = now()
        waited = await send(limiter, 8) - start
        for task in busy:
            task.cancel()
        return waited

    assert run(main()) < 0.1


def test_what_would_wait_too_long_is_handed_back_and_comes_back_when_there_is_room() -> None:
    async def main() -> list[tuple[float, int]]:
        limiter = Limiter()
        return await asyncio.gather(*(send_or_wait(limiter, 7) for _ in range(300)))

    sent = run(main())

    times = [time for time, _ in sent]
    assert most_within(times, 1.0) == 1
    assert max(times) - min(times) < 300 * 1.2
    returns = Counter(returns for _, returns in sent)
    assert returns[0] + returns[1] > 270, "nobody comes back in vain, but for a few"


def test_those_handed_back_do_not_come_back_at_once() -> None:
    async def main() -> list[float]:
        limiter = Limiter()
        sends = [send(limiter, 7) for _ in range(100)]
        answers = await asyncio.gather(*sends, return_exceptions=True)
        return [a.retry_after.total_seconds() for a in answers if isinstance(a, Throttled)]

    waits = run(main())

    assert len(waits) > 80
    assert min(waits) > 5
    assert most_within(waits, 1.0) == 1


def test_a_message_does_not_wait_for_a_request_that_hangs() -> None:
    async def main() -> float:
        limiter = Limiter()

        async def hang() -> None:
            async with limiter.turn(7, 1) as request, request():
                await asyncio.sleep(1000)

        hanging = asyncio.create_task(hang())
        await asyncio.sleep(2)
        start = now()
        with pytest.raises(Throttled):
            await send(limiter, 7)
        hanging.cancel()
        return now() - start

    assert run(main()) == pytest.approx(5)


def test_idle_chats_are_forgotten_and_busy_ones_are_not() -> None:
    async def main() -> tuple[int, float]:
        limiter = Limiter(TelegramLimits(bot_per_second=10_000))
        await limiter.refused(7, timedelta(hours=9))

        async def use(chats: range) -> None:
            for chat in chats:
                await send(limiter, chat)

        with traced_memory() as held:
            await use(range(10_000, 11_500))
            before = held()
            await use(range(11_500, 16_500))
            grown = held() - before
        try:
            await send(limiter, 7)
        except Throttled as error:
            return grown, error.retry_after.total_seconds()
        raise AssertionError("the pause was forgotten")

    grown, wait = run(main())

    assert grown < 1_500_000
    assert wait > 8 * 3600


def test_each_wait_for_a_turn_is_reported() -> None:
    waits: list[float] = []

    async def main() -> None:
        limiter = Limiter(PATIENT, waited=waits.append)
        for _ in range(2):
            await send(limiter, 7)

    run(main())

    assert waits == pytest.approx([0, 1], abs=0.1)
