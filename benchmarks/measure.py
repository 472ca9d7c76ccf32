"""One worker process watched from outside while it empties the queue. Linux only: reads /proc."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from benchmarks.peers import Queue, Sink

THOUSANDTH = 1000

_LOOK = 0.01  # seconds
_STALLED = 60.0
_SETTLE = 1.0  # seconds for the last acks, before the worker is told to stop
_END = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")


class RunFailed(Exception):
    """A run that proves nothing: a mail lost or doubled, or a worker that died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One worker's run. From the first mail accepted to the last; processor seconds, user and
    system; memory in MiB, resident: the highest, at the thousandth mail, and at the last."""

    mails_per_second: float
    cpu_per_thousand: float
    peak_memory: float
    memory_at_thousandth: float
    memory_at_last: float


def measure(
    command: Sequence[str], environment: Mapping[str, str], queue: Queue, sink: Sink, mails: int
) -> Run:
    """Start a worker on the filled queue and watch it. Raises RunFailed unless the sink accepted
    exactly `mails` and the queue was left empty, with nothing unacknowledged."""
    before = sink.accepted()
    with TemporaryFile() as errors:
        worker = subprocess.Popen([sys.executable, *command], env=environment, stderr=errors)
        try:
            run = _watch(worker, sink, before, mails)
            time.sleep(_SETTLE)
        except RunFailed as error:
            raise RunFailed(f"{error}\n{_tail(errors)}") from None
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(_END)
    accepted = sink.accepted() - before
    if accepted != mails:
        raise RunFailed(f"{mails} mails were queued, the server accepted {accepted}")
    if left := queue.ready():  # the worker is gone, so what it never acked is ready again
        raise RunFailed(f"{left} messages were never acknowledged")
    return run


def _watch(worker: "subprocess.Popen[bytes]", sink: Sink, before: int, mails: int) -> Run:
    def done() -> int:
        return sink.accepted() - before

    _await(worker, done, 1)
    first, started, cpu = done(), time.monotonic(), _cpu(worker.pid)
    _await(worker, done, min(THOUSANDTH, mails))
    at_thousandth = _memory(worker.pid, "VmRSS")
    _await(worker, done, mails)
    seconds, cpu = time.monotonic() - started, _cpu(worker.pid) - cpu
    measured = mails - first
    return Run(
        mails_per_second=measured / seconds,
        cpu_per_thousand=cpu * 1000 / measured,
        peak_memory=_memory(worker.pid, "VmHWM"),
        memory_at_thousandth=at_thousandth,
        memory_at_last=_memory(worker.pid, "VmRSS"),
    )


def _await(worker: "subprocess.Popen[bytes]", done: Callable[[], int], count: int) -> None:
    seen, since = done(), time.monotonic()
    while seen < count:
        time.sleep(_LOOK)
        if worker.poll() is not None:
            raise RunFailed(f"the worker ended with {worker.returncode} after {seen} mails")
        if (now := done()) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STALLED:
            raise RunFailed(f"nothing has come for {_STALLED:.0f} s, after {seen} mails")


def _cpu(pid: int) -> float:
    """Processor seconds so far; proc(5): utime and stime, fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise RunFailed(f"/proc/{pid}/status has no {name}")


def _tail(errors: IO[bytes]) -> str:
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
    return errors.read().decode(errors="replace")
