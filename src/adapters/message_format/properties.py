"""The AMQP properties that a message format needs, and that survive a copy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """The AMQP properties that survive a copy. Never `expiration`, which would empty a dead queue,
    nor `user_id`, which the broker refuses from another user. `timestamp` is in epoch seconds."""

    content_type: str | None = None
    content_encoding: str | None = None
    priority: int | None = None
    correlation_id: str | None = None
    message_id: str | None = None
    timestamp: int | None = None
    type: str | None = None
    app_id: str | None = None


NO_PROPERTIES = Properties()
