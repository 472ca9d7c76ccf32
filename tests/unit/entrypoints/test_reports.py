"""What a process reports reaches its parent, over a pair of sockets as between the two."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from entrypoints.settings import SettingsInvalid
from entrypoints.watching.reports import Report, reporting, reports

READY = Report()
UNREADY = Report(causes={"email": "421 \ud83d"}, standstill="nothing is settled", metrics=[["x"]])


def run(body: Callable[[socket.socket, int], Awaitable[None]]) -> None:
    """`body` gets the parent's end, and the number of the other."""

    async def main() -> None:
        async with asyncio.timeout(30):
            ours, its = socket.socketpair()
            await body(ours, its.detach())

    asyncio.run(main())


def test_every_report_arrives_as_it_was_made_and_so_does_the_last() -> None:
    made = [READY, UNREADY]

    async def body(ours: socket.socket, its: int) -> None:
        taken: list[Report] = []
        listening = asyncio.create_task(reports(ours, taken.append))
        async with reporting(its, lambda: made[0], pytest.fail, every=0.01):
            while not taken:
                await asyncio.sleep(0)
            made[0] = made[1]
        await listening

        assert taken[0] == READY
        assert taken[-1] == UNREADY

    run(body)


def test_a_report_that_was_cut_off_is_dropped() -> None:
    async def body(ours: socket.socket, its: int) -> None:
        taken: list[Report] = []
        listening = asyncio.create_task(reports(ours, taken.append))
        os.write(its, UNREADY.line() + UNREADY.line()[:-3])
        os.close(its)
        await listening

        assert taken == [UNREADY]

    run(body)


def test_a_parent_that_does_not_read_holds_nothing_up_and_gets_fewer_reports() -> None:
    made = 0
    large = Report(causes={"email": "x" * 2**20})

    def make() -> Report:
        nonlocal made
        made += 1
        return large

    async def body(ours: socket.socket, its: int) -> None:
        taken: list[Report] = []
        async with reporting(its, make, pytest.fail, every=0.01):
            await asyncio.sleep(0.3)
            assert made < 5
            listening = asyncio.create_task(reports(ours, taken.append))
        await listening

        assert taken
        assert all(report == large for report in taken)

    run(body)


def test_the_end_of_the_parent_is_noticed() -> None:
    async def body(ours: socket.socket, its: int) -> None:
        ended = asyncio.Event()
        async with reporting(its, Report, ended.set, every=0.01):
            ours.close()
            await ended.wait()

    run(body)


def test_a_number_that_leads_nowhere_is_refused_in_words() -> None:
    async def main() -> None:
        async with reporting(987, Report, pytest.fail, every=0.01):
            pass

    with pytest.raises(SettingsInvalid) as caught:
        asyncio.run(main())

    assert "--reports-to" in str(caught.value)


def test_what_cannot_be_read_is_passed_over_and_the_process_works_on() -> None:
    async def body(ours: socket.socket, its: int) -> None:
        taken: list[Report] = []
        listening = asyncio.create_task(reports(ours, taken.append, longest=1000))
        unreadable = (b"nonsense\n", b"[]\n", b'{"causes": {}}\n', b"x" * 5000 + b"\n")
        for line in (*unreadable, UNREADY.line()):
            os.write(its, line)
            await asyncio.sleep(0.01)
        os.close(its)
        await listening

        assert taken == [UNREADY]

    with capture_logs() as logs:
        run(body)

    assert [line["event"] for line in logs] == ["a report of a worker process cannot be read"]
