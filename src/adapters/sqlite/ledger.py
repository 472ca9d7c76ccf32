"""The ledger in one SQLite file, shared by the processes of one machine, or in memory."""

import asyncio
import secrets
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple

from adapters.sqlite import ledger_rows as rows
from adapters.sqlite.database import Database, Kind
from adapters.sqlite.processes import Lease, Renewal, since_boot
from domain.delivery import Delivery
from domain.ledger import RETENTION, Claim, ClaimLost, LedgerUnavailable, RecipientState, Start
from domain.ports import Clock

SCHEMA_VERSION: Final = 1
KIND: Final = Kind(name="ledger", error=LedgerUnavailable, survives_power=False)
SCHEMA: Final = f"{rows.SCHEMA};{Lease.schema}"
# Seconds to wait for another process to let go of the file.
_PATIENCE: Final = 1.0
_PURGE_PAUSE: Final = 0.05
# Of the event loop, for which a transaction waits at most while each brings more calls: a commit
# costs as much as several deliveries' rows.
_TURNS: Final = 6

_INSERT: Final = (
    "INSERT INTO delivery (key, recipient, fingerprint, state, takeovers, owner, claim, session,"
    " written_at) VALUES (?, ?, ?, 0, 0, ?, ?, ?, ?)"
)

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
# Who waits for its answer, the function that stores it, and the function's arguments.
_Call = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class SqliteLedger:
    """The DeliveryLedger contract on a SQLite file.

    What is asked for in a few turns of the event loop is stored in one transaction; those whose
    mails are about to leave have their answers first. A commit survives the death of the process;
    the loss of power may cost the last of them, and so a duplicate. While the ledger is in use a
    task renews its lease and forgets what is older than the retention.
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
        """`path` is created when first used; None: in memory, for this ledger alone. `clock` counts
        the retention, `monotonic` the leases, where `boot` names the machine's start that it counts
        from. `patience`: seconds to wait for another process to let go of the file."""
        self._database = Database(
            path, schema=SCHEMA, version=SCHEMA_VERSION, patience=patience, kind=KIND
        )
        self._clock = clock
        self._retention = retention
        self._lease = Lease(lease, path, monotonic=monotonic, boot=boot)
        self._number = secrets.randbits(62)
        self._waiting: deque[_Call] = deque()
        self._given_up: list[int] = []
        self._flusher: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop
        self._is_closed = False

    async def start(self, delivery: Delivery) -> Start:
        self._number += 1
        number, now = self._number, self._clock.now().timestamp()
        try:
            return await self._soon(_start, delivery, number, self._lease, int(now))
        except asyncio.CancelledError:
            # It may be stored already, and its caller will never finish it.
            self._given_up.append(number)
            raise

    async def peek(self, delivery: Delivery) -> Mapping[str, RecipientState]:
        if not self._database.exists():
            return dict.fromkeys(delivery.addresses, RecipientState.CLEAR)
        digests = rows.digests_of((_key(delivery), delivery.fingerprint, *delivery.addresses))
        return await self._database.read(rows.peek, delivery, digests, self._lease)

    def sending(self, claim: Claim, recipients: Sequence[str]) -> Awaitable[None]:
        # First: a connection waits for it, and the others' answers are followed by long work.
        return self._soon(rows.sending, claim, rows.digests_of(recipients), is_first=True)

    async def sent(self, claim: Claim, recipients: Sequence[str]) -> None:
        await self._soon(rows.sent, claim, rows.digests_of(recipients))

    def finish(
        self, claim: Claim, sent: Sequence[str], in_doubt: Sequence[str] = ()
    ) -> Awaitable[None]:
        return self._soon(rows.finish, claim, rows.digests_of(sent), rows.digests_of(in_doubt))

    async def acked(self, claim: Claim) -> None:
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
        self,
        work: Callable[[sqlite3.Connection, *_Ts], _T | ClaimLost],
        *arguments: *_Ts,
        is_first: bool = False,
    ) -> "asyncio.Future[_T]":
        """What `work` returns, once the next transaction has stored it, or the error that it
        returns. `is_first`: it is stored and answered before the others of its transaction."""
        if self._is_closed:
            raise LedgerUnavailable(f"{self._database.name}: it is closed; this process is ending")
        if self._keeper is None or self._keeper.done():
            self._loop = asyncio.get_running_loop()
            self._keeper = self._loop.create_task(self._keep())
        if self._flusher is None or self._flusher.done():
            self._flusher = self._loop.create_task(self._flush())
        answer: asyncio.Future[_T] = self._loop.create_future()
        (self._waiting.appendleft if is_first else self._waiting.append)((answer, work, arguments))
        return answer

    async def _flush(self) -> None:
        while self._waiting:
            for _ in range(_TURNS):
                known = len(self._waiting)
                await asyncio.sleep(0)
                if len(self._waiting) == known:
                    break
            batch, self._waiting = self._waiting, deque()
            undone = len(self._given_up)
            try:
                results, renewal = await self._database.write(self._store, batch, undone)
            except Exception as error:  # noqa: BLE001 - whoever waits must get any fault
                for answer, _, _ in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            if renewal is not None:
                self._lease.renewed(renewal)
            del self._given_up[:undone]
            for answer, result in results:
                if isinstance(result, ClaimLost):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)

    def _store(
        self, connection: sqlite3.Connection, batch: Iterable[_Call], undone: int
    ) -> tuple[list[tuple["asyncio.Future[Any]", Any]], Renewal | None]:
        """The results, and what is to be kept of the lease once this is committed; so many of the
        starts given up are `undone` with it."""
        lease, renewal = self._lease, None
        if lease.connection is not connection or lease.clock() >= lease.renew_at:
            renewal = lease.renew(connection)
        if undone:
            rows.undo(connection, self._given_up[:undone])
        results = [
            (answer, work(connection, *arguments))
            for answer, work, arguments in batch
            if not answer.done()  # else its caller is gone
        ]
        return results, renewal

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


def _start(c: sqlite3.Connection, delivery: Delivery, claim: int, lease: Lease, now: int) -> Start:
    """Judge the delivery and write down what follows. `now`: seconds since the epoch."""
    states: Mapping[str, RecipientState]
    states = {recipient.address: RecipientState.CLEAR for recipient in delivery.remaining}
    digests = rows.digests_of((_key(delivery), delivery.fingerprint, *states))
    key, fingerprint, *fresh = digests
    session, is_recovered = None if delivery.has_id else delivery.session, False
    row, has_more = None, len(fresh) > 1
    if delivery.has_id or delivery.redelivered:  # else it stands for itself
        found = c.execute(rows.FIND, (key,)).fetchall()
        if found:
            verdict = rows.judged(c, delivery, found, digests, lease)
            rows.carry_out(c, verdict, claim, lease.owner, session)
            states, is_recovered = verdict.states, bool(verdict.taken)
            fresh = rows.digests_of(verdict.fresh)
            has_more = len(fresh) + len(verdict.taken) + len(verdict.used) > 1
    for recipient in fresh:
        values = (key, recipient, fingerprint, lease.owner, claim, session, now)
        row = c.execute(_INSERT, values).lastrowid
    return Start(
        claim=Claim(rows.claim_name(claim, None if has_more else row), delivery.has_id),
        states=states,
        is_recovered=is_recovered,
    )


def _key(delivery: Delivery) -> str:
    # Its own hash must not be read as a message's id, nor one channel's id as another's.
    channel = delivery.notification.channel
    return f"{int(delivery.has_id)}{len(channel)}:{channel}{delivery.key}"
