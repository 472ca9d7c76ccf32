"""Whom an address means, and for how long that is remembered."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from adapters.channels.slack.people import KNOWN_FOR, MOST_KNOWN, People, is_email
from domain.errors import FailureReason, Permanent, Transient


class Directory:
    """Finds everybody, and remembers who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = 0.0
        self.failing = False
        self.people = People(self._look_up, clock=lambda: self.now)

    async def _look_up(self, email: str) -> str:
        self.asked.append(email)
        await asyncio.sleep(0)
        if self.failing:
            raise Transient("not now")
        return f"U{len(self.asked)}"


def play(scene: Callable[[Directory], Awaitable[None]]) -> None:
    async def main() -> None:
        await scene(Directory())

    asyncio.run(main())


@pytest.mark.parametrize("address", ["ann@example.com", "a+b@example.co", "ann@localhost"])
def test_an_email_address_must_be_looked_up(address: str) -> None:
    assert is_email(address)


@pytest.mark.parametrize(
    "address", ["C123ABC456", "G1234567", "D123ABC456", "U123ABC456", "W012A3CDE", "#a", "#多-1_x"]
)
def test_an_id_and_a_name_need_no_look_up(address: str) -> None:
    assert not is_email(address)


@pytest.mark.parametrize(
    "address", ["", "C1", "c123abc456", "X123ABC456", "#", "#a b", "#a,#b", "@ann", "a@b@c", "a@"]
)
def test_anything_else_is_no_address(address: str) -> None:
    with pytest.raises(Permanent) as caught:
        is_email(address)

    assert caught.value.reason is FailureReason.RECIPIENT_INVALID


def test_an_id_is_remembered_for_its_time_and_no_longer() -> None:
    async def scene(directory: Directory) -> None:
        first = await directory.people.id_of("ann@example.com")
        directory.now = KNOWN_FOR - 1
        again = await directory.people.id_of("Ann@Example.com")
        directory.now = KNOWN_FOR
        later = await directory.people.id_of("ann@example.com")

        assert (first, again, later) == ("U1", "U1", "U2")

    play(scene)


def test_what_is_forgotten_is_asked_for_again() -> None:
    async def scene(directory: Directory) -> None:
        await directory.people.id_of("ann@example.com")
        directory.people.forget("ANN@example.com")
        directory.people.forget("nobody@example.com")

        assert await directory.people.id_of("ann@example.com") == "U2"

    play(scene)


def test_many_at_once_ask_once_and_a_failure_is_not_remembered() -> None:
    async def scene(directory: Directory) -> None:
        directory.failing = True
        asking = [directory.people.id_of("ann@example.com") for _ in range(3)]
        failures = await asyncio.gather(*asking, return_exceptions=True)
        directory.failing = False
        asking = [directory.people.id_of("ann@example.com") for _ in range(3)]
        found = await asyncio.gather(*asking)

        assert all(isinstance(failure, Transient) for failure in failures)
        assert found == ["U4"] * 3

    play(scene)


def test_no_more_than_so_many_are_remembered_and_the_eldest_goes_first() -> None:
    async def scene(directory: Directory) -> None:
        for number in range(MOST_KNOWN + 1):
            await directory.people.id_of(f"{number}@example.com")
        await directory.people.id_of("1@example.com")
        await directory.people.id_of("0@example.com")

        assert directory.asked[MOST_KNOWN + 1 :] == ["0@example.com"]

    play(scene)
