"""Looks at a file of ours without making or changing anything."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from adapters.inbound.contract import QueueState, Waiting
from adapters.sqlite.database import QUEUE, Kind, fault

_PATIENCE: Final = 2.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COUNT: Final = """
SELECT coalesce(sum(visible_at <= :now), 0),
       coalesce(sum(visible_at > :now AND owner IS NOT NULL), 0),
       coalesce(sum(visible_at > :now AND owner IS NULL), 0),
       min(visible_at)
FROM message WHERE queue = :queue
"""
_REASONS: Final = """
SELECT coalesce(json_extract(headers, '$."x-dispatcher-reason"'), 'poison') AS reason, count(*)
FROM message WHERE queue = ? GROUP BY reason ORDER BY reason
"""


def takes_writes(path: Path, kind: Kind) -> bool:
    """Whether the file exists; nothing is written. Raises the error of `kind` where it exists and
    cannot be written."""
    if not path.exists():
        return False
    with _opened(path, kind) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    return True


def survey(path: Path, queues: Sequence[str], now: datetime) -> tuple[QueueState, ...]:
    """The state of each of `queues`, in their order; a file that does not exist holds nothing.
    Raises BrokerUnavailable."""
    if not path.exists():
        return tuple(_state(queue, (0, 0, 0, None), {}, exists=False) for queue in queues)
    time = (now - _EPOCH) // timedelta(microseconds=1)
    states = []
    with _opened(path, QUEUE) as connection:
        for queue in queues:
            counts = connection.execute(_COUNT, {"now": time, "queue": queue}).fetchone()
            reasons = dict(connection.execute(_REASONS, (f"{queue}.dead",)).fetchall())
            states.append(_state(queue, counts, reasons, exists=True))
    return tuple(states)


def _state(
    queue: str,
    counts: tuple[int, int, int, int | None],
    reasons: dict[str, int],
    *,
    exists: bool,
) -> QueueState:
    ready, unacked, waiting, since = counts
    is_known = ready and since is not None
    return QueueState(
        queue=queue,
        exists=exists,
        ready=ready,
        unacked=unacked,
        consumers=None,
        waiting=(Waiting(delay=None, messages=waiting),),
        dead=sum(reasons.values()),
        dead_by_reason=reasons,
        oldest=_EPOCH + timedelta(microseconds=since or 0) if is_known else None,
    )


@contextmanager
def _opened(path: Path, kind: Kind) -> Iterator[sqlite3.Connection]:
    try:
        address = f"{path.absolute().as_uri()}?mode=rw"
        with closing(
            sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)
        ) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise kind.error(f"{kind.name} {path}: {fault(error)}") from error
