"""The ledger in one SQLite file, shared by the processes of one machine."""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from adapters.sqlite import ledger_rows as rows
from adapters.sqlite.database import Database, Kind
from adapters.sqlite.lease import Lease, since_boot
from domain.delivery import Delivery
from domain.ledger import Claim, ClaimLost, LedgerUnavailable, RecipientState, Start
from domain.ports import Clock

SCHEMA_VERSION: Final = 1
RETENTION: Final = timedelta(days=14)
RETRY_AFTER: Final = 0.1
KIND: Final = Kind(name="ledger", error=LedgerUnavailable, survives_power=False)
SCHEMA: Final = f"{rows.SCHEMA};{Lease.schema}"
_PATIENCE: Final = 1.0
"""Seconds to wait for another process to let go of the file."""
_PURGE_PAUSE: Final = 0.05

_T = TypeVar("_T")
_Work = Callable[[sqlite3.Connection], None]
_Waiting = tuple[_Work, "asyncio.Future[None]"]


class SqliteLedger:
    """The DeliveryLedger contract on a SQLite file.

    What is asked for in one turn of the event loop is stored in one transaction. A commit survives
    the death of the process; the loss of power may cost the last of them, and so a duplicate. While
    the ledger is in use a task renews its lease and forgets what is older than the retention.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        lease: timedelta = timedelta(seconds=30),
        retention: timedelta = RETENTION,
        patience: float = _PATIENCE,
        monotonic: Callable[[], float] = since_boot,
        boot: str | None = None,
    ) -> None:
        """`path` is created when first used, with its folder. `clock` counts the retention alone;
        `monotonic` the leases, where `boot` names the machine's start that it counts from.
        `patience`: seconds to wait for another process to let go of the file."""
        self._database = Database(
            path, schema=SCHEMA, version=SCHEMA_VERSION, patience=patience, kind=KIND
        )
        self._path = path
        self._clock = clock
        self._retention = retention
        self._lease = Lease(lease, path, monotonic=monotonic, boot=boot)
        self._claim = secrets.randbits(62)
        self._waiting: list[_Waiting] = []
        self._unheard: list[int] = []
        self._flusher: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._is_closed = False

    async def start(self, delivery: Delivery) -> Start:
        self._claim += 1
        number = self._claim

        def work(connection: sqlite3.Connection) -> Start:
            lives = self._lives(connection)
            now = self._now()
            verdict = rows.start(connection, delivery, number, self._lease.owner, lives, now)
            return Start(
                claim=Claim(f"{number:x}", delivery.has_id),
                states=verdict.states,
                is_recovered=bool(verdict.taken),
                retry_after=RETRY_AFTER if RecipientState.BUSY in verdict.states.values() else 0.0,
            )

        try:
            return await self._write(work)
        except asyncio.CancelledError:
            # It may be stored already, and its caller will never finish it.
            self._unheard.append(number)
            raise

    async def peek(self, delivery: Delivery) -> Mapping[str, RecipientState]:
        if not self._path.exists():
            return dict.fromkeys(delivery.addresses, RecipientState.CLEAR)
        owner = self._lease.owner
        return await self._database.read(
            lambda c: rows.peek(c, delivery, owner, self._lives(c)).states
        )

    async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
        number = int(claim.name, 16)
        if not await self._write(lambda c: rows.sending(c, number, recipients)):
            raise ClaimLost(
                f"ledger {self._path}: this process was taken for dead and another has taken the"
                " delivery over: start it again"
            )

    async def sent(self, claim: Claim, recipients: Sequence[str]) -> None:
        number = int(claim.name, 16)
        await self._write(lambda c: rows.sent(c, number, recipients))

    async def finish(self, claim: Claim, sent: Sequence[str]) -> None:
        number = int(claim.name, 16)
        await self._write(lambda c: rows.finish(c, number, sent, has_id=claim.has_id))

    async def acked(self, claim: Claim) -> None:
        if not claim.has_id:
            number = int(claim.name, 16)
            await self._write(lambda c: rows.acked(c, number))

    async def session_ended(self, session: str) -> None:
        await self._write(lambda c: rows.end_session(c, session, self._now()))

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._keeper is not None:
            await self._end(self._keeper)
        self._database.close()

    async def _end(self, keeper: "asyncio.Task[None]") -> None:
        keeper.cancel()
        if tasks := [t for t in (keeper, self._flusher) if t is not None and not t.done()]:
            await asyncio.wait(tasks)
        with suppress(LedgerUnavailable):  # then the lease runs out by itself
            await self._database.write(self._lease.end)
        self._lease.ended()

    async def _write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._is_closed:
            raise LedgerUnavailable(f"ledger {self._path}: it is closed; this process is ending")
        loop = asyncio.get_running_loop()
        if self._keeper is None or self._keeper.done():
            self._keeper = loop.create_task(self._keep())
        answers: list[_T] = []
        stored = loop.create_future()

        def keep_answer(connection: sqlite3.Connection) -> None:
            answers[:] = [work(connection)]  # a transaction may run again

        self._waiting.append((keep_answer, stored))
        if self._flusher is None or self._flusher.done():
            self._flusher = loop.create_task(self._flush())
        await stored
        return answers[0]

    async def _flush(self) -> None:
        while self._waiting:
            # One turn more, since a commit costs as much as several deliveries' rows.
            await asyncio.sleep(0)
            batch = [waiting for waiting in self._waiting if not waiting[1].done()]
            self._waiting = []
            error = await self._store(batch)
            for _, stored in batch:
                if stored.done():
                    continue
                if error is None:
                    stored.set_result(None)
                else:
                    stored.set_exception(error)

    async def _store(self, batch: Sequence[_Waiting]) -> Exception | None:
        unheard: list[int] = []
        renewed: list[float] = []

        def work(connection: sqlite3.Connection) -> None:
            is_due = self._lease.is_due(connection)
            renewed[:] = [self._lease.renew(connection)] if is_due else []
            unheard[:] = self._unheard
            rows.undo(connection, unheard)
            for one, _ in batch:
                one(connection)
            rows.undo(connection, unheard)  # the start of one may have been in the batch

        try:
            await self._database.write(work)
        except Exception as error:  # noqa: BLE001 - whoever waits must get any fault
            return error
        self._unheard = [claim for claim in self._unheard if claim not in unheard]
        for at in renewed:
            self._lease.renewed(at)
        return None

    async def _keep(self) -> None:
        """Renew the lease while the process lives, and forget what is old."""
        pause = self._lease.pause
        while True:
            await asyncio.sleep(pause)
            pause = (
                self._lease.pause / 3
            )  # sooner after a failure; whoever needs the ledger says so
            with suppress(LedgerUnavailable):
                has_more, died = await self._write(self._tidy)
                self._lease.buried(died)
                pause = _PURGE_PAUSE if has_more else self._lease.pause

    def _tidy(self, connection: sqlite3.Connection) -> tuple[bool, list[str]]:
        died = self._lease.bury(connection)
        before = int((self._clock.now() - self._retention).timestamp())
        return rows.purge(connection, before, self._lives(connection)), died

    def _lives(self, connection: sqlite3.Connection) -> rows.Lives:
        return lambda owner: self._lease.lives(connection, owner)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
