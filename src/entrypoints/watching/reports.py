"""What each process of `--processes` reports to its parent, a line of JSON for each report."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import click
import structlog

from domain.value_object import value_object
from entrypoints.settings import SettingsInvalid
from entrypoints.watching.periodic import repeated

log = structlog.get_logger()

EVERY = 1.0
"""Seconds between two reports: a process that is killed takes the counts of so long with it."""

LONGEST = 64 * 2**20
"""Bytes of a report. A worker with a hundred templates has some 50,000."""

_PATIENCE = 5.0  # seconds for the last report


@value_object(kw_only=True)
class Report:
    """What is true of a process now. `causes`: why it is not ready, by name. `standstill`: why only
    a restart can help, empty while that is not so. `metrics`: see `totals.Families`. `faults`: for
    what faults it ends, a line for each."""

    causes: Mapping[str, str] = field(default_factory=dict)
    standstill: str = ""
    metrics: list[Any] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def line(self) -> bytes:
        """The report as it is sent."""
        return json.dumps(asdict(self)).encode("ascii") + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> "Report":
        """Read a line. Raises ValueError, KeyError or TypeError for another line."""
        found = json.loads(line)
        known = {name: found[name] for name in ("causes", "standstill", "metrics")}
        return cls(**known, faults=found.get("faults", []))


@dataclass(slots=True)
class SharedFaults:
    """Prints why processes end: once for all that find the same, and again when one of them finds
    it again."""

    _finders: dict[str, set[int]] = field(default_factory=dict, init=False)

    def say(self, number: int, faults: Sequence[str]) -> None:
        """Print what the process of this number has found."""
        for fault in faults:
            finders = self._finders.setdefault(fault, set())
            if not finders or number in finders:
                finders.clear()
                with suppress(OSError):  # whoever started us may have closed stderr
                    click.echo(fault, err=True)
            finders.add(number)


def second_handle(to: int) -> int | None:
    """Another number for the same file, which stays when `reporting` closes the first; None where
    there is no such file."""
    try:
        return os.dup(to)
    except OSError:
        return None


def report_faults(to: int, faults: list[str]) -> bool:
    """Report why this process ends, as its last report; whether the parent got it. The parent
    prints what several of its processes find once."""
    try:
        with socket.socket(fileno=to) as sock:
            sock.settimeout(_PATIENCE)
            sock.sendall(Report(faults=faults).line())
    except OSError:
        return False
    return True


@asynccontextmanager
async def reporting(
    to: int,
    make: Callable[[], Report],
    parent_ended: Callable[[], object],
    *,
    every: float = EVERY,
) -> AsyncIterator[None]:
    """Report while this is entered, and once more at the end. `to`: the number of the file that
    leads to the parent. A parent that reads slowly gets fewer reports, and nothing waits for it.
    `parent_ended` is called when it has gone. Raises SettingsInvalid for a number that leads
    nowhere."""
    try:
        sock = socket.socket(fileno=to)
    except OSError:
        raise SettingsInvalid(
            ["--reports-to: is for what --processes starts; leave it out"]
        ) from None
    reader, writer = await asyncio.open_unix_connection(sock=sock)

    async def watch() -> None:
        with suppress(OSError):
            await reader.read()  # the parent sends nothing
        parent_ended()

    watching = asyncio.create_task(watch())

    def report(*, is_last: bool = False) -> None:
        is_read = writer.transport.get_write_buffer_size() == 0
        if not watching.done() and (is_read or is_last):
            writer.write(make().line())

    try:
        fault, last = "reporting to the parent process failed", partial(report, is_last=True)
        async with repeated(report, every, fault=fault, at_end=last, patience=_PATIENCE):
            yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is left."""
    writer.close()
    try:
        async with asyncio.timeout(_PATIENCE):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


async def reports(
    sock: socket.socket, take: Callable[[Report], object], *, longest: int = LONGEST
) -> None:
    """Take the reports that come, until the process has ended. The beginning of one that was killed
    while it reported is dropped. So is what cannot be read, as from a newer version that was
    installed meanwhile: the process works on, and counts as one that does not report."""
    reader, writer = await asyncio.open_unix_connection(sock=sock, limit=longest)
    is_readable = True
    try:
        while line := await _line_of(reader):
            try:
                report = Report.parse(line)
            except (ValueError, KeyError, TypeError) as error:
                if is_readable:
                    log.error("a report of a worker process cannot be read", error=repr(error))  # noqa: TRY400
                is_readable = False
            else:
                is_readable = True
                take(report)
    except OSError:
        return  # as at its end
    finally:
        writer.close()


async def _line_of(reader: asyncio.StreamReader) -> bytes:
    """The next line; empty at the end. One that is too long has something else in its place."""
    try:
        line = await reader.readline()
    except ValueError:
        return b"?"
    return line if line.endswith(b"\n") else b""
