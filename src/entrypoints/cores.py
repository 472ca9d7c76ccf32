"""How many processes are worth starting here."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

QUOTAS = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
"""Where a container finds how much of the processors it may use: quota and period, in one file or
in two (https://docs.kernel.org/admin-guide/cgroup-v2.html, and version 1)."""


def cores(quotas: Sequence[Sequence[str]] = QUOTAS) -> int:
    """Return the whole cores that this process may use, at least 1: those that it may run on,
    within the limit of its container."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limits = [limit for files in quotas if (limit := _limit(files)) is not None]
    return max(1, min([found or 1, *limits]))


def _limit(files: Sequence[str]) -> int | None:
    """None where there is no limit, or no such file."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = " ".join(Path(file).read_text("ascii") for file in files).split()
        if int(quota) > 0:  # `max`, or -1: no limit
            return int(quota) // int(period)
    return None
