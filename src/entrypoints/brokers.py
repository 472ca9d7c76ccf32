"""Inbound: RabbitMQ, or the embedded queue, and only the one in use is imported."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from adapters.inbound.contract import Consumer, DeadLetters, Publisher
from adapters.inbound.in_hand import InHand
from domain.ports import EventSink
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable

if TYPE_CHECKING:
    from adapters.rabbitmq.settings import RabbitSettings
    from adapters.rabbitmq.topology import Topology
    from adapters.sqlite.queue import SqliteQueue


def sqlite_queue(settings: Settings, clock: SystemClock) -> "SqliteQueue":
    """The file of the embedded queue."""
    from adapters.sqlite.queue import SqliteQueue
    from adapters.sqlite.url import parse_sqlite_url

    return SqliteQueue(parse_sqlite_url(settings.broker), clock)


def rabbit_settings(settings: Settings) -> "RabbitSettings":
    """Return the settings of RabbitMQ's adapter. Raises SettingsInvalid."""
    from adapters.rabbitmq.settings import RabbitSettings

    try:
        return RabbitSettings(
            url=settings.broker,
            files=settings.broker_files,
            queues=settings.managed_queues,
            bindings=settings.bindings,
            topology=settings.topology,
            queue_arguments=settings.queue_arguments,
            tiers=settings.retry_delays,
            prefetch=settings.effective_prefetch,
            prefetch_of=settings.prefetch_of,
            grace=settings.grace,
            max_body=settings.max_body,
            max_in_hand=settings.max_in_hand,
        )
    except ValueError as error:
        raise SettingsInvalid([f"{variable('broker_url')}: {error}"]) from None


def consumer(
    settings: Settings,
    clock: SystemClock,
    events: EventSink,
    in_hand: InHand,
    rabbit: "Callable[[], RabbitSettings]",
    sqlite: "Callable[[], SqliteQueue]",
) -> Consumer:
    """What takes messages from the work queues; `events` gets trouble with the broker, and
    `in_hand` counts."""
    if settings.is_embedded:
        from adapters.sqlite.consumer import SqliteConsumer, SqliteConsumerSettings

        consuming = SqliteConsumerSettings(
            queues=tuple(settings.active_queues),
            prefetch=settings.effective_prefetch,
            grace=settings.grace,
            lease=settings.lease,
            max_in_hand=settings.max_in_hand,
        )
        return SqliteConsumer(sqlite(), consuming, clock, in_hand, events)
    from adapters.rabbitmq.consumer import RabbitConsumer

    return RabbitConsumer(rabbit(), events=events, in_hand=in_hand)


def publisher(
    settings: Settings,
    rabbit: "Callable[[], RabbitSettings]",
    sqlite: "Callable[[], SqliteQueue]",
) -> Publisher:
    """What stores messages, for the commands."""
    if settings.is_embedded:
        return sqlite()
    from adapters.rabbitmq.publisher import RabbitPublisher

    return RabbitPublisher(rabbit())


def dead_letters(
    settings: Settings,
    rabbit: "Callable[[], RabbitSettings]",
    sqlite: "Callable[[], SqliteQueue]",
) -> DeadLetters:
    """What looks at dead letters."""
    if settings.is_embedded:
        from adapters.sqlite.dead_letters import SqliteDeadLetters

        return SqliteDeadLetters(sqlite())
    from adapters.rabbitmq.dead_letters import RabbitDeadLetters

    return RabbitDeadLetters(rabbit())


def topology(rabbit: "RabbitSettings") -> "Topology":
    """What an operator asks about RabbitMQ's queues."""
    from adapters.rabbitmq.topology import Topology

    return Topology(rabbit)
