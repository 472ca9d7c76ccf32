"""What a broker shows of its queues without handing out a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Messages held back: in the tier of this `delay`, or (None) each until a time of its own."""

    delay: timedelta | None
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A work queue and what belongs to it. None stands for what this broker does not show.

    `exists` is about the work queue alone. `waiting` has no tier that was not made yet. `dead` is
    None where `<queue>.dead` does not exist. `unseen` names the queues that this user may not look
    at; they may well be there. `oldest`: since when the oldest
    ready message may be taken. `problem`: why the work queue cannot be used, whoever asks.
    """

    queue: str
    exists: bool
    ready: int | None
    unacked: int | None
    consumers: int | None
    waiting: tuple[Waiting, ...]
    dead: int | None
    dead_by_reason: Mapping[str, int] | None
    oldest: datetime | None = None
    unseen: tuple[str, ...] = ()
    problem: str | None = None
