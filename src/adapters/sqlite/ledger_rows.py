"""The ledger's SQL. Every function runs inside the caller's transaction."""

import sqlite3
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from adapters.sqlite.processes import Lease
from domain.delivery import Delivery
from domain.ledger import RETRY_AFTER, Claim, ClaimLost, RecipientState, Start
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

_FIND: Final = (
    "SELECT id, recipient, fingerprint, state, takeovers, owner,"
    " session IN (SELECT session FROM ended_session) FROM delivery WHERE key = ?"
)
_CLAIMED: Final = "SELECT id, recipient, state FROM delivery WHERE claim = ?"
_RECOVERED: Final = (
    "SELECT 1 FROM delivery WHERE claim IS NOT NULL AND owner = ? AND takeovers > 0"
    " AND state < 2 LIMIT 1"
)
_NO_OWNER: Final = 0
"""An owner that never lives."""
_PURGED_AT_ONCE: Final = 200

_Found = tuple[int, bytes, bytes, int, int, int, int | None]


def start(c: sqlite3.Connection, delivery: Delivery, claim: int, lease: Lease, now: int) -> Start:
    """Judge the delivery and write down what follows. `now`: seconds since the epoch."""
    addresses = delivery.addresses
    (key, fingerprint, *digests), found = _look(c, delivery, addresses)
    session = None if delivery.has_id else delivery.session
    states: Mapping[str, RecipientState] = dict.fromkeys(addresses, RecipientState.CLEAR)
    is_recovered = False
    fresh = digests
    if found:
        verdict = _judge(
            c, delivery, found, fingerprint, dict(zip(digests, addresses, strict=True)), lease
        )
        states, is_recovered = verdict.states, bool(verdict.taken)
        fresh = _digests(verdict.fresh)
        c.executemany("DELETE FROM delivery WHERE id = ?", [(id_,) for id_ in verdict.forgotten])
        c.executemany(
            "UPDATE delivery SET claim = ?, owner = ?, session = ?, takeovers = takeovers + ?"
            " WHERE id = ?",
            [
                (claim, lease.owner, session, id_ in verdict.taken, id_)
                for id_ in (*verdict.taken, *verdict.used)
            ],
        )
    for recipient in dict.fromkeys(fresh):
        c.execute(
            "INSERT INTO delivery (key, recipient, fingerprint, state, takeovers, owner, claim,"
            " session, written_at) VALUES (?, ?, ?, 0, 0, ?, ?, ?, ?)",
            (key, recipient, fingerprint, lease.owner, claim, session, now),
        )
    return Start(
        claim=Claim(f"{claim:x}", delivery.has_id),
        states=states,
        is_recovered=is_recovered,
        retry_after=RETRY_AFTER if RecipientState.BUSY in states.values() else 0.0,
    )


def peek(c: sqlite3.Connection, delivery: Delivery, lease: Lease) -> Mapping[str, RecipientState]:
    """Judge the delivery; nothing is written."""
    addresses = delivery.addresses
    (_, fingerprint, *digests), found = _look(c, delivery, addresses)
    return _judge(
        c, delivery, found, fingerprint, dict(zip(digests, addresses, strict=True)), lease
    ).states


def sending(c: sqlite3.Connection, claim: Claim, recipients: Sequence[str]) -> ClaimLost | None:
    """An error, and nothing is written, where a recipient is not this claim's any more."""
    mine = {recipient: id_ for id_, recipient, _ in c.execute(_CLAIMED, (int(claim.name, 16),))}
    wanted = _digests(recipients)
    if not mine.keys() >= set(wanted):
        text = "this process was taken for dead and another has taken the delivery over"
        return ClaimLost(f"ledger: {text}: start it again")
    for recipient in wanted:
        c.execute("UPDATE delivery SET state = max(state, 1) WHERE id = ?", (mine[recipient],))
    return None


