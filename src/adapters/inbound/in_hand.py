"""Count the messages that a worker has in hand, as they are taken and settled."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import NO_HEADERS, DeliveryHeaders

# The year 2000, in seconds since the epoch: a time before is nonsense.
_EARLIEST = 946_684_800


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInHand:
    """The messages of one queue. `oldest`: since when the oldest waits, in seconds since the
    epoch: since it was published or first seen, as far as it says so, else since it was taken."""

    count: int
    oldest: float


class InHand:
    """Counts messages that were taken and are not settled yet, and those that are. Shared by all
    queues of a worker. `count` and `size`: the messages in hand, and their bytes."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since the epoch."""
        self.count = 0
        self.size = 0
        self.settled = 0
        self.settled_at: float | None = None
        self._clock = clock
        self._taken: dict[int, tuple[float, InboundMessage]] = {}

    def take(self, message: InboundMessage) -> None:
        """Count a message that was taken; give the same object to `let_go`."""
        self._taken[id(message)] = self._clock(), message
        self.count += 1
        self.size += len(message.body)

    def let_go(self, message: InboundMessage, *, is_settled: bool) -> None:
        """Count a message that is not in hand any more. Not `is_settled`: it was handed back, or
        the broker took it back, and it will be handled again."""
        del self._taken[id(message)]
        self.count -= 1
        self.size -= len(message.body)
        if is_settled:
            self.settled += 1
            self.settled_at = self._clock()

    def by_queue(self) -> Mapping[str, QueueInHand]:
        """Return what is in hand of each queue."""
        times: dict[str, list[float]] = {}
        for at, message in self._taken.values():
            headers = DeliveryHeaders.parse(message.headers) if message.headers else NO_HEADERS
            published = message.properties.timestamp or 0
            first_seen = headers.first_seen.timestamp() if headers.first_seen else 0
            earlier = (time for time in (published, first_seen) if time > _EARLIEST)
            times.setdefault(message.queue, []).append(min([at, *earlier]))
        return {
            queue: QueueInHand(count=len(since), oldest=min(since))
            for queue, since in times.items()
        }
