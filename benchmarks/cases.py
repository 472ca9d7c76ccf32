"""Every case that is measured, by the table that shows it."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support.certificates import throwaway_certificate

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from benchmarks.contenders import dispatcher, peer, repeated, smtp_source, starts, worker
from benchmarks.measure import Figures, Watched
from benchmarks.message import body
from benchmarks.services import OwnSink, Sink

OURS = "Dispatcher"
HANDWRITTEN = "hand-written worker (a)"
DRAMATIQ = "Dramatiq, 2 processes (c)"
PEERS = {
    "handwritten": HANDWRITTEN,
    "celery": "Celery, 2 processes (b)",
    "dramatiq": DRAMATIQ,
    "faststream": "FastStream (d)",
}
SOURCE = "smtp-source (e)"
TEN, FIFTY = f"{OURS}, 10 connections", f"{OURS}, 50 connections"
ONE_PROCESS, TWO_PROCESSES = "1 process", "2 processes"
IDLE = "idle"

DELAY = 0.01  # seconds, of the slow mail server
_EMBEDDED_MAILS = 3_000
_LOOK = 0.02  # seconds: each look lists the mailbox
_AT_ONCE = 100
_LEAST = 100  # mails of a run, however few are asked for

Run = Callable[[], Figures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of one table."""

    table: str
    name: str
    run: Run


