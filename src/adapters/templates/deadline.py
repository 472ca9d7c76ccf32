"""Bounds on one rendering: processor time and memory, taken back whatever happens."""

import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TypeVar

_PAGE = resource.getpagesize()
_STATM = Path("/proc/self/statm")

_T = TypeVar("_T")


class DeadlineExceeded(BaseException):
    """The work took too long. Not an Exception, so that nothing on the way down swallows it."""


def within_limits(work: Callable[[], _T], *, seconds: float, memory: int) -> _T:
    """Run `work`; end it after `seconds` of processor time (0: never) or `memory` bytes of growth.

    A signal ends even a loop that prints nothing. Processor time, not wall time: a rendering
    waits for nothing, so on a busy or suspended machine only its own work counts. Raises
    DeadlineExceeded, or MemoryError where the kernel bounds memory (Linux). Signals reach the main
    thread only: in any other thread `work` runs unbounded.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    armed = True

    def expire(_signal: int, _frame: FrameType | None) -> None:
        if armed:
            raise DeadlineExceeded

    previous = signal.signal(signal.SIGPROF, expire)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    try:
        try:
            _limit_memory(memory, soft, hard)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            return work()
        finally:
            armed = False  # a signal that comes from here on must not break the cleaning up
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _limit_memory(growth: int, soft: int, hard: int) -> None:
    try:
        with _STATM.open("rb", buffering=0) as statm:
            in_use = int(statm.read().split()[0]) * _PAGE
    except FileNotFoundError:
        return
    unbounded = resource.RLIM_INFINITY
    limit = min(bound for bound in (in_use + growth, soft, hard) if bound != unbounded)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
