"""The bounds on a piece of work, processor time and memory, which are taken back whatever
happens."""

import os
import resource
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import FrameType
from typing import TypeVar

from adapters.templates.environment import DeadlineExceeded

_PAGE = resource.getpagesize()
STATM = "/proc/self/statm"
"""What is in use. Where it is missing, the work's memory has no bound."""

_T = TypeVar("_T")


class _Alarm:
    """The handler of SIGPROF. Once set it stays, since exchanging it for every mail costs as much
    as a short rendering; unless armed it does nothing."""

    is_set = False
    is_armed = False
    memory = resource.RLIM_INFINITY  # what the process may have when nothing is bounded

    def ring(self, _signal: int, _frame: FrameType | None) -> None:
        """End the work that is bounded now."""
        if self.is_armed:
            raise DeadlineExceeded


_alarm = _Alarm()


def within_limits(
    work: Callable[[], _T], *, seconds: float, memory: int | None, statm: str = STATM
) -> _T:
    """Run `work`; end it after `seconds` of processor time (0: never) or `memory` bytes of growth
    (None: any).

    A signal ends even a loop that prints nothing. Processor time, not wall time: a rendering
    waits for nothing, so on a busy or suspended machine only its own work counts. Raises
    DeadlineExceeded, or MemoryError where the kernel bounds memory (Linux). Signals reach the main
    thread only: in any other thread `work` runs unbounded.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    if not _alarm.is_set:
        signal.signal(signal.SIGPROF, _alarm.ring)
        _alarm.is_set = True
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    _alarm.memory = soft
    try:
        try:
            with suppress(FileNotFoundError):
                if memory is not None:
                    used = int(os.pread(_opened(statm), 32, 0).split(maxsplit=1)[0]) * _PAGE
                    # A limit that is set already is at most the hard one.
                    limit = used + memory
                    limit = limit if soft == resource.RLIM_INFINITY else min(limit, soft)
                    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
            _alarm.is_armed = True
            # Again and again: Python drops what is raised while an object's `__del__` runs.
            signal.setitimer(signal.ITIMER_PROF, seconds, seconds)
            return work()
        finally:
            _alarm.is_armed = False  # what rings from here on must not break the cleaning up
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def with_free_memory(work: Callable[[], _T]) -> _T:
    """Run a part of bounded work without the bound on memory, since a library in Rust ends the
    process where it gets none. The work must be small by itself."""
    if not _alarm.is_armed or threading.current_thread() is not threading.main_thread():
        return work()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_alarm.memory, hard))
    try:
        return work()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@cache
def _opened(path: str) -> int:
    """Open for good: to open it for every rendering takes six times as long as to read it."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
