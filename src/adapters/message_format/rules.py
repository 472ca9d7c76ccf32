"""What a message may have: the worker's limits, and what its channels can send. And the AMQP
properties that a copy keeps."""

from typing import Any, NamedTuple

from domain.value_object import value_object

MAX_BODY = 10 * 1024 * 1024
"""Default limit of a message's body, in bytes."""

_EARLIEST = 946_684_800
"""The year 2000, in seconds since the epoch: a time before is nonsense."""
_AHEAD = 3600
"""Seconds that a producer's clock may be ahead of ours. Milliseconds taken for seconds are more."""


@value_object(kw_only=True)
class MessageRules:
    """`max_body`: bytes. The others are names of channels.

    `number_addresses`: a number is an address. `comma_free`: no address has a comma or a semicolon.
    Where one message names several channels, `with_copies` are those that use its `cc` and `bcc`,
    and `with_files` those that use its attachments.
    """

    max_body: int = MAX_BODY
    number_addresses: frozenset[str] = frozenset()
    comma_free: frozenset[str] = frozenset()
    with_copies: frozenset[str] = frozenset()
    with_files: frozenset[str] = frozenset()


class Reading(NamedTuple):
    """The context in which a message's fields are checked. `channel`: its queue's. `so_far`: the
    fields before; a faulty one is None."""

    channel: str
    rules: MessageRules
    so_far: dict[str, Any]


@value_object(kw_only=True)
class Properties:
    """The AMQP properties that a copy keeps. Never `expiration`, which would empty a dead queue,
    nor `user_id`, which the broker refuses from another user. `timestamp` is in epoch seconds."""

    content_type: str | None = None
    content_encoding: str | None = None
    priority: int | None = None
    correlation_id: str | None = None
    message_id: str | None = None
    timestamp: int | None = None
    type: str | None = None
    app_id: str | None = None

    def published(self, now: float) -> int | None:
        """When it was published, in epoch seconds; None where that is not said or is nonsense."""
        at = self.timestamp
        return at if at is not None and _EARLIEST < at < now + _AHEAD else None


NO_PROPERTIES = Properties()
