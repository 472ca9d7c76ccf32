"""A message as a row of the embedded queue: its columns, in a consumer's hands, and its end."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy
from adapters.message_format.rules import Properties
from domain.value_object import value_object

# `visible_at` (microseconds since the epoch) is when a message may be taken: when it is due, or,
# while `owner` holds it, when the lease ends. Dead letters are the messages of `<queue>.dead`.
# AUTOINCREMENT: an id is never used again, so a late settlement cannot hit another message.
SCHEMA: Final = """
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    visible_at INTEGER NOT NULL,
    owner TEXT,
    handed_out INTEGER NOT NULL DEFAULT 0,
    properties TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX message_by_time ON message (queue, visible_at, owner)
"""


@value_object(kw_only=True)
class Ended:
    """What became of a leased message: settled with these copies, or handed back (None) to be taken
    `after`."""

    message: InboundMessage
    copies: Sequence[RetryCopy | DeadCopy] | None
    after: timedelta = timedelta(0)


def message_from(queue: str, row: tuple[int, int, str, str, bytes]) -> InboundMessage:
    """The message of a row: id, which is its tag, times handed out, properties, headers, body."""
    id_, handed_out, properties, headers, body = row
    return InboundMessage(
        queue=queue,
        body=body,
        headers=json.loads(headers),
        properties=Properties(**json.loads(properties)),
        redelivered=handed_out > 1,
        delivery_count=handed_out - 1,
        tag=id_,
    )


def stored(properties: Properties) -> str:
    """The properties as their column has them."""
    return json.dumps({k: v for k, v in asdict(properties).items() if v is not None})


def dead(queue: str) -> str:
    """The queue that has the dead letters of `queue`."""
    return f"{queue}.dead"
