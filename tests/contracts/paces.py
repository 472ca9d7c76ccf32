"""What every store of paces does. Waits are short, since the clocks are real."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise

import pytest

from domain.pace import PaceStore, Rate, Spacing

Stores = tuple[PaceStore, PaceStore]
Open = Callable[[], AbstractAsyncContextManager[Stores]]


class PaceStoreContract:
    """`open_stores` gives two stores on one fresh storage, as two processes would have them."""

    @pytest.fixture
    def open_stores(self) -> Open:
        raise NotImplementedError

    def run(self, open_stores: Open, scenario: Callable[[Stores], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), open_stores() as stores:
                await scenario(stores)

        asyncio.run(main())

    def test_turns_are_spaced_over_all_who_take_them(self, open_stores: Open) -> None:
        async def scenario(stores: Stores) -> None:
            turns = [
                await stores[number % 2].take("k", Spacing(interval=5.0), 100)
                for number in range(6)
            ]

            assert all(turn.taken for turn in turns)
            gaps = [b.at - a.at for a, b in pairwise(turns)]
            assert gaps == pytest.approx([5.0] * 5, abs=0.001)
            assert turns[5].wait == pytest.approx(25.0, abs=4.0)

        self.run(open_stores, scenario)

    def test_a_burst_may_come_at_once(self, open_stores: Open) -> None:
        async def scenario(stores: Stores) -> None:
            spacing = Spacing(interval=10.0, burst=3)

            waits = [(await stores[0].take("k", spacing, 100)).wait for _ in range(4)]

            assert waits[:3] == [0, 0, 0]
            assert waits[3] == pytest.approx(10, abs=1)

        self.run(open_stores, scenario)

    def test_a_turn_that_is_too_far_away_stays_free(self, open_stores: Open) -> None:
        async def scenario(stores: Stores) -> None:
            spacing = Spacing(interval=50.0)
            await stores[0].take("k", spacing, 0)

            refused = await stores[1].take("k", spacing, 10)
            taken = await stores[0].take("k", spacing, 100)

            assert not refused.taken
            assert refused.wait == pytest.approx(50, abs=1)
            assert taken.taken
            assert taken.wait == pytest.approx(50, abs=1)

        self.run(open_stores, scenario)

    def test_keys_do_not_wait_for_each_other(self, open_stores: Open) -> None:
        async def scenario(stores: Stores) -> None:
            for key in ("a", "b", "email relay.example:25"):
                assert (await stores[0].take(key, Spacing(interval=50.0), 0)).taken

        self.run(open_stores, scenario)

    def test_a_budget_is_shared_and_counts_what_was_used(self, open_stores: Open) -> None:
        async def scenario(stores: Stores) -> None:
            spacing = Spacing(budgets=(Rate(4, 3600), Rate(10, 86400)))
            turns = [await stores[number % 2].take("k", spacing, 0) for number in range(5)]
            assert [turn.taken for turn in turns] == [True, True, True, True, False]
            assert 3590 < turns[4].wait < 3640

            await stores[1].give_back("k", spacing, turns[0])

            assert (await stores[0].take("k", spacing, 0)).taken
            assert not (await stores[0].take("k", spacing, 0)).taken

        self.run(open_stores, scenario)

    def test_a_held_lane_waits_and_a_freed_one_goes_on(self, open_stores: Open) -> None:
        async def scenario(stores: Stores) -> None:
            await stores[0].hold("k", 40)
            waiting = await stores[1].take("k", Spacing(interval=1.0), 0)
            assert not waiting.taken
            assert waiting.wait == pytest.approx(40, abs=1)

            await stores[1].hold("k", 0)

            assert (await stores[0].take("k", Spacing(interval=1.0), 0.5)).taken

        self.run(open_stores, scenario)

    def test_a_note_is_replaced_only_by_who_has_seen_it(self, open_stores: Open) -> None:
        async def scenario(stores: Stores) -> None:
            one, other = stores
            assert (await one.note("k"))[0] == ""
            assert await one.swap("k", "", "first")

            assert not await other.swap("k", "", "late")
            assert (await other.note("k"))[0] == "first"
            assert await other.swap("k", "first", "second")
            await one.take("k", Spacing(interval=1.0), 0)

            assert (await one.note("k"))[0] == "second"
            assert await one.notes() == {"k": "second"}

        self.run(open_stores, scenario)

    def test_the_clock_of_a_note_is_that_of_the_turns(self, open_stores: Open) -> None:
        async def scenario(stores: Stores) -> None:
            _, now = await stores[0].note("k")

            turn = await stores[1].take("k", Spacing(interval=1.0), 0)

            assert turn.at == pytest.approx(now, abs=1.0)

        self.run(open_stores, scenario)
