"""Counts the messages of each queue with passive declarations: nothing is made or taken."""

from collections.abc import Sequence

from adapters.inbound.survey import QueueState, Waiting
from adapters.rabbitmq.connection import asking, connected
from adapters.rabbitmq.declarer import Declarer
from adapters.rabbitmq.plan import LADDER, dead_queue_name, retry_queue
from adapters.rabbitmq.preparing import a_stream
from adapters.rabbitmq.settings import RabbitSettings

_TIMEOUT = 20.0


async def survey(settings: RabbitSettings, queues: Sequence[str]) -> tuple[QueueState, ...]:
    """The state of each of `queues`, in their order; what this user may not look at is named as
    unseen. Raises BrokerUnavailable.

    AMQP shows ready messages only, not those that a consumer holds.
    """
    async with (
        asking("the broker does not show its queues", _TIMEOUT),
        connected(settings.address, "dispatcher status") as connection,
        Declarer(connection) as declarer,
    ):
        return tuple([await _state(declarer, settings, queue) for queue in queues])


async def _state(declarer: Declarer, settings: RabbitSettings, queue: str) -> QueueState:
    tiers = {delay: retry_queue(queue, delay).name for delay in {*settings.tiers, *LADDER}}
    names = [queue, dead_queue_name(queue), *(tiers[delay] for delay in sorted(tiers))]
    found = {name: counts for name in names if (counts := await declarer.counts(name))}
    waiting = [
        Waiting(delay=delay, messages=counts.ready)
        for delay in sorted(tiers)
        if (counts := found.get(tiers[delay])) and counts.ready is not None
    ]
    work, dead = found.get(queue), found.get(dead_queue_name(queue))
    return QueueState(
        queue=queue,
        exists=work is not None,
        ready=work.ready if work else 0,
        unacked=None,
        consumers=work.consumers if work else 0,
        waiting=tuple(waiting),
        dead=dead.ready if dead else None,
        dead_by_reason=None,
        unseen=tuple(name for name, counts in found.items() if counts.ready is None),
        problem=a_stream(queue) if work and await declarer.is_stream(queue) else None,
    )
