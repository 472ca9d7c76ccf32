"""Several processes with one account, in virtual time: together they keep one limit."""

import asyncio
from datetime import timedelta

import pytest

from adapters.channels.shared.turns import SharedTurns
from adapters.channels.slack.pace import SlackPace
from adapters.channels.telegram.limiter import Limiter, TelegramLimits
from domain.errors import Throttled, Unavailable
from domain.ledger import LedgerUnavailable
from domain.pace import Spacing, Turn
from tests.support.ledger_store import MemoryPaces
from tests.support.virtual_time import now, run

PATIENT = TelegramLimits(longest_wait=600.0)


def shared(store: MemoryPaces, account: str = "token") -> SharedTurns:
    return SharedTurns(store, lambda: account)


async def send(limiter: Limiter, chat: int, log: list[float]) -> None:
    async with limiter.turn(chat, 1) as request, request():
        log.append(now())


def test_several_workers_of_one_bot_send_thirty_a_second_together() -> None:
    async def body() -> None:
        store, log = MemoryPaces(now), list[float]()
        workers = [Limiter(PATIENT, shared(store)) for _ in range(3)]

        await asyncio.gather(
            *(send(workers[number % 3], 1000 + number, log) for number in range(120))
        )

        assert len(log) == 120
        for start in log:
            assert sum(start <= at < start + 1 for at in log) <= 31
        assert max(log) - min(log) < 6

    run(body())


def test_several_workers_of_one_bot_send_one_a_second_to_a_chat() -> None:
    async def body() -> None:
        store, log = MemoryPaces(now), list[float]()
        workers = [Limiter(PATIENT, shared(store)) for _ in range(2)]

        await asyncio.gather(*(send(workers[number % 2], 7, log) for number in range(10)))

        gaps = [b - a for a, b in zip(sorted(log), sorted(log)[1:], strict=False)]
        assert min(gaps) >= 0.999

    run(body())


def test_several_workers_of_one_bot_send_twenty_a_minute_to_a_group() -> None:
    async def body() -> None:
        store, log = MemoryPaces(now), list[float]()
        workers = [Limiter(PATIENT, shared(store)) for _ in range(2)]

        await asyncio.gather(*(send(workers[number % 2], -7, log) for number in range(45)))

        for start in log:
            assert sum(start <= at < start + 60 for at in log) <= 20

    run(body())


def test_a_refusal_of_a_chat_is_kept_to_by_the_other_workers() -> None:
    async def body() -> None:
        store, log = MemoryPaces(now), list[float]()
        one, other = (Limiter(PATIENT, shared(store)) for _ in range(2))
        began = now()

        await one.refused(7, timedelta(seconds=30))
        await asyncio.gather(send(other, 7, log), send(other, 8, log))

        assert sorted(at - began for at in log) == pytest.approx([0, 30], abs=1)

    run(body())


def test_another_account_does_not_wait() -> None:
    async def body() -> None:
        store = MemoryPaces(now)
        await shared(store, "one").wait("chat", Spacing(interval=60.0), 0)

        await shared(store, "two").wait("chat", Spacing(interval=60.0), 0)

        with pytest.raises(Throttled) as caught:
            await shared(store, "one").wait("chat", Spacing(interval=60.0), 5)
        assert caught.value.retry_after == timedelta(seconds=60)

    run(body())


def test_several_workers_of_one_slack_token_keep_to_its_pace_in_a_channel() -> None:
    async def body() -> None:
        store, log = MemoryPaces(now), list[float]()
        paces = [SlackPace(patience=600, shared=shared(store)) for _ in range(3)]

        async def post(pace: SlackPace) -> None:
            await pace.turn("C1")
            log.append(now())

        await asyncio.gather(*(post(paces[number % 3]) for number in range(30)))

        # Four at once, then one a second.
        assert max(log) - min(log) >= 26
        for start in log:
            assert sum(start <= at < start + 10 for at in log) <= 14

    run(body())


def test_a_wait_that_slack_asks_for_holds_for_all_workers() -> None:
    async def body() -> None:
        store = MemoryPaces(now)
        one, other = (SlackPace(patience=600, shared=shared(store)) for _ in range(2))
        began = now()

        await one.pause("C1", timedelta(seconds=30))
        await other.turn("C1")

        assert now() - began == pytest.approx(30, abs=1)

    run(body())


class AwayPaces(MemoryPaces):
    """A store that cannot be reached."""

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        raise LedgerUnavailable("ledger redis://x: cannot be reached")


def test_without_the_store_nothing_is_sent() -> None:
    async def body() -> None:
        with pytest.raises(Unavailable, match="ledger redis://x"):
            await shared(AwayPaces()).wait("chat", Spacing(interval=1.0), 5)

    run(body())


def test_neither_account_nor_chat_is_in_the_store() -> None:
    seen: list[str] = []

    class Spy(MemoryPaces):
        async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
            seen.append(key)
            return await super().take(key, spacing, patience)

    run(SharedTurns(Spy(), lambda: "s3cret").wait("chat-42", Spacing(), 0))

    assert seen
    assert not [key for key in seen if "s3cret" in key or "chat-42" in key]
