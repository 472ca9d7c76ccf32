"""Mails that are under way at once, in the order of asking."""

import asyncio
from collections.abc import Awaitable, Callable

from adapters.channels.email.slots import Slots


class Street:
    """Mails that wait for slots, pass when they are let go, and are counted meanwhile."""

    def __init__(self, most: Callable[[], int]) -> None:
        self.slots = Slots(most)
        self.under_way: list[int] = []
        self._ends: dict[int, asyncio.Event] = {}

    async def pass_through(self, number: int) -> None:
        self._ends[number] = asyncio.Event()
        async with self.slots:
            self.under_way.append(number)
            try:
                await self._ends[number].wait()
            finally:
                self.under_way.remove(number)

    async def let_go(self, number: int) -> None:
        self._ends[number].set()
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(5):
            await body()

    asyncio.run(main())


def test_no_more_than_there_are_at_once_and_in_order() -> None:
    async def body() -> None:
        street = Street(lambda: 2)
        tasks = [asyncio.create_task(street.pass_through(number)) for number in range(5)]
        await settle()
        assert street.under_way == [0, 1]
        await street.let_go(1)
        assert street.under_way == [0, 2]
        await street.let_go(0)
        assert street.under_way == [2, 3]
        for task in tasks:
            task.cancel()

    run(body)


def test_where_there_are_fewer_now_those_under_way_end_first() -> None:
    async def body() -> None:
        most = 4
        street = Street(lambda: most)
        tasks = [asyncio.create_task(street.pass_through(number)) for number in range(8)]
        await settle()
        most = 2
        for number, left in ((0, [1, 2, 3]), (1, [2, 3]), (2, [3, 4])):
            await street.let_go(number)
            assert street.under_way == left
        most = 4
        await street.let_go(3)
        assert street.under_way == [4, 5, 6, 7]
        for task in tasks:
            task.cancel()

    run(body)


def test_one_that_is_cancelled_while_it_waits_or_just_after_takes_no_slot() -> None:
    async def body() -> None:
        street = Street(lambda: 1)
        tasks = [asyncio.create_task(street.pass_through(number)) for number in range(4)]
        await settle()
        tasks[1].cancel()
        await settle()
        tasks[0].cancel()
        await asyncio.sleep(0)  # the slot is the third's, which has not run yet
        tasks[2].cancel()
        await settle()
        assert street.under_way == [3]
        tasks[3].cancel()

    run(body)
