"""Other processes at a SQLite ledger, real ones: stepped through a delivery, stopped or killed."""

import subprocess
import sys
from pathlib import Path

_STEPS = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from adapters.clock import SystemClock
from adapters.sqlite.ledger import SqliteLedger
from tests.contracts.ledger_harness import ANN, ID, NO_ID, changed

async def read_line():
    return (await asyncio.to_thread(sys.stdin.readline)).strip()

async def main(path, lease):
    ledger = SqliteLedger(Path(path), SystemClock(), lease=timedelta(seconds=float(lease)))
    delivery, start = ID, None
    while step := await read_line():
        answer = step
        match step.split():
            case ["start", kind, session, redelivered]:
                delivery = changed(
                    ID if kind == "id" else NO_ID, session=session, redelivered=redelivered == "1"
                )
                start = await ledger.start(delivery)
                answer = start.states[ANN] + (" recovered" if start.is_recovered else "")
            case ["finish"]:
                await ledger.finish(start.claim, [ANN])
            case ["sending"]:
                try:
                    await ledger.sending(start.claim, [ANN])
                except Exception as error:
                    answer = type(error).__name__
        print(answer, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""

_RACE = """
import asyncio, sys
from pathlib import Path
from adapters.clock import SystemClock
from adapters.sqlite.ledger import SqliteLedger
from tests.contracts.ledger_harness import ANN, ID, changed

async def send(ledger, key):
    delivery = changed(ID, key=key)
    while True:
        start = await ledger.start(delivery)
        known = start.states[ANN]
        print(key, known, flush=True)
        if known == "busy":
            await asyncio.sleep(0.1)
            continue
        if known == "clear":
            await ledger.sending(start.claim, [ANN])
            await asyncio.sleep(0.3)
            await ledger.finish(start.claim, [ANN])
        return

async def main(path, count):
    ledger = SqliteLedger(Path(path), SystemClock(), patience=30)
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*(send(ledger, f"order-{n}") for n in range(int(count))))
    await ledger.close()

asyncio.run(main(*sys.argv[1:]))
"""
_PATHS = [str(Path(__file__).parents[2] / name) for name in ("src", ".")]
_PREAMBLE = f"import sys; sys.path[:0] = {_PATHS!r}\n"


class LedgerProcess:
    """A process that takes one step for each line it is told."""

    def __init__(self, path: Path, *, lease: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PREAMBLE + _STEPS, str(path), str(lease)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, step: str) -> str:
        """Take the step; what it came to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(step + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def send_signal(self, number: int) -> None:
        """Stop it, let it go on."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """As kill -9."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


def race(path: Path, *, processes: int, keys: int) -> list[list[str]]:
    """Let several processes send the same deliveries; each line is a key and what start said."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _PREAMBLE + _RACE, str(path), str(keys)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * processes
    return [output.splitlines() for output in outputs]
