"""The ledger's rows: their schema, and what becomes of those that a start left behind. Every
function runs inside the caller's transaction."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final

from adapters.sqlite.processes import Lease
from domain.delivery import Delivery
from domain.ledger import (
    LEFT_IN_DOUBT,
    Claim,
    ClaimLost,
    RecipientState,
    Row,
    RowState,
    Verdict,
    judge,
)

# No address or id is in the file, only digests: it outlives the messages by weeks.
# `claim` is null once nothing more can come of a start; `session` is null where the delivery has an
# id; `takeovers` are LEFT_IN_DOUBT where a start has ended so. Rows are numbered by age: the oldest
# are found without an index.
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

FIND: Final = (
    "SELECT id, recipient, fingerprint, state, takeovers, owner,"
    " session IN (SELECT session FROM ended_session) FROM delivery WHERE key = ?"
)
_CLAIMED: Final = "SELECT id, recipient, state = 2 FROM delivery WHERE claim = ?"
# For a claim's only row: nothing is changed where it is not the claim's any more.
_SEND_ONE: Final = (
    "UPDATE delivery SET state = max(state, 1) WHERE id = ? AND claim = ? AND recipient = ?"
)
_FINISH_ONE: Final = (
    "UPDATE delivery SET state = 2, claim = ? WHERE id = ? AND claim = ? AND recipient = ?"
)
_DOUBT: Final = "UPDATE delivery SET state = 1, takeovers = ? WHERE id = ?"
_RECOVERED: Final = (
    "SELECT 1 FROM delivery WHERE claim IS NOT NULL AND owner = ? AND takeovers > 0"
    " AND state < 2 LIMIT 1"
)
# An owner that never lives.
_NO_OWNER: Final = 0
_PURGED_AT_ONCE: Final = 200

Found = tuple[int, bytes, bytes, int, int, int, int | None]
"""Id, recipient, fingerprint, state, takeovers, owner, and whether its session has ended."""


def digests_of(texts: Iterable[str]) -> list[bytes]:
    """What stands for an address, a key or a fingerprint in the file: 16 bytes for each."""
    return [
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts
    ]


def claim_name(number: int, only_row: int | None) -> str:
    """A claim's number, and its row where it has one alone: most deliveries have one recipient."""
    return f"{number:x}" if only_row is None else f"{number:x}.{only_row:x}"


def claim_numbers(claim: Claim) -> tuple[int, int]:
    """The number, and the only row or 0."""
    number, _, row = claim.name.partition(".")
    return int(number, 16), int(row or "0", 16)


def sending(c: sqlite3.Connection, claim: Claim, recipients: Sequence[bytes]) -> ClaimLost | None:
    """An error, and nothing is written, where a recipient is not this claim's any more."""
    number, row = claim_numbers(claim)
    if len(recipients) == 1 and row and c.execute(_SEND_ONE, (row, number, *recipients)).rowcount:
        return None
    mine = {recipient: id_ for id_, recipient, _ in c.execute(_CLAIMED, (number,))}
    if not mine.keys() >= set(recipients):
        text = "this process was taken for dead and another has taken the delivery over"
        return ClaimLost(f"ledger: {text}: start it again")
    for recipient in recipients:
        c.execute("UPDATE delivery SET state = max(state, 1) WHERE id = ?", (mine[recipient],))
    return None


def finish(
    c: sqlite3.Connection, claim: Claim, recipients: Sequence[bytes], in_doubt: Sequence[bytes]
) -> None:
    """These have got it too; who has not and is not in doubt is forgotten. With an id the claim is
    done with, unless there is a doubt."""
    number, row = claim_numbers(claim)
    kept = None if claim.has_id else number
    one = (kept, row, number, *recipients)
    if len(recipients) == 1 and row and c.execute(_FINISH_ONE, one).rowcount:
        return
    got = set(recipients)
    for id_, recipient, was_sent in c.execute(_CLAIMED, (number,)).fetchall():
        if was_sent or recipient in got:
            c.execute("UPDATE delivery SET state = 2, claim = ? WHERE id = ?", (kept, id_))
        elif recipient in in_doubt:
            c.execute(_DOUBT, (LEFT_IN_DOUBT, id_))
        else:
            c.execute("DELETE FROM delivery WHERE id = ?", (id_,))


def sent(c: sqlite3.Connection, claim: Claim, recipients: Sequence[bytes]) -> None:
    """These have got it."""
    number, _ = claim_numbers(claim)
    c.executemany(
        "UPDATE delivery SET state = 2 WHERE claim = ? AND recipient = ?",
        [(number, recipient) for recipient in recipients],
    )


def acked(c: sqlite3.Connection, claim: Claim) -> None:
    """Forget the claim's rows, unless their session has ended: then no ack can come through it.
    With an id: only those in doubt."""
    c.execute(
        "DELETE FROM delivery WHERE claim = ? AND CASE WHEN session IS NULL THEN takeovers = ?"
        " ELSE session NOT IN (SELECT session FROM ended_session) END",
        (claim_numbers(claim)[0], LEFT_IN_DOUBT),
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


def peek(
    c: sqlite3.Connection, delivery: Delivery, digests: Sequence[bytes], lease: Lease
) -> Mapping[str, RecipientState]:
    """What a start would be answered now; nothing is written."""
    found = c.execute(FIND, (digests[0],)).fetchall()
    return judged(c, delivery, found, digests, lease).states


def judged(
    c: sqlite3.Connection,
    delivery: Delivery,
    found: Sequence[Found],
    digests: Sequence[bytes],
    lease: Lease,
) -> Verdict:
    """What the rows of its key say of a delivery. `digests`: of its key, its fingerprint and each
    of its addresses."""
    _, fingerprint, *recipients = digests
    names = dict(zip(recipients, delivery.addresses, strict=True))
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


def carry_out(
    c: sqlite3.Connection, verdict: Verdict, claim: int, owner: int, session: str | None
) -> None:
    """Write down what becomes of the rows that there are."""
    c.executemany("DELETE FROM delivery WHERE id = ?", [(id_,) for id_ in verdict.forgotten])
    c.executemany(
        "UPDATE delivery SET claim = ?, owner = ?, session = ?, takeovers = max(takeovers, 0) + ?"
        " WHERE id = ?",
        [
            (claim, owner, session, id_ in verdict.taken, id_)
            for id_ in (*verdict.taken, *verdict.used)
        ],
    )
