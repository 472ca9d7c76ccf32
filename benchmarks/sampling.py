"""The worker with a profiler inside: `python -m benchmarks.sampling` with the worker's options.

From SIGUSR1 on, it notes some hundred times a second where the loop's thread is, and for how much
processor time. At SIGUSR2 it writes that to the file that BENCH_PROFILE names, as JSON.
"""

import gc
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from types import CodeType, FrameType
from typing import Any

from entrypoints.cli import main

_PERIOD = 0.002  # seconds; rendering has the timer of processor time for itself

Stack = tuple[CodeType, ...]


class Sampler:
    """Where the main thread spends its processor time, by stack."""

    def __init__(self) -> None:
        self._stacks: Counter[Stack] = Counter()
        self._seen = 0
        self._collecting = 0
        self._collected = 0
        self._threads: dict[int, float] = {}

    def start(self, *_: Any) -> None:
        """Begin to look."""
        gc.callbacks.append(self._on_collection)
        self._threads = _times()
        self._seen = time.thread_time_ns()
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, _PERIOD, _PERIOD)

    def stop(self, *_: Any) -> None:
        """End, and write down what was seen."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        gc.callbacks.remove(self._on_collection)
        began = self._threads
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        threads = {
            f"{names[ident]} {ident}": seconds - began.get(ident, 0)
            for ident, seconds in _times().items()
            if ident != threading.main_thread().ident
        }
        stacks = [
            ([f"{code.co_filename}:{code.co_qualname}" for code in stack], nanoseconds / 1e9)
            for stack, nanoseconds in self._stacks.items()
        ]
        result = {"stacks": stacks, "threads": threads, "collector": self._collected / 1e9}
        with open(os.environ["BENCH_PROFILE"], "w") as file:
            json.dump(result, file)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        now = time.thread_time_ns()
        stack = []
        while frame is not None:
            if frame.f_code is not Sampler._look.__code__:
                stack.append(frame.f_code)
            frame = frame.f_back
        self._stacks[tuple(stack)] += now - self._seen
        self._seen = time.thread_time_ns()  # our own work counts for nothing

    def _on_collection(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.thread_time_ns()
        else:
            self._collected += time.thread_time_ns() - self._collecting


def _times() -> dict[int, float]:
    """Each thread's processor seconds so far."""
    identities = [thread.ident for thread in threading.enumerate() if thread.ident]
    return {one: time.clock_gettime(time.pthread_getcpuclockid(one)) for one in identities}


if __name__ == "__main__":
    sampler = Sampler()
    signal.signal(signal.SIGUSR1, sampler.start)
    signal.signal(signal.SIGUSR2, sampler.stop)
    main(["worker", *sys.argv[1:]])
