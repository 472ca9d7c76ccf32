"""Bounds on one rendering: processor time and memory, taken back whatever happens."""

import os
import resource
import signal
import threading
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import TypeVar

_PAGE = resource.getpagesize()
_STATM = "/proc/self/statm"

_T = TypeVar("_T")


class DeadlineExceeded(BaseException):
    """The work took too long. Not an Exception, so that nothing on the way down swallows it."""


class _Alarm:
    """The handler of SIGPROF. Once set it stays, since exchanging it for every mail costs as much
    as a short rendering; unless armed it does nothing."""

    is_set = False
    is_armed = False

    def ring(self, _signal: int, _frame: FrameType | None) -> None:
        """End the work that is bounded now."""
        if self.is_armed:
            raise DeadlineExceeded


_alarm = _Alarm()


def within_limits(work: Callable[[], _T], *, seconds: float, memory: int) -> _T:
    """Run `work`; end it after `seconds` of processor time (0: never) or `memory` bytes of growth.

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
    try:
        try:
            _limit_memory(memory, soft, hard)
            _alarm.is_armed = True
            signal.setitimer(signal.ITIMER_PROF, seconds)
            return work()
        finally:
            _alarm.is_armed = False  # what rings from here on must not break the cleaning up
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _limit_memory(growth: int, soft: int, hard: int) -> None:
    try:
        in_use = int(os.pread(_statm(), 32, 0).split(maxsplit=1)[0]) * _PAGE
    except FileNotFoundError:
        return
    limit = in_use + growth
    if soft != resource.RLIM_INFINITY:  # it is at most the hard one
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


@cache
def _statm() -> int:
    """Open for good: to open it for every rendering takes six times as long as to read it."""
    return os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)
