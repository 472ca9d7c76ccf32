"""Counts the messages of each queue with passive declarations: nothing is made or taken."""

import asyncio
from collections.abc import Sequence

from adapters.rabbitmq.amqp_channel import ChannelLost
from adapters.rabbitmq.connection import connect
from adapters.rabbitmq.declarer import Declarer
from adapters.rabbitmq.plan import LADDER, dead_queue_name, retry_queue
from adapters.rabbitmq.settings import RabbitSettings
from adapters.wire.inbound import BrokerUnavailable
from adapters.wire.survey import QueueState, Waiting

_TIMEOUT = 20.0


async def survey(settings: RabbitSettings, queues: Sequence[str]) -> tuple[QueueState, ...]:
    """The state of each of `queues`, in their order. Raises BrokerUnavailable.

    AMQP tells of ready messages only, not of those in a consumer's hands.
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
        raise BrokerUnavailable(f"the broker does not tell of its queues: {lost}") from lost
    except TimeoutError:
        raise BrokerUnavailable(f"no answer of the broker within {_TIMEOUT:.0f} s") from None


async def _state(declarer: Declarer, settings: RabbitSettings, queue: str) -> QueueState:
    waiting = [
        Waiting(delay=delay, messages=tier.ready)
        for delay in sorted({*settings.tiers, *LADDER})
        if (tier := await declarer.counts(retry_queue(queue, delay).name))
    ]
    work = await declarer.counts(queue)
    dead = await declarer.counts(dead_queue_name(queue))
    return QueueState(
        queue=queue,
        exists=work is not None,
        ready=work.ready if work else 0,
        unacked=None,
        consumers=work.consumers if work else 0,
        waiting=tuple(waiting),
        dead=dead.ready if dead else None,
        dead_by_reason=None,
    )
