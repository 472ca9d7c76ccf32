"""Which exchanges, queues and bindings there must be, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from adapters.rabbitmq.amqp_channel import AmqpChannel
from adapters.rabbitmq.settings import RabbitSettings

EXCHANGE = "dispatcher"
LADDER = tuple(
    timedelta(seconds=seconds) for seconds in (10, 60, 300, 1_800, 7_200, 21_600, 86_400)
)
"""The hops of exact waits, next to the configured tiers; their queues are made on first need."""

_LOOKS = 1_000_000
"""RabbitMQ 4 counts every look at a letter and drops it at its default limit of 20; -1 would mean
unlimited there and zero on 3.x."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan:
    """A durable queue, bound to the exchange `dispatcher` under its own name. `is_work`: it is
    a work queue, which a producer may own; retry and dead queues are always ours."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    is_work: bool = False

    async def declare(self, channel: AmqpChannel) -> None:
        """Create it, or make sure that it has exactly these arguments. Raises ChannelLost."""
        await channel.declare_queue(self.name, self.arguments)


def work_queue(settings: RabbitSettings, queue: str) -> QueuePlan:
    """The work queue as we create it where it is missing."""
    ours = _safe(dead_queue_name(queue)) | {"x-delivery-limit": 50}
    chosen = settings.queue_arguments
    return QueuePlan(name=queue, arguments=ours if chosen is None else chosen, is_work=True)


def retry_queue(queue: str, delay: timedelta) -> QueuePlan:
    """The queue that holds messages for `delay`, then gives them back to the work queue. The delay
    is in the name, since the arguments of a queue cannot be changed."""
    ms = milliseconds(delay)
    arguments = _safe(queue) | {"x-message-ttl": ms, "x-delivery-limit": _LOOKS}
    return QueuePlan(name=f"{queue}.retry.{ms}", arguments=arguments)


def dead_queue(queue: str) -> QueuePlan:
    """Where dead letters wait for a person. They never expire."""
    arguments: dict[str, object] = {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-delivery-limit": _LOOKS,
    }
    return QueuePlan(name=dead_queue_name(queue), arguments=arguments)


def dead_queue_name(queue: str) -> str:
    """The name of a work queue's dead letter queue."""
    return queue + ".dead"


def queue_plans(settings: RabbitSettings, queue: str) -> tuple[QueuePlan, ...]:
    """All that one work queue needs, itself last: in mode `none` it may still be missing."""
    tiers = sorted(set(settings.tiers))
    return (
        dead_queue(queue),
        *(retry_queue(queue, tier) for tier in tiers),
        work_queue(settings, queue),
    )


def exact_hop(settings: RabbitSettings, delay: timedelta) -> timedelta:
    """The longest hop that fits into `delay`, else the shortest there is."""
    hops = {*settings.tiers, *LADDER}
    return max((hop for hop in hops if hop <= delay), default=min(hops))


def milliseconds(delay: timedelta) -> int:
    """Whole milliseconds, as queue names and `x-message-ttl` have them."""
    return round(delay / timedelta(milliseconds=1))


def _safe(dead_letter_to: str) -> dict[str, object]:
    # At-least-once dead-lettering silently falls back to at-most-once without reject-publish
    # (rabbitmq.com/docs/quorum-queues).
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": EXCHANGE,
        "x-dead-letter-routing-key": dead_letter_to,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
