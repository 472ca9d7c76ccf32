"""One worker, with its processes, watched from outside. Linux only: reads /proc."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from benchmarks.services import Sink

_LOOK = 0.005  # seconds
_STALLED = 60.0
_SETTLE = 1.0  # seconds for the last acks, before the worker is told to stop
_END = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOP_ROUNDS = 5

Figures = Mapping[str, float]
"""A run's numbers by name: `rate` in mails/s and `cpu` in processor seconds for 1,000 mails, from
the first mail accepted to the last; `start`: seconds from the start to the first mail; `memory`:
the highest resident memory of all its processes in MiB; others where a case has them."""


class RunFailed(Exception):
    """A run that proves nothing: a mail lost or doubled, or a worker that died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How a worker is started."""

    words: Sequence[str]
    environment: dict[str, str]


def fixed_loop() -> float:
    """Milliseconds that a fixed piece of work takes now, the best of a few: the machine's speed."""
    best = float("inf")
    for _ in range(_LOOP_ROUNDS):
        began = time.perf_counter()
        total = 0
        for number in range(400_000):
            total += number & 7
        best = min(best, time.perf_counter() - began)
    return best * 1000


def measure(command: Command, sink: Sink, mails: int, left: Callable[[], int]) -> Figures:
    """Start a worker on a filled queue and watch it. Raises RunFailed unless the sink accepted
    exactly `mails` and, once the worker is gone, nothing is `left` in the queue."""
    before = sink.accepted()
    with TemporaryFile() as log:
        worker = Watched(command, log)
        try:
            figures = _watch(worker, lambda: sink.accepted() - before, mails)
            time.sleep(_SETTLE)
        except RunFailed as error:
            raise RunFailed(f"{error}\n{_tail(log)}") from None
        finally:
            worker.stop()
    accepted = sink.accepted() - before
    if accepted != mails:
        raise RunFailed(f"{mails} mails were queued, the server accepted {accepted}")
    if remaining := left():  # the worker is gone, so what it never acked is ready again
        raise RunFailed(f"{remaining} messages were never acknowledged")
    return figures


def _watch(worker: "Watched", done: Callable[[], int], mails: int) -> Figures:
    worker.wait_for(done, 1)
    first, started, cpu = done(), time.monotonic(), worker.cpu()
    worker.wait_for(done, mails)
    seconds, cpu = time.monotonic() - started, worker.cpu() - cpu
    measured = max(mails - first, 1)
    return {
        "rate": measured / seconds,
        "cpu": cpu * 1000 / measured,
        "start": started - worker.started,
        "memory": worker.memory("VmHWM"),
        "memory at the end": worker.memory("VmRSS"),
    }


class Watched:
    """A running worker and the processes that it started."""

    def __init__(self, command: Command, log: IO[bytes]) -> None:
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            command.words,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    @property
    def pid(self) -> int:
        """The first process's."""
        return self._process.pid

    def cpu(self) -> float:
        """Processor seconds so far; proc(5): utime and stime, fields 14 and 15."""
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def memory(self, name: str) -> float:
        """The sum of all its processes in MiB: VmRSS now, VmHWM the highest so far."""
        return sum(_memory(pid, name) for pid in self._pids())

    def wait_for(self, done: Callable[[], int], count: int, look: float = _LOOK) -> None:
        """Wait until `done` has reached a count. Raises RunFailed if it no longer grows."""
        seen, since = done(), time.monotonic()
        while seen < count:
            time.sleep(look)
            if (code := self._process.poll()) is not None:
                raise RunFailed(f"the worker ended with {code} after {seen} mails")
            if (now := done()) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > _STALLED:
                raise RunFailed(f"nothing has come for {_STALLED:.0f} s, after {seen} mails")

    def stop(self) -> None:
        """End it as an operator does."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _pids(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended meanwhile
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(stat.parent.name))
        found = [self.pid]
        for pid in found:  # it grows while it is walked
            found += children.get(pid, [])
        return found


def _memory(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise RunFailed(f"/proc/{pid}/status has no {name}")


def _tail(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
    return log.read().decode(errors="replace")
