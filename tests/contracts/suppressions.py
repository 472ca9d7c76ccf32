"""What every list of suppressions does. Addresses are canonical: whoever calls has seen to it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date

import pytest

from domain.suppressions import Suppression, SuppressionStore

ListStores = tuple[SuppressionStore, SuppressionStore]
OpenLists = Callable[[], AbstractAsyncContextManager[ListStores]]

DAY = date(2026, 1, 31)


def an_entry(
    address: str = "ann@example.com",
    channel: str = "email",
    *,
    reason: str = "550 5.1.1 no such user",
    since: date | None = DAY,
) -> Suppression:
    return Suppression(channel=channel, address=address, reason=reason, since=since)


class SuppressionStoreContract:
    """`open_lists` gives two stores on one fresh list, as two processes would have them. `seen` is
    awaited where the second must have seen what the first has done."""

    @pytest.fixture
    def open_lists(self) -> OpenLists:
        raise NotImplementedError

    async def seen(self, store: SuppressionStore) -> None:
        """What one process has stored is visible to another at once."""

    def run(self, open_lists: OpenLists, scenario: Callable[[ListStores], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), open_lists() as stores:
                await scenario(stores)

        asyncio.run(main())

    def test_an_entry_is_found_with_its_reason_and_date(self, open_lists: OpenLists) -> None:
        entry = an_entry(reason="hard bounce: Postfach unbekannt, 550 5.1.1 — sagt der Server")

        async def scenario(stores: ListStores) -> None:
            assert await stores[0].add([entry]) == [True]

            assert await stores[0].find("email", ["bob@example.com", "ann@example.com"]) == [
                None,
                entry,
            ]

        self.run(open_lists, scenario)

    def test_another_process_finds_it_too(self, open_lists: OpenLists) -> None:
        async def scenario(stores: ListStores) -> None:
            await stores[0].add([an_entry()])
            await self.seen(stores[1])

            assert await stores[1].find("email", ["ann@example.com"]) == [an_entry()]
            assert await stores[1].add([an_entry()]) == [False]
            assert await stores[1].remove("email", ["ann@example.com"]) == [True]
            await self.seen(stores[0])
            assert await stores[0].find("email", ["ann@example.com"]) == [None]

        self.run(open_lists, scenario)

    def test_an_entry_is_for_its_channel_alone(self, open_lists: OpenLists) -> None:
        async def scenario(stores: ListStores) -> None:
            await stores[0].add([an_entry("42", "telegram")])
            await stores[0].add([an_entry("https://hooks.example.org:8443/A?b=c", "webhook")])

            assert await stores[0].find("slack", ["42"]) == [None]
            assert await stores[0].find("telegram", ["42"]) == [an_entry("42", "telegram")]
            (webhook,) = await stores[0].find("webhook", ["https://hooks.example.org:8443/A?b=c"])
            assert webhook is not None

        self.run(open_lists, scenario)

    def test_what_is_there_keeps_its_reason_and_date(self, open_lists: OpenLists) -> None:
        later = an_entry(reason="asked again", since=date(2026, 2, 1))

        async def scenario(stores: ListStores) -> None:
            assert await stores[0].add([an_entry()]) == [True]

            assert await stores[0].add([later]) == [False]

            assert await stores[0].entries() in ([an_entry()], (an_entry(),))

        self.run(open_lists, scenario)

    def test_an_address_that_is_removed_may_be_added_again(self, open_lists: OpenLists) -> None:
        later = an_entry(reason="again", since=date(2026, 2, 1))

        async def scenario(stores: ListStores) -> None:
            await stores[0].add([an_entry()])
            assert await stores[0].remove("email", ["bob@example.org", "ann@example.com"]) == [
                False,
                True,
            ]
            assert await stores[0].remove("email", ["ann@example.com"]) == [False]
            assert await stores[0].remove("telegram", ["ann@example.com"]) == [False]

            assert await stores[0].add([later]) == [True]

            assert await stores[0].find("email", ["ann@example.com"]) == [later]

        self.run(open_lists, scenario)

    def test_reason_and_date_may_be_missing(self, open_lists: OpenLists) -> None:
        bare = Suppression(channel="email", address='"a b"@example.org')

        async def scenario(stores: ListStores) -> None:
            await stores[0].add([bare])
            await self.seen(stores[1])

            assert list(await stores[1].entries()) == [bare]

        self.run(open_lists, scenario)

    def test_those_who_write_at_once_lose_nothing(self, open_lists: OpenLists) -> None:
        addresses = [f"p{number}@example.com" for number in range(24)]

        async def scenario(stores: ListStores) -> None:
            added = [stores[n % 2].add([an_entry(one)]) for n, one in enumerate(addresses * 2)]
            are_new = [is_new for (is_new,) in await asyncio.gather(*added)]

            assert sum(are_new) == len(addresses)
            await asyncio.gather(*(stores[0].remove("email", [one]) for one in addresses[:4]))
            await self.seen(stores[1])
            left = {entry.address for entry in await stores[1].entries()}
            assert left == set(addresses[4:])

        self.run(open_lists, scenario)

    def test_a_long_list_is_listed_whole(self, open_lists: OpenLists) -> None:
        addresses = [f"p{number}@example.com" for number in range(30)]

        async def scenario(stores: ListStores) -> None:
            for one in addresses:
                await stores[0].add([an_entry(one)])

            assert sorted(e.address for e in await stores[0].entries()) == sorted(addresses)

        self.run(open_lists, scenario)
