"""Counts the messages of each queue with passive declarations: nothing is made or taken."""

import asyncio
from collections.abc import Sequence

from adapters.inbound.contract import BrokerUnavailable
from adapters.inbound.survey import QueueState, Waiting
from adapters.rabbitmq.amqp_channel import ChannelLost
from adapters.rabbitmq.connection import connect
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
    try:
        async with asyncio.timeout(_TIMEOUT):
            connection = await connect(settings.address, "dispatcher status")
            try:
                async with Declarer(connection) as declarer:
                    return tuple([await _state(declarer, settings, queue) for queue in queues])
            finally:
                await connection.close()
    except ChannelLost as lost:
        raise BrokerUnavailable(f"the broker does not show its queues: {lost}") from lost
    except TimeoutError:
        raise BrokerUnavailable(f"no answer of the broker within {_TIMEOUT:.0f} s") from None


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
