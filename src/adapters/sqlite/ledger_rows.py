"""The ledger's SQL. Every function runs inside the caller's transaction."""

import sqlite3
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

from domain.delivery import Delivery
from domain.ledger import RecipientState
from domain.ledger_rules import Row, RowState, Verdict, judge

# No address or id is in the file, only digests: it outlives the messages by weeks.
# `claim` is null once nothing more can come of a start; `session` is null where the delivery has an
# id. Rows are numbered by age, so the oldest are found without an index.
SCHEMA: Final = """
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    recipient BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    state INTEGER NOT NULL,
    takeovers INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    claim INTEGER,
    session TEXT,
    written_at INTEGER NOT NULL
);
CREATE INDEX delivery_by_key ON delivery (key);
CREATE INDEX delivery_by_claim ON delivery (claim) WHERE claim IS NOT NULL;
CREATE TABLE ended_session (
    session TEXT PRIMARY KEY,
    ended_at INTEGER NOT NULL
) WITHOUT ROWID"""

_NOBODY: Final = 0
"""An owner that never lives."""
_PURGED_AT_ONCE: Final = 200

Lives = Callable[[int], bool]


def start(
    c: sqlite3.Connection, delivery: Delivery, claim: int, owner: int, lives: Lives, now: int
) -> Verdict:
    """Judge the delivery and write down what follows. `now`: seconds since the epoch."""
    key = _key(delivery)
    fingerprint = _digest(delivery.fingerprint)
    verdict = _judge(c, delivery, key, fingerprint, owner, lives)
    session = None if delivery.has_id else delivery.session
    for id_ in verdict.forgotten:
        c.execute("DELETE FROM delivery WHERE id = ?", (id_,))
    for id_ in (*verdict.taken, *verdict.used):
        c.execute(
            "UPDATE delivery SET claim = ?, owner = ?, session = ?, takeovers = takeovers + ?"
            " WHERE id = ?",
            (claim, owner, session, id_ in verdict.taken, id_),
        )
    for recipient in verdict.fresh:
        c.execute(
            "INSERT INTO delivery (key, recipient, fingerprint, state, takeovers, owner, claim,"
            " session, written_at) VALUES (?, ?, ?, 0, 0, ?, ?, ?, ?)",
            (key, _digest(recipient), fingerprint, owner, claim, session, now),
        )
    return verdict


def peek(c: sqlite3.Connection, delivery: Delivery, owner: int, lives: Lives) -> Verdict:
    """Judge the delivery; nothing is written."""
    return _judge(c, delivery, _key(delivery), _digest(delivery.fingerprint), owner, lives)


def _judge(
    c: sqlite3.Connection,
    delivery: Delivery,
    key: bytes,
    fingerprint: bytes,
    owner: int,
    lives: Lives,
) -> Verdict:
    rows = []
    if delivery.has_id or delivery.redelivered:  # else it stands for itself
        rows = _rows(c, delivery, key, fingerprint, owner, lives)
    if not rows:
        fresh = dict.fromkeys(delivery.addresses, RecipientState.CLEAR)
        return Verdict(states=fresh, fresh=tuple(fresh))
    is_left = any(r.state is not RowState.SENT and not r.process_lives for r in rows)
    return judge(delivery, rows, has_recovered=is_left and _has_recovered(c, owner))


def sending(c: sqlite3.Connection, claim: int, recipients: Sequence[str]) -> bool:
    """False, and nothing is written, where a recipient is not this claim's any more."""
    mine = {recipient: id_ for id_, recipient, _ in _claimed(c, claim)}
    wanted = [_digest(recipient) for recipient in recipients]
    if not all(recipient in mine for recipient in wanted):
        return False
    for recipient in wanted:
        c.execute("UPDATE delivery SET state = max(state, 1) WHERE id = ?", (mine[recipient],))
    return True


def sent(c: sqlite3.Connection, claim: int, recipients: Sequence[str]) -> None:
    """These have got it."""
    for recipient in recipients:
        c.execute(
            "UPDATE delivery SET state = 2 WHERE claim = ? AND recipient = ?",
            (claim, _digest(recipient)),
        )


