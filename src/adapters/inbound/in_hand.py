"""What a worker has in hand, counted where messages are taken and settled."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import DeliveryHeaders

_EARLIEST = 946_684_800
"""The year 2000, in seconds since the epoch: a time before is nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInHand:
    """The messages of one queue. `oldest`: since when the oldest waits, in seconds since the
    epoch: since it was published or first seen, as far as it says so, else since it was taken."""

    count: int
    oldest: float


@dataclass(slots=True)
class _Taken:
    size: int
    at: float
    message: InboundMessage | None


class InHand:
    """Counts messages that were taken and are not settled yet, and those that are. Shared by all
    queues of a worker."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since the epoch."""
        self.size = 0
        self.settled = 0
        self.settled_at: float | None = None
        self._clock = clock
        self._number = 0
        self._taken: dict[int, _Taken] = {}

    @property
    def count(self) -> int:
        """How many messages are in hand."""
        return len(self._taken)

    def take(self, size: int, message: InboundMessage | None = None) -> int:
        """A message of so many bytes was taken. Returns its number for `let_go`."""
        self._number += 1
        self._taken[self._number] = _Taken(size, self._clock(), message)
        self.size += size
        return self._number

    def let_go(self, number: int, *, is_settled: bool) -> None:
        """It is in hand no more: settled, or taken back by the broker. Not `is_settled`: it was
        handed back, to be handled again."""
        self.size -= self._taken.pop(number).size
        if is_settled:
            self.settled += 1
            self.settled_at = self._clock()

    def by_queue(self) -> Mapping[str, QueueInHand]:
        """What is in hand of each queue."""
        times: dict[str, list[float]] = {}
        for taken in self._taken.values():
            queue = taken.message.queue if taken.message is not None else ""
            times.setdefault(queue, []).append(_since(taken))
        return {
            queue: QueueInHand(count=len(since), oldest=min(since))
            for queue, since in times.items()
        }


def _since(taken: _Taken) -> float:
    if taken.message is None:
        return taken.at
    first_seen = DeliveryHeaders.parse(taken.message.headers).first_seen
    times = [float(taken.message.properties.timestamp or 0)]
    if first_seen is not None:
        times.append(first_seen.timestamp())
    return min([taken.at, *(at for at in times if at > _EARLIEST)])
