"""What is too long for every run, as one table: each claim, what was measured, whether it holds.

`python -m tests.support.proof [PART...]`; `make proof ONLY=servers` runs one part. Each part is a
command or tests of its own; needs Docker, and Redis for the relay's rate. Exits with 1 where a
claim does not hold.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.support.brokers import start_rabbitmq
from tests.support.containers import RABBITMQ
from tests.support.mail_servers import KINDS, mail_server
from tests.support.proof_stderr import MAILS as LOGGED
from tests.support.proof_stderr import seconds_by_stderr
from tests.support.rabbit import Broker
from tests.support.relay_run import RelayResult, RelayRun

SLOWER = 1.5
"""How much longer a server's default limits may take than the same server without them."""

_RATE = 1.1
"""How much longer all mails may take while the log cannot be written."""

_TESTS = "tests/integration"


@dataclass(frozen=True)
class Row:
    """One claim and what was measured."""

    claim: str
    measured: str
    holds: bool

    def __str__(self) -> str:
        return f"{'yes' if self.holds else 'NO ':<3}  {self.claim:<62}  {self.measured}"


@dataclass(frozen=True)
class Amounts:
    """How much is done: a smaller size is for trying the command itself."""

    minutes: float = 10.0
    seeds: Sequence[int] = (1, 2, 3)
    one_worker: int = 3000
    four_workers: int = 2000


def servers(amounts: Amounts) -> Iterator[Row]:
    """Real mail servers at their default limits, against the same with the limits lifted."""
    with ExitStack() as stack:
        broker = start_rabbitmq(stack, RABBITMQ, "current")
        for kind in sorted(KINDS):
            for workers, mails in ((1, amounts.one_worker), (4, amounts.four_workers)):
                lifted = _send(broker, kind, mails, workers, lifted=True)
                limited = _send(broker, kind, mails, workers, lifted=False)
                ratio = limited.seconds / lifted.seconds
                yield Row(
                    f"{kind}: {mails} mails by {workers} worker(s) at its default limits",
                    f"{limited}; {ratio:.2f} times the {lifted.seconds:.1f} s without limits",
                    limited.all_at_once and ratio <= SLOWER,
                )


def _send(broker: Broker, kind: str, mails: int, workers: int, *, lifted: bool) -> RelayResult:
    with tempfile.TemporaryDirectory(prefix="proof-") as name:
        folder = Path(name)
        (folder / "server").mkdir()
        with mail_server(kind, folder / "server", lifted=lifted) as server:
            queue = f"proof-{uuid4().hex[:8]}"
            run = RelayRun(folder=folder, broker=broker, queue=queue, server=server,
                           mails=mails, workers=workers)  # fmt: skip
            return run.run()


def rate(_: Amounts) -> Iterator[Row]:
    """A relay of 14 mails a second."""
    file = f"{_TESTS}/channels/email/test_relay_pace.py"
    yield _tests("600 mails to a relay of 14/s, one worker", file, "600_mails_at_14")
    yield _tests("600 mails to it, two workers with Redis", file, "two_workers_that_share_redis")


def quota(_: Amounts) -> Iterator[Row]:
    """A quota that is used up while mails wait."""
    yield _tests(
        "a quota refusal met by 60 mails: at most five dead, the rest is sent later",
        f"{_TESTS}/entrypoints/test_worker_about_us.py",
        "a_refusal_that_is_about_us_pauses",
    )


def stderr(_: Amounts) -> Iterator[Row]:
    """A log that cannot be written."""
    times = seconds_by_stderr()
    usual = times.pop("usual")
    for name, seconds in times.items():
        holds = seconds is not None and usual is not None and seconds <= _RATE * usual
        shown = "not all were sent" if seconds is None else f"{seconds:.1f} s, usually {usual:.1f}"
        yield Row(f"{LOGGED} mails with stderr on a {name}", shown, holds)


def chaos(amounts: Amounts) -> Iterator[Row]:
    """Kills, cuts and restarts."""
    for seed in amounts.seeds:
        command = ["tests.support.chaos", str(seed), f"{amounts.minutes:g}"]
        yield _command(f"chaos of {amounts.minutes:g} minutes, seed {seed}, loses nothing", command)


def outage(amounts: Amounts) -> Iterator[Row]:
    """A relay that is away for long."""
    command = ["tests.support.outage", f"{amounts.minutes:g}", "10000"]
    yield _command(f"outage of {amounts.minutes:g} minutes with 10000 mails queued", command)


def cluster(_: Amounts) -> Iterator[Row]:
    """A node and a worker that are killed."""
    command = ["tests.support.cluster_run", "50000"]
    yield _command("50000 mails, three nodes and workers, one of each killed: 0 lost", command)


def recovery(_: Amounts) -> Iterator[Row]:
    """How soon mails flow again."""
    yield _command("recovery of broker, worker and relay, three runs", ["benchmarks.recovery"])


PARTS: dict[str, Callable[[Amounts], Iterator[Row]]] = {
    part.__name__: part for part in (servers, rate, quota, stderr, chaos, outage, cluster, recovery)
}


def _tests(claim: str, files: str, chosen: str) -> Row:
    command = ["pytest", "-q", "-p", "no:randomly", "-rs", files, "-k", chosen]
    row = _command(claim, command)
    # No test, or one that was skipped, proves nothing.
    proves = re.search(r"\b\d+ passed", row.measured) and "skipped" not in row.measured
    return Row(claim, row.measured, row.holds and bool(proves))


def _command(claim: str, module: Sequence[str]) -> Row:
    """Run a module; what it printed last is what was measured."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *module],
        env={**os.environ, "PYTHONPATH": ".:src"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    lines = [line.strip() for line in (done.stdout or done.stderr).splitlines() if line.strip()]
    print("\n".join(lines), flush=True)
    last = lines[-1] if lines else f"ended with {done.returncode}"
    seconds = time.monotonic() - began
    return Row(claim, f"{last} ({seconds:.0f} s)", done.returncode == 0)


def main() -> int:
    """Run the parts that are asked for, all where no part is."""
    parser = argparse.ArgumentParser(description=__doc__, prog="proof")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--minutes", type=float, default=Amounts.minutes)
    parser.add_argument("--mails", type=int, help="by one worker; two thirds of it by four")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    amounts = Amounts(minutes=given.minutes)
    if given.mails:
        amounts = Amounts(given.minutes, one_worker=given.mails, four_workers=given.mails * 2 // 3)
    rows: list[Row] = []
    for name in given.parts or PARTS:
        for row in PARTS[name](amounts):
            print(row, flush=True)
            rows.append(row)
    print("\nholds  claim, and what was measured")
    print("\n".join(f"  {row}" for row in rows))
    return 0 if rows and all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