def sent(c: sqlite3.Connection, claim: Claim, recipients: Sequence[str]) -> None:
    """These have got it."""
    number = int(claim.name, 16)
    c.executemany(
        "UPDATE delivery SET state = 2 WHERE claim = ? AND recipient = ?",
        [(number, recipient) for recipient in _digests(recipients)],
    )


def finish(c: sqlite3.Connection, claim: Claim, recipients: Sequence[str]) -> None:
    """These have got it too; who has not is forgotten. With an id the claim is done with."""
    got = set(_digests(recipients))
    number = int(claim.name, 16)
    kept = None if claim.has_id else number
    for id_, recipient, state in c.execute(_CLAIMED, (number,)).fetchall():
        if recipient in got or state == RowState.SENT:
            c.execute("UPDATE delivery SET state = 2, claim = ? WHERE id = ?", (kept, id_))
        else:
            c.execute("DELETE FROM delivery WHERE id = ?", (id_,))


def acked(c: sqlite3.Connection, claim: Claim) -> None:
    """Forget the claim's rows, unless their session has ended: then no ack can come through it."""
    c.execute(
        "DELETE FROM delivery WHERE claim = ?"
        " AND session NOT IN (SELECT session FROM ended_session)",
        (int(claim.name, 16),),
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
            (_NO_OWNER, claim),
        )


def tidy(c: sqlite3.Connection, before: int, lease: Lease) -> tuple[bool, list[str]]:
    """Forget the processes that have died, which are returned, and some of what was written before
    and is in no living process's hands. True if more may be waiting. Looks only at the oldest
    rows."""
    died = lease.bury(c)
    old = c.execute(
        "SELECT id, owner, state FROM (SELECT * FROM delivery ORDER BY id LIMIT ?)"
        " WHERE written_at < ?",
        (_PURGED_AT_ONCE, before),
    ).fetchall()
    gone = [
        (id_,) for id_, owner, state in old if state == RowState.SENT or not lease.lives(c, owner)
    ]
    c.executemany("DELETE FROM delivery WHERE id = ?", gone)
    c.execute("DELETE FROM ended_session WHERE ended_at < ?", (before,))
    return len(gone) == _PURGED_AT_ONCE, died


def _look(
    c: sqlite3.Connection, delivery: Delivery, addresses: Sequence[str]
) -> tuple[list[bytes], list[_Found]]:
    """The digests of key, fingerprint and each address, and the rows that the delivery may be
    another appearance of."""
    # Its own hash must not be read as a message's id, nor one channel's id as another's.
    channel = delivery.notification.channel
    key = f"{int(delivery.has_id)}{len(channel)}:{channel}{delivery.key}"
    digests = _digests((key, delivery.fingerprint, *addresses))
    if not (delivery.has_id or delivery.redelivered):  # it stands for itself
        return digests, []
    return digests, c.execute(_FIND, (digests[0],)).fetchall()


def _judge(
    c: sqlite3.Connection,
    delivery: Delivery,
    found: Sequence[_Found],
    fingerprint: bytes,
    names: Mapping[bytes, str],
    lease: Lease,
) -> Verdict:
    living = {owner: lease.lives(c, owner) for owner in {row[5] for row in found}}
    rows = [
        Row(
            id=id_,
            recipient=names.get(recipient, ""),
            fingerprint_fits=written_for == fingerprint,
            state=RowState(state),
            takeovers=takeovers,
            process_lives=living[owner],
            session_ended=bool(has_ended) or not living[owner],
            is_own=owner == lease.owner,
        )
        for id_, recipient, written_for, state, takeovers, owner, has_ended in found
    ]
    has_recovered = False
    if any(row.state is not RowState.SENT and not row.process_lives for row in rows):
        has_recovered = c.execute(_RECOVERED, (lease.owner,)).fetchone() is not None
    return judge(delivery, rows, has_recovered=has_recovered)


def _digests(texts: Sequence[str]) -> list[bytes]:
    return [
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts
    ]
