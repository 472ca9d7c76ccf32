"""The queue's SQL: store, lease, settle, and look at what is dead."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from adapters.inbound.contract import (
    Decide,
    Decision,
    InboundMessage,
    Keep,
    Release,
    RetryCopy,
    ignored,
)
from adapters.message_format.rules import Properties
from adapters.sqlite.database import Database
from adapters.sqlite.processes import LockFiles
from adapters.sqlite.queue_rows import SCHEMA, Ended, dead, message_from, stored
from adapters.sqlite.successor import Successor
from domain.ports import Clock

SCHEMA_VERSION: Final = 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LATEST: Final = 2**63 - 1  # what an INTEGER of SQLite holds
# Messages of one queue leased at once: few, so that several processes share a backlog.
_BATCH: Final = 16
_READY: Final = "SELECT 1 FROM message WHERE queue = ? AND visible_at <= ? LIMIT 1"
# The oldest that are ready: so many whatever their size, then as the budget has room. RETURNING
# promises no order.
_LEASE: Final = """
UPDATE message SET owner = ?, visible_at = ?, handed_out = handed_out + 1 WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER oldest AS number, sum(size) OVER oldest AS total FROM (
            SELECT id, visible_at, length(body) AS size FROM message
            WHERE queue = ? AND visible_at <= ? ORDER BY visible_at LIMIT ?
        ) WINDOW oldest AS (ORDER BY visible_at, id ROWS UNBOUNDED PRECEDING)
    ) WHERE number <= ? OR total <= ?
) RETURNING id, handed_out, properties, headers, body
"""


class SqliteQueue:
    """All queues of one file. Any number of processes of one machine may share it. As a Publisher
    it takes any queue name: none is declared. It is the DeadLetters of the file as well."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """`path` is created when first used, with its folder."""
        self._path = path
        self._database = Database(path, schema=SCHEMA, version=SCHEMA_VERSION)
        self._clock = clock
        self.changed = asyncio.Event()
        """Set whenever this process has stored a message, sooner than polling would see; for its
        one consumer."""

    async def close(self) -> None:
        self._database.close()

    async def publish(
        self, queue: str, body: bytes, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        """See Publisher. A message without an id is given one."""
        identified = replace(properties, message_id=properties.message_id or uuid4().hex)
        await self._add(queue, body, identified, headers)

    async def bury(
        self, queue: str, body: bytes, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        await self._add(dead(queue), body, properties, headers)

    async def _add(
        self, queue: str, body: bytes, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        row = (queue, stored(properties), json.dumps(dict(headers)), body)
        await self._database.write(
            lambda c: c.execute(
                "INSERT INTO message (visible_at, queue, properties, headers, body)"
                " VALUES (?, ?, ?, ?, ?)",
                (self._now(), *row),
            )
        )
        self.changed.set()

    async def exchange(
        self,
        owner: str,
        *,
        ended: Sequence[Ended],
        held: Iterable[int],
        room: Mapping[str, int],
        lease: timedelta,
        budget: int = _LATEST,
        is_first: bool = False,
    ) -> tuple[list[InboundMessage], list[int]]:
        """In one transaction: store what `ended`, prolong what is `held`, lease what is ready.

        `room`: how many messages of which queue; `budget`: how many bytes; with `is_first` one may
        be larger. Returns those leased, and the ids of `ended` whose lease another process had
        taken over: nothing of these was stored. Raises BrokerUnavailable; nothing happened then."""
        held = list(held)
        if not ended and not held:
            ready = [(queue, self._now()) for queue, count in room.items() if count > 0]
            if not await self._database.read(
                lambda c: any(c.execute(_READY, row).fetchone() for row in ready)
            ):
                return [], []

        def work(connection: sqlite3.Connection) -> tuple[list[InboundMessage], list[int]]:
            lost = [e.message.tag for e in ended if not self._end(connection, owner, e)]
            connection.executemany(
                "UPDATE message SET visible_at = ? WHERE id = ? AND owner = ?",
                [(self._now(lease), id_, owner) for id_ in held],
            )
            leased: list[InboundMessage] = []
            for queue, count in room.items():
                most, now = max(0, min(count, _BATCH)), self._now()
                at_least, left = is_first and not leased, budget - sum(len(m.body) for m in leased)
                values = (owner, self._now(lease), queue, now, most, at_least, left)
                rows = connection.execute(_LEASE, values).fetchall()
                leased += [message_from(queue, row) for row in sorted(rows)]
            return leased, lost

        return await self._database.write(work)

    def successor(self, owner: str) -> Successor:
        """What takes over from other consumers of this file; `owner` is ours."""
        return Successor(self._database, LockFiles(self._path, owner), self._now)

    async def is_empty(self, queues: Sequence[str]) -> bool:
        """Whether nothing in `queues` is ready or in hand; what is delayed may wait.
        Raises BrokerUnavailable."""
        marks = ", ".join("?" * len(queues))
        sql = f"""SELECT NOT EXISTS (SELECT 1 FROM message WHERE queue IN ({marks})
                  AND (visible_at <= ? OR owner IS NOT NULL))"""  # noqa: S608 - question marks only
        row = await self._database.read(lambda c: c.execute(sql, (*queues, self._now())).fetchone())
        return bool(row[0])

    async def count(self, queue: str) -> int:
        return len(await self.dead_ids(queue))

    async def visit(
        self, queue: str, decide: Decide, done: Callable[[InboundMessage], None] = ignored
    ) -> int:
        """See DeadLetters. Each decision is a transaction of its own, so no interruption leaves a
        dead letter twice."""
        shown = 0
        for id_ in await self.dead_ids(queue):
            letter = await self.dead_letter(id_, queue)
            if letter is not None:  # else another command released or removed it meanwhile
                shown += 1
                if await self.decide(id_, queue, await decide(letter)):
                    done(letter)
        return shown

    async def dead_ids(self, queue: str) -> list[int]:
        """The dead letters of `queue`, oldest first. Raises BrokerUnavailable."""
        sql = "SELECT id FROM message WHERE queue = ? ORDER BY id"
        rows = await self._database.read(lambda c: c.execute(sql, (dead(queue),)).fetchall())
        return [id_ for (id_,) in rows]

    async def dead_letter(self, id_: int, queue: str) -> InboundMessage | None:
        """One dead letter of `queue`, None if it has gone. Raises BrokerUnavailable."""
        sql = "SELECT id, handed_out + 1, properties, headers, body FROM message WHERE id = ?"
        row = await self._database.read(lambda c: c.execute(sql, (id_,)).fetchone())
        return message_from(queue, row) if row else None

    async def decide(self, id_: int, queue: str, decision: Decision) -> bool:
        """Do it in one transaction; whether anything was done, since a dead letter that has gone
        stays gone. Raises BrokerUnavailable."""
        if isinstance(decision, Keep):
            return False

        def work(connection: sqlite3.Connection) -> bool:
            if isinstance(decision, Release):
                self._copy(connection, id_, queue, self._now(), decision.headers, decision)
            deleted = connection.execute("DELETE FROM message WHERE id = ?", (id_,))
            return deleted.rowcount == 1

        was_there = await self._database.write(work)
        self.changed.set()
        return was_there

    def _end(self, connection: sqlite3.Connection, owner: str, ended: Ended) -> bool:
        id_, mine = ended.message.tag, "WHERE id = ? AND owner = ?"
        if ended.copies is None:
            # A pause keeps the owner: the message is not for others yet, but not "delayed" either.
            keeper = owner if ended.after else None
            sql = f"UPDATE message SET visible_at = ?, owner = ? {mine}"  # noqa: S608 - constant
            values = (self._now(ended.after), keeper, id_, owner)
            return connection.execute(sql, values).rowcount == 1
        found = connection.execute(f"SELECT queue FROM message {mine}", (id_, owner))  # noqa: S608 - constant
        row = found.fetchone()
        if row is None:
            return False
        for copy in ended.copies:
            target, at = (
                (row[0], self._now(copy.delay))
                if isinstance(copy, RetryCopy)
                else (dead(row[0]), self._now())
            )
            self._copy(connection, id_, target, at, copy.headers, priority=copy.priority)
        connection.execute("DELETE FROM message WHERE id = ?", (id_,))
        return True

    @staticmethod
    def _copy(
        connection: sqlite3.Connection,
        id_: int,
        queue: str,
        visible_at: int,
        headers: Mapping[str, str | int],
        changed: Release | None = None,
        priority: int | None = None,
    ) -> None:
        body = changed and changed.body
        others = stored(changed.properties) if changed and changed.properties else None
        connection.execute(
            "INSERT INTO message (queue, visible_at, headers, properties, body) SELECT"
            " ?, ?, ?, coalesce(?, json_patch(json_object('priority', ?), properties)),"
            " coalesce(?, body) FROM message WHERE id = ?",
            (queue, visible_at, json.dumps(dict(headers)), others, priority, body, id_),
        )

    def _now(self, plus: timedelta = timedelta(0)) -> int:
        time = (self._clock.now() - _EPOCH) // _MICROSECOND + plus // _MICROSECOND
        return min(time, _LATEST)
