"""Leases, clocks, retention and the file's faults, without other processes."""

import asyncio
import resource
import sqlite3
import stat
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sqlite.ledger import SqliteLedger
from domain.ledger import LedgerUnavailable, Sight
from tests.contracts.ledger_harness import (
    ANN,
    BUSY,
    CLEAR,
    ID,
    SENT,
    TWIN,
    again,
    changed,
    deliver,
    die,
    standing,
)
from tests.fakes import FakeClock, eventually

HOUR = timedelta(hours=1)
LEASE = timedelta(seconds=30)


class Machine:
    """One machine's file and clocks; its ledgers are processes that ask for nothing unless told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wall = FakeClock()
        self.uptime = 1000.0
        self.boot = "boot-1"
        self._ledgers: list[SqliteLedger] = []

    def process(self, lease: timedelta = LEASE) -> SqliteLedger:
        self._ledgers.append(
            SqliteLedger(
                self.path,
                self.wall,
                lease=lease,
                patience=0.1,
                monotonic=lambda: self.uptime,
                boot=self.boot,
            )
        )
        return self._ledgers[-1]

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            try:
                await scenario()
            finally:
                for ledger in self._ledgers:
                    await ledger.close()

        asyncio.run(main())

    def rows(self) -> int:
        with closing(sqlite3.connect(self.path)) as file:
            (count,) = file.execute("SELECT count(*) FROM delivery").fetchone()
        return int(count)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home" / "ledger.db")


def test_a_lease_lasts_as_long_as_it_says(machine: Machine) -> None:
    async def scenario() -> None:
        await machine.process().start(ID)
        other = machine.process()

        machine.uptime += 29.9
        assert await standing(other, ID) is BUSY
        machine.uptime += 0.1
        assert await standing(other, ID) is CLEAR

    machine.run(scenario)


def test_every_call_renews_the_lease_where_it_is_due(machine: Machine) -> None:
    async def scenario() -> None:
        ledger, other = machine.process(), machine.process()
        await ledger.start(ID)
        for _ in range(4):
            machine.uptime += 29
            await ledger.session_ended("s-0")

        machine.uptime += 29
        assert await standing(other, ID) is BUSY

    machine.run(scenario)


def test_a_process_of_another_boot_is_dead(machine: Machine) -> None:
    async def scenario() -> None:
        await machine.process().start(ID)
        machine.boot = "boot-2"

        assert await standing(machine.process(), ID) is CLEAR

    machine.run(scenario)


def test_an_uptime_before_the_lease_began_is_another_boot_too(machine: Machine) -> None:
    async def scenario() -> None:
        machine.boot = ""  # a system that does not tell
        await machine.process().start(ID)
        machine.uptime = 5.0

        assert await standing(machine.process(), ID) is CLEAR

    machine.run(scenario)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_wall_clock_that_jumps_changes_nothing(machine: Machine, jump: timedelta) -> None:
    async def scenario() -> None:
        first, other = machine.process(), machine.process()
        await deliver(first, TWIN)
        start = await first.start(ID)
        await deliver(first, changed(ID, key="order-2"))

        machine.wall.time += jump

        assert await standing(other, ID) is BUSY
        assert await standing(other, changed(ID, key="order-2")) is SENT
        await first.sending(start.claim, [ANN])
        await first.finish(start.claim, [ANN])
        assert await standing(other, ID) is SENT
        await first.session_ended(TWIN.session)
        assert await standing(other, again(TWIN)) is SENT

    machine.run(scenario)


def test_what_is_older_than_the_retention_is_forgotten_unless_somebody_has_it_in_hand(
    machine: Machine,
) -> None:
    async def scenario() -> None:
        ledger = machine.process(lease=timedelta(seconds=0.03))
        for n in range(500):
            await deliver(ledger, changed(ID, key=f"old-{n}"))
        await die(machine.process(), changed(ID, key="left by the dead"))
        await ledger.start(changed(ID, key="in hand"))
        machine.wall.time += timedelta(days=13)
        await deliver(ledger, ID)

        machine.wall.time += timedelta(days=1, seconds=1)
        await eventually(lambda: machine.rows() == 2)

        assert await standing(ledger, changed(ID, key="in hand")) is BUSY
        assert await standing(ledger, ID) is SENT
        assert await standing(ledger, changed(ID, key="old-0")) is CLEAR

    machine.run(scenario)


def test_a_locked_file_is_unavailable_soon_and_blocks_nothing_meanwhile(machine: Machine) -> None:
    async def scenario() -> None:
        ledger = machine.process()
        start = await ledger.start(ID)
        with closing(sqlite3.connect(machine.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began, longest = time.monotonic(), 0.0
            refused = asyncio.gather(
                ledger.sending(start.claim, [ANN]), ledger.start(TWIN), return_exceptions=True
            )
            while not refused.done():
                before = time.monotonic()
                await asyncio.sleep(0)
                longest = max(longest, time.monotonic() - before)
            answers = await refused

            assert time.monotonic() - began < 1
            assert longest < 0.1
            assert [type(answer) for answer in answers] == [LedgerUnavailable] * 2
            assert f"ledger {machine.path}: another program" in str(answers[0])
            other.execute("COMMIT")
        await ledger.sending(start.claim, [ANN])
        assert await standing(ledger, ID) is BUSY

    machine.run(scenario)


def test_a_full_disk_is_unavailable_and_what_was_known_is_known_afterwards(
    machine: Machine,
) -> None:
    async def scenario() -> None:
        ledger = machine.process()
        await deliver(ledger, ID)
        started: list[Sight] = []
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
        try:
            with pytest.raises(LedgerUnavailable, match="check the disk"):
                await fill(ledger, started)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        *stored, refused = started
        assert stored
        assert await standing(ledger, ID) is SENT
        assert await standing(ledger, refused) is CLEAR
        assert [await standing(ledger, sight) for sight in stored] == [BUSY] * len(stored)

    machine.run(scenario)


async def fill(ledger: SqliteLedger, started: list[Sight]) -> None:
    """Start deliveries until the ledger takes no more."""
    while True:
        started.append(changed(ID, key=f"fill-{len(started)}"))
        await ledger.start(started[-1])


def test_a_ledger_that_cannot_be_opened_is_used_once_it_can(machine: Machine) -> None:
    folder = machine.path.parent

    async def scenario() -> None:
        ledger = machine.process()
        folder.write_text("in the way")
        with pytest.raises(LedgerUnavailable, match=f"check the folder {folder}"):
            await ledger.start(ID)
        folder.unlink()

        assert await standing(ledger, ID) is CLEAR

    machine.run(scenario)


def test_any_other_fault_is_told_in_sqlite_s_words_and_changes_nothing(machine: Machine) -> None:
    async def scenario() -> None:
        ledger = machine.process()
        await deliver(ledger, ID)
        refuse = (
            "CREATE TRIGGER shut BEFORE INSERT ON delivery BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        with closing(sqlite3.connect(machine.path)) as file:
            file.execute(refuse)

        with pytest.raises(LedgerUnavailable, match="SQLite says: no"):
            await ledger.start(changed(ID, key="order-2"))
        with closing(sqlite3.connect(machine.path)) as file:
            file.execute("DROP TRIGGER shut")

        assert await standing(ledger, changed(ID, key="order-2")) is CLEAR

    machine.run(scenario)


def test_a_file_that_was_deleted_under_us_is_begun_anew(machine: Machine) -> None:
    async def scenario() -> None:
        ledger, other = machine.process(), machine.process()
        await deliver(ledger, ID)
        for file in machine.path.parent.iterdir():
            file.unlink()

        assert await standing(ledger, ID) is CLEAR
        assert await standing(other, ID) is BUSY

    machine.run(scenario)


def test_nobody_is_named_in_the_file_and_nobody_else_may_read_it(machine: Machine) -> None:
    async def scenario() -> None:
        await deliver(machine.process(), changed(ID, key="Sentinel-k3y"))

        content = b"".join(file.read_bytes() for file in machine.path.parent.iterdir())
        assert content
        assert ANN.encode() not in content
        assert b"Sentinel" not in content
        modes = {stat.S_IMODE(file.stat().st_mode) for file in machine.path.parent.iterdir()}
        assert modes == {0o600}

    machine.run(scenario)
