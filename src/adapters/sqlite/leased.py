"""A message of the embedded queue in a consumer's hands, and what becomes of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy
from adapters.message_format.properties import Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A message in our hands until its lease ends."""

    id: int
    message: InboundMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a leased message: settled with these copies, or handed back (None) to be taken
    `after`."""

    id: int
    copies: Sequence[RetryCopy | DeadCopy] | None
    after: timedelta = timedelta(0)


def leased_from(queue: str, row: tuple[int, int, str, str, bytes]) -> Leased:
    """The message of a row: id, times handed out, properties, headers, body."""
    id_, handed_out, properties, headers, body = row
    message = InboundMessage(
        queue=queue,
        body=body,
        headers=json.loads(headers),
        properties=Properties(**json.loads(properties)),
        redelivered=handed_out > 1,
        delivery_count=handed_out - 1,
    )
    return Leased(id=id_, message=message)
