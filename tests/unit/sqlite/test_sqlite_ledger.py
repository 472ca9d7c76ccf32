"""Leases, clocks and retention of the ledger's file."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.contracts.ledger_harness import (
    ANN,
    BUSY,
    CLEAR,
    ID,
    NO_ID,
    SENT,
    again,
    changed,
    deliver,
    die,
    state_of,
)
from tests.fakes import eventually
from tests.support.ledger_machine import Machine

HOUR = timedelta(hours=1)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home" / "ledger.db")


def test_a_lease_lasts_as_long_as_it_says(machine: Machine) -> None:
    async def scenario() -> None:
        await machine.process().start(ID)
        other = machine.process()

        machine.uptime += 29.9
        assert await state_of(other, ID) is BUSY
        machine.uptime += 0.1
        assert await state_of(other, ID) is CLEAR

    machine.run(scenario)


def test_every_call_renews_the_lease_where_it_is_due(machine: Machine) -> None:
    async def scenario() -> None:
        ledger, other = machine.process(), machine.process()
        await ledger.start(ID)
        for _ in range(4):
            machine.uptime += 29
            await ledger.session_ended("s-0")

        machine.uptime += 29
        assert await state_of(other, ID) is BUSY

    machine.run(scenario)


def test_a_process_of_another_boot_is_dead(machine: Machine) -> None:
    async def scenario() -> None:
        await machine.process().start(ID)
        machine.boot = "boot-2"

        assert await state_of(machine.process(), ID) is CLEAR

    machine.run(scenario)


def test_an_uptime_before_the_lease_began_is_another_boot_too(machine: Machine) -> None:
    async def scenario() -> None:
        machine.boot = ""  # a system that does not tell
        await machine.process().start(ID)
        machine.uptime = 5.0

        assert await state_of(machine.process(), ID) is CLEAR

    machine.run(scenario)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_wall_clock_that_jumps_changes_nothing(machine: Machine, jump: timedelta) -> None:
    async def scenario() -> None:
        first, other = machine.process(), machine.process()
        await deliver(first, NO_ID)
        start = await first.start(ID)
        await deliver(first, changed(ID, key="order-2"))

        machine.wall.time += jump

        assert await state_of(other, ID) is BUSY
        assert await state_of(other, changed(ID, key="order-2")) is SENT
        await first.sending(start.claim, [ANN])
        await first.finish(start.claim, [ANN])
        assert await state_of(other, ID) is SENT
        await first.session_ended(NO_ID.session)
        assert await state_of(other, again(NO_ID)) is SENT

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

        assert await state_of(ledger, changed(ID, key="in hand")) is BUSY
        assert await state_of(ledger, ID) is SENT
        assert await state_of(ledger, changed(ID, key="old-0")) is CLEAR

    machine.run(scenario)
