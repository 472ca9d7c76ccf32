"""Messages through a Limiter, in virtual time."""

import asyncio
from collections.abc import Sequence

from adapters.channels.telegram.limiter import Limiter, TelegramLimits
from domain.errors import Throttled
from tests.support.virtual_time import now

PATIENT = TelegramLimits(longest_wait=10_000)
LATENCY = 0.05


async def send(limiter: Limiter, chat: int | str, requests: int = 1) -> float:
    """One message; when its first request left."""
    async with limiter.turn(chat, requests) as request:
        times = []
        for _ in range(requests):
            async with request():
                times.append(now())
                await asyncio.sleep(LATENCY)
    return times[0]


async def send_or_wait(limiter: Limiter, chat: int | str) -> tuple[float, int]:
    """When the message left, and how often it was handed back until then."""
    for returns in range(1000):
        try:
            return await send(limiter, chat), returns
        except Throttled as error:
            await asyncio.sleep(error.retry_after.total_seconds())
    raise AssertionError("it never left")


def most_within(times: Sequence[float], period: float) -> int:
    """The most times that lie in any stretch of `period` seconds."""
    times = sorted(times)
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= period:
            first += 1
        most = max(most, last - first + 1)
    return most
