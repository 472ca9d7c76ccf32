"""Ten thousand messages take what the limits allow, in whatever order a worker meets them."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from adapters.channels.telegram.limiter import Limiter
from domain.errors import Throttled
from tests.support.virtual_time import now, run
from tests.unit.telegram.pacing import most_within, send

IN_HAND = 80
"""Messages in a worker's hands by default."""

TIERS = (10, 60, 300, 1800, 7200)
HOLD = 10
BY_CHAT = [chat for chat in range(1, 201) for _ in range(50)]
SHUFFLED = random.Random(5).sample(BY_CHAT, len(BY_CHAT))


class Worker:
    """Its queue on a broker that only has tiers: what is handed back hops through them until the
    rest of its wait is short enough to be held in hand."""

    def __init__(self, chats: Sequence[int]) -> None:
        self._limiter = Limiter()
        self._queue: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
        self._left = len(chats)
        self.sent: list[tuple[int, float]] = []
        for chat in chats:
            self._queue.put_nowait((chat, 0.0))

    async def run(self) -> None:
        hands = [asyncio.create_task(self._hand()) for _ in range(IN_HAND)]
        while len(self.sent) < self._left:
            await asyncio.sleep(1)
        for hand in hands:
            hand.cancel()

    async def _hand(self) -> None:
        while True:
            chat, due = await self._queue.get()
            if due - now() > HOLD:
                self._put_back(chat, due)
                continue
            await asyncio.sleep(max(0.0, due - now()))
            try:
                self.sent.append((chat, await send(self._limiter, chat)))
            except Throttled as error:
                self._put_back(chat, now() + error.retry_after.total_seconds())

    def _put_back(self, chat: int, due: float) -> None:
        wait = max((tier for tier in TIERS if tier <= due - now()), default=0)
        loop = asyncio.get_running_loop()
        loop.call_later(wait, self._queue.put_nowait, (chat, due))


@pytest.mark.parametrize("chats", [SHUFFLED, BY_CHAT], ids=["shuffled", "by chat"])
def test_ten_thousand_messages_to_two_hundred_chats(chats: Sequence[int]) -> None:
    worker = Worker(chats)

    run(worker.run())

    times = sorted(time for _, time in worker.sent)
    assert len(times) == 10_000
    assert most_within(times, 1.0) <= 30
    for chat in range(1, 201):
        assert most_within([time for other, time in worker.sent if other == chat], 1.0) == 1
    assert times[-1] - times[0] < 10_000 / 30 * 1.2


def test_a_thousand_messages_to_one_chat() -> None:
    worker = Worker([7] * 1000)

    run(worker.run())

    times = sorted(time for _, time in worker.sent)
    assert most_within(times, 1.0) == 1
    assert times[-1] - times[0] < 1000 * 1.2
