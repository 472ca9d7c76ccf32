"""So many bytes at once, first come first served, and nothing is ever stuck."""

import asyncio
from collections.abc import Sequence

from domain.channel_sender import AttachmentRoom
from domain.notification import Attachment


async def no_files(paths: Sequence[str]) -> int:
    assert not paths
    return 0


def a_file(size: int) -> list[Attachment]:
    return [Attachment(filename="a", content=b"x" * size)]


class Yard:
    """Has room for files of so many bytes, in five copies."""

    def __init__(self, size: int) -> None:
        self.room = AttachmentRoom(5 * size, no_files)
        self.under_way: list[int] = []
        self.most = 0

    async def work(self, size: int) -> None:
        async with self.room.hold(a_file(size)):
            self.under_way.append(size)
            self.most = max(self.most, sum(self.under_way))
            await asyncio.sleep(0.001)
            self.under_way.remove(size)


def test_no_more_than_its_size_is_under_way_at_once() -> None:
    yard = Yard(100)

    async def scenario() -> None:
        await asyncio.gather(*(yard.work(size) for size in (30, 60, 40, 100, 1, 1, 50, 50, 99)))

    asyncio.run(scenario())
    assert 60 <= yard.most <= 100


def test_what_is_larger_than_the_room_goes_alone() -> None:
    yard = Yard(100)

    async def scenario() -> None:
        await asyncio.gather(*(yard.work(size) for size in (1000, 1, 1000)))

    asyncio.run(scenario())
    assert yard.most == 1000


def test_who_is_cancelled_while_waiting_holds_nobody_up() -> None:
    yard = Yard(100)

    async def scenario() -> None:
        async with yard.room.hold(a_file(60)):
            large = asyncio.create_task(yard.work(100))
            small = asyncio.create_task(yard.work(40))
            await asyncio.sleep(0)
            large.cancel()
            async with asyncio.timeout(1):
                await small
        async with asyncio.timeout(1):
            await yard.work(100)

    asyncio.run(scenario())


def test_who_is_cancelled_just_as_its_turn_comes_gives_the_turn_back() -> None:
    yard = Yard(100)

    async def scenario() -> None:
        holding = yard.room.hold(a_file(100))
        await holding.__aenter__()
        waiting = asyncio.create_task(yard.work(100))
        await asyncio.sleep(0)
        await holding.__aexit__(None, None, None)
        waiting.cancel()
        await asyncio.wait([waiting])
        async with asyncio.timeout(1):
            await yard.work(100)

    asyncio.run(scenario())


def test_field_1_3_files_named_by_path_count_with_their_bytes() -> None:
    async def size_of(paths: Sequence[str]) -> int:
        return 20 * len(paths)

    room = AttachmentRoom(500, size_of)  # 100 bytes, in five copies
    under_way = most = 0

    async def send(files: Sequence[Attachment]) -> None:
        nonlocal under_way, most
        async with room.hold(files):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1

    async def scenario(files: Sequence[Attachment]) -> int:
        nonlocal most
        most = 0
        await asyncio.gather(*(send(files) for _ in range(12)))
        return most

    by_path = Attachment(filename="a", path="a")
    inside = Attachment(filename="b", content=b"x" * 30)
    assert asyncio.run(scenario([by_path])) == 5
    assert asyncio.run(scenario([by_path, inside])) == 2
    assert asyncio.run(scenario([inside])) == 3
