"""A limit that was learned is kept to, and tried again with time."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from adapters.channels.email.bounds import Ceiling
from tests.support import virtual_time

HOUR = 3600


def in_time(
    body: Callable[[Ceiling, list[float | None]], Awaitable[None]], *, top: int = 500
) -> None:
    async def run() -> None:
        said: list[float | None] = []
        await body(Ceiling(top, 60.0, said.append), said)

    virtual_time.run(run())


def test_field_5_5_a_limit_that_was_lifted_is_found_out_step_by_step() -> None:
    async def body(ceiling: Ceiling, said: list[float | None]) -> None:
        ceiling.lower(50)
        seen = []
        for _minute in range(14):
            seen.append(ceiling.now)
            await asyncio.sleep(60)

        assert seen[:4] == [50, 55, 65, 80]
        assert seen == sorted(set(seen)), "more with each step"
        assert ceiling.now == 500
        assert said[-1] is None, "no limit is known any more"

    in_time(body)


def test_field_5_5_a_limit_that_stands_is_met_ever_more_seldom() -> None:
    async def body(ceiling: Ceiling, _: list[float | None]) -> None:
        met = []
        ceiling.lower(50)
        for second in range(10 * HOUR):
            await asyncio.sleep(1)
            if ceiling.now > 50:
                met.append(second)
                ceiling.lower(50)
                assert ceiling.now == 50

        gaps = [later - earlier for earlier, later in itertools.pairwise(met)]
        assert gaps == sorted(gaps)
        assert gaps[-1] == HOUR
        assert len(met) < 20

    in_time(body)


def test_field_5_4_what_passed_before_is_not_halved_by_a_try_of_more() -> None:
    async def body(ceiling: Ceiling, _: list[float | None]) -> None:
        for refused in (500, 250, 125, 62):
            ceiling.halve(refused)
        assert ceiling.now == 31
        await asyncio.sleep(61)
        assert ceiling.now == 34

        ceiling.halve(34)
        assert ceiling.now == 31

        ceiling.halve(31)
        assert ceiling.now == 15, "the relay takes fewer now"

    in_time(body)


def test_field_5_5_refusals_of_the_same_moment_are_one() -> None:
    async def body(ceiling: Ceiling, said: list[float | None]) -> None:
        for _connection in range(10):
            ceiling.lower(100)
        ceiling.lower(103)

        await asyncio.sleep(60)

        assert ceiling.now == 110
        assert said == [100, 110]

    in_time(body, top=1000)