def finish(c: sqlite3.Connection, claim: int, recipients: Sequence[str], *, has_id: bool) -> None:
    """These have got it too; who has not is forgotten. With an id the claim is done with."""
    got = {_digest(recipient) for recipient in recipients}
    kept = None if has_id else claim
    for id_, recipient, state in _claimed(c, claim):
        if recipient in got or state == RowState.SENT:
            c.execute("UPDATE delivery SET state = 2, claim = ? WHERE id = ?", (kept, id_))
        else:
            c.execute("DELETE FROM delivery WHERE id = ?", (id_,))


def acked(c: sqlite3.Connection, claim: int) -> None:
    """Forget the claim's rows, unless their session has ended: then no ack can come through it."""
    c.execute(
        "DELETE FROM delivery WHERE claim = ?"
        " AND session NOT IN (SELECT session FROM ended_session)",
        (claim,),
    )


def end_session(c: sqlite3.Connection, session: str, now: int) -> None:
    """Its rows stand for redeliveries from here on."""
    c.execute("INSERT OR REPLACE INTO ended_session VALUES (?, ?)", (session, now))


def undo(c: sqlite3.Connection, claims: Sequence[int]) -> None:
    """As if these starts had not been: their callers do not know them."""
    for claim in claims:
        c.execute("DELETE FROM delivery WHERE claim = ? AND state < 2 AND takeovers = 0", (claim,))
        c.execute(
            "UPDATE delivery SET owner = ?, claim = NULL, takeovers = max(takeovers - 1, 0)"
            " WHERE claim = ?",
            (_NOBODY, claim),
        )


def purge(c: sqlite3.Connection, before: int, lives: Lives) -> bool:
    """Forget some of what was written before and is in no living process's hands. True if more may
    be waiting. Looks only at the oldest rows."""
    old = c.execute(
        "SELECT id, owner, state FROM (SELECT * FROM delivery ORDER BY id LIMIT ?)"
        " WHERE written_at < ?",
        (_PURGED_AT_ONCE, before),
    ).fetchall()
    gone = [(id_,) for id_, owner, state in old if state == RowState.SENT or not lives(owner)]
    c.executemany("DELETE FROM delivery WHERE id = ?", gone)
    c.execute("DELETE FROM ended_session WHERE ended_at < ?", (before,))
    return len(gone) == _PURGED_AT_ONCE


def _rows(
    c: sqlite3.Connection,
    delivery: Delivery,
    key: bytes,
    fingerprint: bytes,
    asking: int,
    lives: Lives,
) -> list[Row]:
    found = c.execute(
        "SELECT id, recipient, fingerprint, state, takeovers, owner,"
        " session IN (SELECT session FROM ended_session) FROM delivery WHERE key = ?",
        (key,),
    ).fetchall()
    if not found:
        return []
    names = {_digest(recipient): recipient for recipient in delivery.addresses}
    living = {owner: lives(owner) for owner in {row[5] for row in found}}
    return [
        Row(
            id=id_,
            recipient=names.get(recipient, ""),
            fingerprint_fits=written_for == fingerprint,
            state=RowState(state),
            takeovers=takeovers,
            process_lives=living[owner],
            session_ended=bool(has_ended) or not living[owner],
            is_own=owner == asking,
        )
        for id_, recipient, written_for, state, takeovers, owner, has_ended in found
    ]


def _claimed(c: sqlite3.Connection, claim: int) -> list[tuple[int, bytes, int]]:
    sql = "SELECT id, recipient, state FROM delivery WHERE claim = ?"
    return c.execute(sql, (claim,)).fetchall()


def _has_recovered(c: sqlite3.Connection, owner: int) -> bool:
    sql = (
        "SELECT 1 FROM delivery WHERE claim IS NOT NULL AND owner = ? AND takeovers > 0"
        " AND state < 2 LIMIT 1"
    )
    return c.execute(sql, (owner,)).fetchone() is not None


def _key(delivery: Delivery) -> bytes:
    # Its own hash must not be read as a message's id, nor one channel's id as another's.
    channel = delivery.notification.channel
    return _digest(f"{int(delivery.has_id)}{len(channel)}:{channel}{delivery.key}")


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
