"""How long many mails take with a log that can be written, and with one that cannot."""

import asyncio
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from tests.support.orders import an_order, shop_settings
from tests.support.worker import clean_environment

MAILS = 10_000
_PATIENCE = 900.0
# Files in memory, so that the disk is not what is measured.
_MEMORY = "/dev/shm"


@contextmanager
def _opened(name: str) -> Iterator[int]:
    reading = -1
    if name == "full disk":
        writing = os.open("/dev/full", os.O_WRONLY)
    elif name == "usual":
        writing = os.open(os.devnull, os.O_WRONLY)
    else:
        reading, writing = os.pipe()
        if name == "closed pipe":
            os.close(reading)
            reading = -1
        else:
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    try:
        yield writing
    finally:
        os.close(writing)
        if reading >= 0:
            os.close(reading)


def seconds_by_stderr(mails: int = MAILS) -> dict[str, float | None]:
    """Seconds until the last is sent, by what stderr is; None where not all are sent and settled.
    The median of three runs each, in turns and in either order. What the process waits for its last
    log lines as it ends, up to a third of a second, is no part of the rate."""
    names = ("usual", "closed pipe", "full disk", "unread pipe")
    measured: dict[str, list[float | None]] = {name: [] for name in names}
    for order in (names, names[::-1], names):
        for name in order:
            measured[name].append(_seconds(name, mails))
    return {
        name: None if None in times else median(time for time in times if time is not None)
        for name, times in measured.items()
    }


def _seconds(name: str, mails: int) -> float | None:
    in_memory = _MEMORY if os.path.isdir(_MEMORY) else None
    with (
        tempfile.TemporaryDirectory(prefix="proof-", dir=in_memory) as path,
        _opened(name) as stderr,
    ):
        folder = Path(path)
        queue, box = f"sqlite:///{folder}/queue.db", f"maildir:{folder}/m"
        settings = {**shop_settings(folder, queue, box, "email"), "home": path}
        asyncio.run(_publish(folder, mails))
        began = time.time()
        ended = subprocess.run(
            [sys.executable, "-m", "entrypoints.worker", "--drain"],
            env=clean_environment(**settings),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            timeout=_PATIENCE,
        )
        sent = [mail.stat().st_mtime for mail in (folder / "m" / "new").iterdir()]
        all_done = ended.returncode == 0 and len(sent) == mails and asyncio.run(_is_empty(folder))
        return max(sent) - began if all_done else None


async def _publish(folder: Path, mails: int) -> None:
    queue = SqliteQueue(folder / "queue.db", SystemClock())
    for number in range(mails):
        await queue.publish("email", an_order(number), Properties(), {})
    await queue.close()


async def _is_empty(folder: Path) -> bool:
    queue = SqliteQueue(folder / "queue.db", SystemClock())
    try:
        return await queue.is_empty(["email", "email.dead"])
    finally:
        await queue.close()
