"""Count the messages that a worker has in hand, as they are taken and settled."""

import time
from collections.abc import Callable, Mapping
from typing import Annotated

from adapters.inbound.contract import InboundMessage
from adapters.message_format.headers import NO_HEADERS, DeliveryHeaders
from adapters.records import Given, number, whole_number
from domain.value_object import value_object


@value_object(kw_only=True)
class QueueInHand:
    """The messages of one queue. `oldest`: since when the oldest waits, in seconds since the
    epoch: since it was published or first seen, as far as it says so, else since it was taken."""

    count: Annotated[int, Given(whole_number(0))]
    oldest: Annotated[float, Given(number)]


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
            published = message.properties.published(at)
            first_seen = headers.first_seen.timestamp() if headers.first_seen else None
            earlier = (time for time in (published, first_seen) if time is not None)
            times.setdefault(message.queue, []).append(min([at, *earlier]))
        return {
            queue: QueueInHand(count=len(since), oldest=min(since))
            for queue, since in times.items()
        }

    def ages(self) -> Mapping[str, tuple[float, float]]:
        """Of each queue with messages in hand, in seconds: how long the message that was taken last
        had waited since it was published, and for how long the oldest is in hand. One that was here
        before has waited on purpose, and does not count for the first."""
        now = self._clock()
        found: dict[str, tuple[float, float]] = {}
        for at, message in self._taken.values():  # in the order of taking
            waited, held = found.get(message.queue, (0.0, 0.0))
            headers = DeliveryHeaders.parse(message.headers) if message.headers else NO_HEADERS
            published = message.properties.published(at)
            if published is not None and headers.first_seen is None:
                waited = max(0.0, at - published)
            found[message.queue] = waited, max(held, now - at)
        return found
