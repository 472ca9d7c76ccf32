"""Who may try next while a channel is paused."""

import asyncio
import random
from collections.abc import Sequence
from functools import partial

import pytest

from domain.breaker import Breaker
from domain.errors import RefusedInARow, Throttled, Unavailable
from domain.events import channel_trouble
from domain.turns import Caller, ProbePlace, Turns
from tests.fakes import NOON, FakeClock, FakePauses
from tests.support.relay_scene import VirtualClock
from tests.support.virtual_time import run


def a_place(name: str, *traits: str) -> ProbePlace:
    return ProbePlace(Caller(name, tuple(frozenset({trait}) for trait in traits)), NOON)


async def order_of(turns: Turns, places: Sequence[ProbePlace]) -> list[str]:
    """The order in which these get their turns, all having asked while another had it."""
    order: list[str] = []

    async def take(place: ProbePlace) -> None:
        async with turns.turn(place):
            order.append(place.caller.id)
            await asyncio.sleep(0)

    async with turns.turn(a_place("first", "", "")):
        tasks = [asyncio.create_task(take(place)) for place in places]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return order


def test_the_least_like_those_refused_comes_first_then_who_waits_for_longest() -> None:
    turns = Turns()
    turns.refused(a_place("x", "bad@", "d1").caller)
    places = [
        a_place("same", "bad@", "d1"),
        a_place("other domain", "bad@", "d2"),
        a_place("other sender", "good@", "d1"),
        a_place("all other", "good@", "d2"),
    ]

    order = asyncio.run(order_of(turns, places))

    assert order == ["all other", "other domain", "other sender", "same"]


def test_without_refusals_turns_come_in_the_order_of_asking() -> None:
    places = [a_place(str(n), f"s{n}") for n in range(20)]

    assert asyncio.run(order_of(Turns(), places)) == [str(n) for n in range(20)]


def test_who_is_dismissed_gets_the_error_and_nobody_else_does() -> None:
    async def main() -> list[object]:
        turns = Turns()
        places = [a_place(str(n)) for n in range(4)]

        async def take(place: ProbePlace) -> str:
            async with turns.turn(place):
                return place.caller.id

        async with turns.turn(a_place("holder")):
            tasks = [asyncio.create_task(take(place)) for place in places]
            await asyncio.sleep(0)
            turns.dismiss(lambda p: p.caller.id in {"1", "3"}, lambda: Unavailable("go"))
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())

    assert [r if isinstance(r, str) else str(r) for r in results] == ["0", "go", "2", "go"]


@pytest.mark.parametrize("seed", range(30))
def test_however_waiting_ends_one_has_the_turn_and_no_turn_is_lost(seed: int) -> None:
    chance = random.Random(seed)

    async def main() -> None:
        turns = Turns()
        holding = 0
        done: list[str] = []

        async def take(place: ProbePlace) -> None:
            nonlocal holding
            for _ in range(chance.randint(1, 3)):
                async with turns.turn(place):
                    holding += 1
                    assert holding == 1
                    try:
                        await asyncio.sleep(chance.choice([0, 0, 0.5]))
                    finally:
                        holding -= 1
            done.append(place.caller.id)

        tasks = [asyncio.create_task(take(a_place(str(n), f"s{n % 3}"))) for n in range(20)]
        for _ in range(10):
            await asyncio.sleep(chance.choice([0, 0, 0.3]))
            chance.choice(tasks).cancel()
            turns.dismiss(lambda _p: chance.random() < 0.05, lambda: Unavailable("go"))
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not turns.is_taken
        async with asyncio.timeout(30), turns.turn(a_place("last")):
            pass

    run(main())


def test_field_5_1_a_probe_that_fails_makes_room_for_another_message() -> None:
    async def main() -> list[str]:
        tried: list[str] = []
        breaker = Breaker(VirtualClock(), channel_trouble("email"), FakePauses())

        async def send(name: str) -> None:
            tried.append(name)
            raise RefusedInARow("550 quota")

        calls = [
            asyncio.create_task(
                breaker.call(
                    partial(send, str(n)),
                    caller=partial(Caller, str(n), (frozenset({"shop@"}),)),
                )
            )
            for n in range(10)
        ]
        await asyncio.sleep(25)
        left = [call for call in calls if call.done()]
        assert left
        assert all(isinstance(call.exception(), Throttled) for call in left)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return tried

    probes = run(main())

    assert len(probes) == len(set(probes)) > 4  # the first was refused, and is not tried again


def test_while_it_is_away_no_message_is_handed_back_early() -> None:
    async def main() -> None:
        breaker = Breaker(VirtualClock(), channel_trouble("email"), FakePauses())

        async def send() -> None:
            raise Unavailable("refused")

        calls = [asyncio.create_task(breaker.call(send)) for _ in range(10)]
        await asyncio.sleep(300)
        assert not any(call.done() for call in calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    run(main())


def test_who_may_not_wait_probes_as_soon_as_the_credentials_have_changed() -> None:
    async def main() -> str:
        has_changed = False
        breaker = Breaker(FakeClock(), channel_trouble("email"), FakePauses())

        async def send() -> str:
            if not has_changed:
                raise Unavailable("535", is_login=True, changed=lambda: has_changed)
            return "sent"

        for _ in range(2):
            with pytest.raises(Throttled):
                await breaker.call(send, may_hold=False)
        has_changed = True
        return await breaker.call(send, may_hold=False)

    assert asyncio.run(main()) == "sent"


@pytest.mark.parametrize("back_at", [3.0, 50.0, 298.0])
def test_in_a_young_outage_the_return_is_noticed_within_five_seconds(back_at: float) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def send() -> float:
            if loop.time() - began < back_at:
                raise Unavailable("refused", safe_to_repeat=True)
            return loop.time() - began

        return await Breaker(VirtualClock(), channel_trouble("email"), FakePauses()).call(send)

    assert 0 <= run(main()) - back_at <= 4.0


@pytest.mark.parametrize("when", ["while it waits", "just as the turn comes"])
def test_who_is_cancelled_leaves_the_turn_to_the_next(when: str) -> None:
    async def main() -> list[str]:
        turns = Turns()
        got: list[str] = []

        async def take(name: str) -> None:
            async with turns.turn(a_place(name)):
                got.append(name)

        async with turns.turn(a_place("holder")):
            tasks = [asyncio.create_task(take(name)) for name in "ab"]
            await asyncio.sleep(0)
            if when == "while it waits":
                tasks[0].cancel()
                await asyncio.sleep(0)
                assert turns.is_taken
                assert got == []
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return got

    assert asyncio.run(main()) == ["b"]


def test_an_equal_place_is_not_better() -> None:
    async def main() -> list[bool]:
        turns = Turns()
        turns.refused(a_place("x", "bad@").caller)
        mine, answers = a_place("mine", "bad@"), []

        async def wait(place: ProbePlace) -> None:
            async with turns.turn(place):
                pass

        async with turns.turn(mine):
            for sender in ("bad@", "good@"):
                task = asyncio.create_task(wait(a_place(sender, sender)))
                await asyncio.sleep(0)
                answers.append(turns.has_better_than(mine))
                task.cancel()
        return answers

    assert asyncio.run(main()) == [False, True]


def test_a_kind_of_trait_that_only_some_messages_have_is_remembered() -> None:
    turns = Turns()
    turns.refused(a_place("x", "bad@", "d1").caller)
    turns.refused(a_place("y", "bad@").caller)
    places = [a_place("same", "bad@", "d1"), a_place("short", "bad@"), a_place("new", "bad@", "d2")]

    assert asyncio.run(order_of(turns, places)) == ["new", "same", "short"]