class Cases:
    """All cases on one broker, and the mail servers they need. `mails`: of a plain run; others have
    more or fewer, so that each takes some seconds."""

    def __init__(self, url: str, mails: int, stack: ExitStack) -> None:
        self._url = url
        self._mails = mails
        self._sink = stack.enter_context(Sink())
        self._slow = stack.enter_context(OwnSink("--delay", str(DELAY)))
        self._stack = stack

    def __iter__(self) -> Iterator[Case]:
        tables: dict[str, dict[str, Run]] = {
            "peers": self._peers(),
            "slow server": self._slow_server(),
            "processes": self._processes(),
            "queue length": self._queue_lengths(),
            "message size": self._sizes(),
            "recipients": self._recipients(),
            "encryption": self._encryption(),
            "memory": {IDLE: self._idle},
            "start": {"one message waits": partial(repeated, 3, self._start)},
            "embedded": {f"{_EMBEDDED_MAILS:,} mails": self._embedded},
        }
        for table, runs in tables.items():
            yield from (Case(table=table, name=name, run=run) for name, run in runs.items())

    def _share(self, divisor: int) -> int:
        return max(_LEAST, self._mails // divisor)

    def _ours(
        self, mails: int, *, sink: Sink | None = None, processes: int = 1, **settings: str
    ) -> Run:
        where = sink or self._sink

        def run() -> Figures:
            messages = map(body, range(mails))
            return dispatcher(self._url, where, messages, mails, processes=processes, **settings)

        return run

    def _others(self, sink: Sink, mails: int) -> dict[str, Run]:
        return {PEERS[name]: partial(peer, name, self._url, sink, mails) for name in PEERS}

    def _peers(self) -> dict[str, Run]:
        """What a target compares runs one right after the other. Ours gets more mails, since its
        run would be over in a moment."""
        others = self._others(self._sink, self._mails)
        return {
            HANDWRITTEN: others.pop(HANDWRITTEN),
            OURS: self._ours(3 * self._mails),
            DRAMATIQ: others.pop(DRAMATIQ),
            **others,
            SOURCE: partial(smtp_source, self._sink, self._mails),
        }

    def _slow_server(self) -> dict[str, Run]:
        """A relay is not trusted with early commands for the first 500 mails, which shall be no
        large part of ours."""
        return {
            TEN: self._ours(self._mails, sink=self._slow),
            FIFTY: self._ours(self._mails, sink=self._slow, EMAIL_POOL="50"),
            **self._others(self._slow, self._share(10)),
        }

    def _processes(self) -> dict[str, Run]:
        mails = 2 * self._mails
        return {
            ONE_PROCESS: self._ours(mails),
            TWO_PROCESSES: self._ours(mails, processes=2),
        }

    def _queue_lengths(self) -> dict[str, Run]:
        """From the shortest, which is measured three times since it is so short, to the longest."""
        short, middle, long = self._share(10), self._mails, self._mails * 10
        return {
            f"{short:,} queued": partial(repeated, 3, self._ours(short)),
            f"{middle:,} queued": self._ours(middle),
            f"{long:,} queued": self._ours(long),
        }

    def _sizes(self) -> dict[str, Run]:
        def of(size: int, mails: int) -> Figures:
            messages = (body(number, size=size) for number in range(mails))
            return dispatcher(self._url, self._sink, messages, mails)

        return {
            "1 kB": partial(of, 1_000, self._share(3)),
            "10 kB": partial(of, 10_000, self._share(3)),
            "100 kB": partial(of, 100_000, self._share(10)),
            "1 MB": partial(of, 1_000_000, self._share(50)),
        }

    def _recipients(self) -> dict[str, Run]:
        def of(recipients: int, mails: int) -> Figures:
            messages = (body(number, recipients=recipients) for number in range(mails))
            figures = dispatcher(self._url, self._sink, messages, mails)
            return {**figures, "recipients": figures["rate"] * recipients}

        return {
            "1 a mail": partial(of, 1, self._share(3)),
            "10 a mail": partial(of, 10, self._share(5)),
            "100 a mail": partial(of, 100, self._share(20)),
        }

    def _encryption(self) -> dict[str, Run]:
        mails = self._share(3)
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        certificate = str(throwaway_certificate(folder).file)
        key = str(folder / "key.pem")
        plain, tls, starttls = (
            self._stack.enter_context(OwnSink(*options))
            for options in ((), ("--tls", certificate, key), ("--starttls", certificate, key))
        )

        def over(sink: Sink, scheme: str) -> Run:
            url = f"{scheme}://{sink.address}"
            return self._ours(mails, sink=sink, EMAIL_URL=url, EMAIL_CA_FILE=certificate)

        return {
            "plain": over(plain, "smtp"),
            "STARTTLS": over(starttls, "smtp+starttls"),
            "TLS": over(tls, "smtps"),
        }

    def _idle(self) -> Figures:
        """A worker that has sent one mail and waits."""
        return {"memory": self._ours(1)()["memory at the end"]}

    def _start(self) -> Figures:
        """From the start of the process until the server has the first mail."""
        first, again = starts(self._url, self._sink)
        return {"start": again, "first start": first}

    def _embedded(self) -> Figures:
        """From the start of the process until the last mail is a file: no broker, no mail server.

        The mails are deleted once all cases are over: ext4 without a journal looks at every inode
        that was deleted in the last five minutes before it makes a file (`recently_deleted` in
        Linux's fs/ext4/ialloc.c), which costs the next run up to 0.4 ms a mail."""
        home = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        queue, mailbox = Path(home, "queue.db"), Path(home, "mail")
        asyncio.run(_fill(queue))
        broker, relay = f"sqlite:///{queue}", f"maildir:{mailbox}"
        with Path(home, "log").open("wb") as log:
            running = Watched(worker(home, BROKER_URL=broker, EMAIL_URL=relay), log)
            try:
                running.wait_for(lambda: _files(mailbox / "new"), _EMBEDDED_MAILS, _LOOK)
                seconds = time.monotonic() - running.started
                cpu, memory = running.cpu(), running.memory("VmHWM")
            finally:
                running.stop()
        thousands = _EMBEDDED_MAILS / 1000
        return {"rate": _EMBEDDED_MAILS / seconds, "cpu": cpu / thousands, "memory": memory}


async def _fill(path: Path) -> None:
    queue = SqliteQueue(path, SystemClock())
    for first in range(0, _EMBEDDED_MAILS, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, _EMBEDDED_MAILS))
        await asyncio.gather(
            *(queue.publish("email", body(number), Properties(), {}) for number in numbers)
        )
    await queue.close()


def _files(folder: Path) -> int:
    return len(os.listdir(folder)) if folder.exists() else 0
