"""What a ledger makes of its file's faults."""

import asyncio
import resource
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from adapters.sqlite.ledger import SqliteLedger
from domain.delivery import Delivery
from domain.ledger import LedgerUnavailable
from tests.contracts.ledger_harness import (
    ANN,
    BUSY,
    CLEAR,
    ID,
    NO_ID,
    SENT,
    changed,
    deliver,
    state_of,
)
from tests.support.ledger_machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home" / "ledger.db")


def test_a_locked_file_is_unavailable_soon_and_blocks_nothing_meanwhile(machine: Machine) -> None:
    async def scenario() -> None:
        ledger = machine.process()
        start = await ledger.start(ID)
        with closing(sqlite3.connect(machine.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began, longest = time.monotonic(), 0.0
            refused = asyncio.gather(
                ledger.sending(start.claim, [ANN]), ledger.start(NO_ID), return_exceptions=True
            )
            while not refused.done():
                before = time.monotonic()
                await asyncio.sleep(0)
                longest = max(longest, time.monotonic() - before)
            answers = await refused

            took = time.monotonic() - began
            assert took < 10
            assert longest < took / 2  # a call that blocked would last as long as all of it
            assert [type(answer) for answer in answers] == [LedgerUnavailable] * 2
            assert f"ledger {machine.path}: another program" in str(answers[0])
            other.execute("COMMIT")
        await ledger.sending(start.claim, [ANN])
        assert await state_of(ledger, ID) is BUSY

    machine.run(scenario)


def test_a_full_disk_is_unavailable_and_what_was_known_is_known_afterwards(
    machine: Machine,
) -> None:
    async def scenario() -> None:
        ledger = machine.process()
        await deliver(ledger, ID)
        started: list[Delivery] = []
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
        try:
            with pytest.raises(LedgerUnavailable, match="check the disk"):
                await fill(ledger, started)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        *stored, refused = started
        assert stored
        assert await state_of(ledger, ID) is SENT
        assert await state_of(ledger, refused) is CLEAR
        assert [await state_of(ledger, delivery) for delivery in stored] == [BUSY] * len(stored)

    machine.run(scenario)


async def fill(ledger: SqliteLedger, started: list[Delivery]) -> None:
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

        assert await state_of(ledger, ID) is CLEAR

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

        assert await state_of(ledger, changed(ID, key="order-2")) is CLEAR

    machine.run(scenario)


def test_a_file_that_was_deleted_under_us_is_begun_anew(machine: Machine) -> None:
    async def scenario() -> None:
        ledger, other = machine.process(), machine.process()
        await deliver(ledger, ID)
        for file in machine.path.parent.iterdir():
            file.unlink()

        assert await state_of(ledger, ID) is CLEAR
        assert await state_of(other, ID) is BUSY

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
