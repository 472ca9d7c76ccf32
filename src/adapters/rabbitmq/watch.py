"""Who gets what the broker keeps us from doing."""

from typing import Protocol

QUEUES = "queues"
"""The trouble of a lost connection: no queue is consumed."""

ALARM = "broker alarm"
"""The trouble of a broker that is short of memory or disk and takes no messages in."""


def queue_trouble(queue: str) -> str:
    """The name of a queue's trouble: it is not consumed, or it takes no copies."""
    return f"queue {queue}"


class Watch(Protocol):
    """Called at every change, and more than once while a trouble lasts."""

    def trouble(self, name: str, error: str | None) -> None:
        """`name` is in trouble, or still is; None: it no longer is, or never was."""

    def unsure(self, name: str) -> None:
        """Whether `name` is still in trouble is not known any more: who waited for it has gone."""

    def recreated(self, queue: str) -> None:
        """`queue` was deleted under us, and we have created it again."""


class Nobody:
    """Does not care."""

    def trouble(self, name: str, error: str | None) -> None:
        """See Watch."""

    def unsure(self, name: str) -> None:
        """See Watch."""

    def recreated(self, queue: str) -> None:
        """See Watch."""
