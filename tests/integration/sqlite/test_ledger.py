"""The ledger's file among real processes, some of which are killed or stopped."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.sqlite.ledger import SqliteLedger
from domain.delivery import Delivery
from domain.ledger import Start
from tests.contracts.ledger_harness import (
    ANN,
    BUSY,
    CLEAR,
    ID,
    IN_DOUBT,
    NO_ID,
    POISON,
    SENT,
    again,
    changed,
    deliver,
)
from tests.support.ledger_process import LedgerProcess, race

LEASE = 0.6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ledger.db"


@pytest.fixture
def worker(path: Path) -> Iterator[LedgerProcess]:
    process = LedgerProcess(path, lease=LEASE)
    yield process
    process.kill()


async def settled(path: Path, delivery: Delivery) -> Start:
    """The answer once it is not BUSY any more."""
    ledger = SqliteLedger(path, SystemClock(), lease=timedelta(seconds=LEASE))
    async with asyncio.timeout(20):
        while BUSY in (start := await ledger.start(delivery)).states.values():
            await asyncio.sleep(0.1)
    await ledger.finish(start.claim, [])
    await ledger.close()
    return start


@pytest.mark.parametrize(("kind", "delivery"), [("id", ID), ("equal", NO_ID)])
@pytest.mark.parametrize(
    ("steps", "known"),
    [([], CLEAR), (["sending"], IN_DOUBT), (["sending", "finish"], SENT)],
)
def test_what_a_killed_process_left_is_known_once_its_lease_has_run_out(
    path: Path, worker: LedgerProcess, kind: str, delivery: Delivery, steps: list[str], known: str
) -> None:
    assert worker.do(f"start {kind} s-1 0") == "clear"
    for step in steps:
        assert worker.do(step) == step
    worker.kill()

    async def scenario() -> Start:
        if kind == "equal":  # a session of a process that is not known to be dead goes on
            await asyncio.sleep(LEASE * 1.5)
        return await settled(path, again(delivery))

    start = asyncio.run(scenario())

    assert start.states == {ANN: known}
    assert start.is_recovered == (known is not SENT)


def test_a_process_that_lives_keeps_what_it_has_in_hand_beyond_its_lease(
    path: Path, worker: LedgerProcess
) -> None:
    worker.do("start id s-1 0")

    time.sleep(LEASE * 3)

    async def scenario() -> Start:
        ledger = SqliteLedger(path, SystemClock())
        start = await ledger.start(again(ID))
        await ledger.close()
        return start

    assert asyncio.run(scenario()).states == {ANN: BUSY}
    assert worker.do("sending") == "sending"


def test_a_process_that_was_stopped_too_long_sends_nothing_when_it_goes_on(
    path: Path, worker: LedgerProcess
) -> None:
    worker.do("start id s-1 0")
    worker.send_signal(signal.SIGSTOP)

    start = asyncio.run(settled(path, again(ID)))
    worker.send_signal(signal.SIGCONT)

    assert start.states == {ANN: CLEAR}
    assert worker.do("sending") == "ClaimLost"


def test_a_process_that_was_stopped_but_is_not_missed_goes_on(
    path: Path, worker: LedgerProcess
) -> None:
    worker.do("start id s-1 0")
    worker.send_signal(signal.SIGSTOP)
    time.sleep(LEASE * 2)
    worker.send_signal(signal.SIGCONT)

    assert worker.do("sending") == "sending"


def test_what_kills_every_process_is_poison_at_the_fourth_appearance(path: Path) -> None:
    found = []
    for delivery in range(4):
        worker = LedgerProcess(path, lease=0.1)
        found.append(worker.do(f"start id s-{delivery} {int(delivery > 0)}"))
        worker.kill()
        time.sleep(0.15)

    assert found == ["clear", "clear recovered", "clear recovered", POISON]


def test_of_processes_at_the_same_key_exactly_one_may_send(path: Path) -> None:
    outputs = race(path, processes=3, keys=40)

    lines = Counter(line for output in outputs for line in output)
    for key in (f"order-{n}" for n in range(40)):
        assert lines[f"{key} clear"] == 1
        assert lines[f"{key} sent"] == 2
    assert lines.keys() & {f"order-{n} busy" for n in range(40)}


def test_a_ledger_on_sqlite_loads_no_other_store_and_little_else() -> None:
    source = """
import sys, adapters.sqlite.ledger
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}

    done = subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=True
    )

    assert not {"redis", "pika", "jinja2", "structlog"} & set(done.stdout.split())


async def grown(path: Path, start_all: Callable[[SqliteLedger, int], Awaitable[object]]) -> int:
    """How many bytes the transactions add that store ten deliveries."""
    ledger = SqliteLedger(path, SystemClock())
    await deliver(ledger, ID)
    log = path.with_name(f"{path.name}-wal")
    before = log.stat().st_size
    await start_all(ledger, 10)
    after = log.stat().st_size
    await ledger.close()
    return after - before


async def each_after_the_other(ledger: SqliteLedger, count: int) -> None:
    for number in range(count):
        await ledger.start(changed(NO_ID, key=str(number)))


async def two_a_turn(ledger: SqliteLedger, count: int) -> None:
    async def start(number: int) -> None:
        for _ in range(number // 2):
            await asyncio.sleep(0)
        await ledger.start(changed(NO_ID, key=str(number)))

    await asyncio.gather(*(start(number) for number in range(count)))


async def at_once(ledger: SqliteLedger, count: int) -> None:
    await asyncio.gather(*(ledger.start(changed(NO_ID, key=str(n))) for n in range(count)))


@pytest.mark.parametrize("start_all", [at_once, two_a_turn])
def test_what_is_asked_for_in_a_few_turns_of_the_loop_is_one_transaction(
    path: Path, start_all: Callable[[SqliteLedger, int], Awaitable[object]]
) -> None:
    together = asyncio.run(grown(path.with_name("together.db"), start_all))
    apart = asyncio.run(grown(path.with_name("apart.db"), each_after_the_other))

    assert 0 < together * 8 < apart


def test_a_transaction_does_not_wait_for_turns_in_which_nothing_is_asked(path: Path) -> None:
    async def turns() -> int:
        ledger, count = SqliteLedger(path, SystemClock()), 0
        await deliver(ledger, ID)
        asked = asyncio.ensure_future(ledger.start(NO_ID))
        while not asked.done():
            await asyncio.sleep(0)
            count += 1
        await ledger.close()
        return count

    assert asyncio.run(turns()) <= 5


def test_those_whose_mails_are_about_to_leave_are_answered_first(path: Path) -> None:
    async def answered() -> list[str]:
        ledger, order = SqliteLedger(path, SystemClock()), list[str]()
        done, leaving = [await ledger.start(changed(ID, key=key)) for key in ("done", "leaving")]
        [address] = leaving.states

        async def asked(name: str, answer: Awaitable[object]) -> None:
            await answer
            order.append(name)

        await asyncio.gather(
            asked("finish", ledger.finish(done.claim, [address])),
            asked("start", ledger.start(NO_ID)),
            asked("sending", ledger.sending(leaving.claim, [address])),
        )
        await ledger.close()
        return order

    assert asyncio.run(answered()) == ["sending", "finish", "start"]
