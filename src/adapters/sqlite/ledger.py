"""The ledger in one SQLite file, shared by the processes of one machine, or in memory."""

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple

from adapters.sqlite import ledger_rows as rows
from adapters.sqlite.database import Database, Kind
from adapters.sqlite.processes import Lease, Renewal, since_boot
from domain.delivery import Delivery
from domain.ledger import Claim, ClaimLost, LedgerUnavailable, RecipientState, Start
from domain.ports import Clock

SCHEMA_VERSION: Final = 1
RETENTION: Final = timedelta(days=14)
KIND: Final = Kind(name="ledger", error=LedgerUnavailable, survives_power=False)
SCHEMA: Final = f"{rows.SCHEMA};{Lease.schema}"
_PATIENCE: Final = 1.0
"""Seconds to wait for another process to let go of the file."""
_PURGE_PAUSE: Final = 0.05

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_Call = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]
"""Who waits for its answer, the function that stores it, and the function's arguments."""


class SqliteLedger:
    """The DeliveryLedger contract on a SQLite file.

    What is asked for in one turn of the event loop is stored in one transaction. A commit survives
    the death of the process; the loss of power may cost the last of them, and so a duplicate. While
    the ledger is in use a task renews its lease and forgets what is older than the retention.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        *,
        lease: timedelta = timedelta(seconds=30),
        retention: timedelta = RETENTION,
        patience: float = _PATIENCE,
        monotonic: Callable[[], float] = since_boot,
        boot: str | None = None,
    ) -> None:
        """`path` is created when first used, with its folder; None: in memory, for this ledger
        alone. `clock` counts the retention alone; `monotonic` the leases, where `boot` names the
        machine's start that it counts from. `patience`: seconds to wait for another process to let
        go of the file."""
        self._database = Database(
            path, schema=SCHEMA, version=SCHEMA_VERSION, patience=patience, kind=KIND
        )
        self._clock = clock
        self._retention = retention
        self._lease = Lease(lease, path, monotonic=monotonic, boot=boot)
        self._number = secrets.randbits(62)
        self._waiting: list[_Call] = []
        self._given_up: list[int] = []
        self._flusher: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._is_closed = False

    async def start(self, delivery: Delivery) -> Start:
        self._number += 1
        number, now = self._number, self._clock.now().timestamp()
        try:
            return await self._soon(rows.start, delivery, number, self._lease, int(now))
        except asyncio.CancelledError:
            # It may be stored already, and its caller will never finish it.
            self._given_up.append(number)
            raise

    async def peek(self, delivery: Delivery) -> Mapping[str, RecipientState]:
        if not self._database.exists():
            return dict.fromkeys(delivery.addresses, RecipientState.CLEAR)
        return await self._database.read(rows.peek, delivery, self._lease)

    def sending(self, claim: Claim, recipients: Sequence[str]) -> Awaitable[None]:
        return self._soon(rows.sending, claim, recipients)

    async def sent(self, claim: Claim, recipients: Sequence[str]) -> None:
        await self._soon(rows.sent, claim, recipients)

    def finish(self, claim: Claim, sent: Sequence[str]) -> Awaitable[None]:
        return self._soon(rows.finish, claim, sent)

    async def acked(self, claim: Claim) -> None:
        if not claim.has_id:
            await self._soon(rows.acked, claim)

    async def session_ended(self, session: str) -> None:
        await self._soon(rows.end_session, session, int(self._clock.now().timestamp()))

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            tasks = [t for t in (self._keeper, self._flusher) if t is not None and not t.done()]
            if tasks:
                await asyncio.wait(tasks)
            with suppress(LedgerUnavailable):  # then the lease runs out by itself
                await self._database.write(self._lease.end)
            self._lease.locks.release()
        self._database.close()

    def _soon(
        self, work: Callable[[sqlite3.Connection, *_Ts], _T | ClaimLost], *arguments: *_Ts
    ) -> "asyncio.Future[_T]":
        """What `work` returns, once the next transaction has stored it, or the error that it
        returns."""
        if self._is_closed:
            raise LedgerUnavailable(f"{self._database.name}: it is closed; this process is ending")
        loop = asyncio.get_running_loop()
        if self._keeper is None or self._keeper.done():
            self._keeper = loop.create_task(self._keep())
        if self._flusher is None or self._flusher.done():
            self._flusher = loop.create_task(self._flush())
        answer: asyncio.Future[_T] = loop.create_future()
        self._waiting.append((answer, work, arguments))
        return answer

    async def _flush(self) -> None:
        while self._waiting:
            # One turn more, since a commit costs as much as several deliveries' rows.
            await asyncio.sleep(0)
            batch, self._waiting = self._waiting, []
            try:
                results, renewal, undone = await self._database.write(self._store, batch)
            except Exception as error:  # noqa: BLE001 - whoever waits must get any fault
                for answer, _, _ in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for answer, result in results:
                if isinstance(result, ClaimLost):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)
            if renewal is not None:
                self._lease.renewed(renewal)
            if undone:
                del self._given_up[:undone]

    def _store(
        self, connection: sqlite3.Connection, batch: Sequence[_Call]
    ) -> tuple[list[tuple["asyncio.Future[Any]", Any]], Renewal | None, int]:
        """The results, and what is to be kept of the lease and the starts given up once this is
        committed."""
        lease, renewal = self._lease, None
        if lease.connection is not connection or lease.clock() >= lease.renew_at:
            renewal = lease.renew(connection)
        if undone := len(self._given_up):
            rows.undo(connection, self._given_up)
        results = [
            (answer, work(connection, *arguments))
            for answer, work, arguments in batch
            if not answer.done()  # else its caller is gone
        ]
        return results, renewal, undone

    async def _keep(self) -> None:
        """Renew the lease while the process lives, and forget what is old."""
        pause = self._lease.pause
        while True:
            await asyncio.sleep(pause)
            # Sooner after a failure; whoever needs the ledger says so.
            pause = self._lease.pause / 3
            with suppress(LedgerUnavailable):
                before = int((self._clock.now() - self._retention).timestamp())
                has_more, died = await self._soon(rows.tidy, before, self._lease)
                self._lease.locks.forget(died)
                pause = _PURGE_PAUSE if has_more else self._lease.pause
