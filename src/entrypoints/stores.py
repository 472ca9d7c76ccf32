"""The adapters that the URLs of broker and ledger name; only those in use are imported."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from adapters.clock import SystemClock
from adapters.inbound.contract import Consumer, DeadLetters, Publisher, QueueState
from adapters.inbound.in_hand import InHand
from domain.ledger import DeliveryLedger
from domain.pace import PaceStore
from domain.ports import EventSink, Notifier
from entrypoints.settings import Settings, SettingsInvalid, variable

if TYPE_CHECKING:
    from adapters.rabbitmq.settings import RabbitSettings
    from adapters.rabbitmq.topology import Topology
    from adapters.sqlite.queue import SqliteQueue

_NO_REDIS = (
    f"{variable('ledger_url')}: redis:// needs the extra: pip install 'dispatcher-worker[redis]'"
)


P = TypeVar("P", Publisher, DeadLetters, DeliveryLedger, PaceStore, Notifier)


def closed_at_end(closing: AsyncExitStack, part: P) -> P:
    """The part, of which the stack lets go at its end."""
    closing.push_async_callback(part.close)
    return part


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


async def survey(
    settings: Settings, rabbit: "Callable[[], RabbitSettings]"
) -> tuple[QueueState, ...]:
    """What is in the queues of the channels that are configured here; all of them where no channel
    is, as on an operator's machine. Makes and takes nothing. Raises BrokerUnavailable or
    SettingsInvalid."""
    if settings.is_embedded:
        from adapters.sqlite import survey as sqlite
        from adapters.sqlite.url import parse_sqlite_url

        file = parse_sqlite_url(settings.broker)
        return sqlite.survey(file, settings.managed_queues, datetime.now(UTC))
    from adapters.rabbitmq import topology as rabbitmq

    return await rabbitmq.survey(rabbit(), settings.managed_queues)


def topology(rabbit: "RabbitSettings") -> "Topology":
    """What an operator asks about RabbitMQ's queues."""
    from adapters.rabbitmq.topology import Topology

    return Topology(rabbit)


def delivery_ledger(settings: Settings, clock: SystemClock) -> DeliveryLedger:
    """Who got which message. Raises SettingsInvalid."""
    if settings.ledger.startswith(("memory:", "sqlite:")):
        from adapters.sqlite.ledger import SqliteLedger

        return SqliteLedger(_file(settings.ledger), clock, lease=settings.lease)
    try:
        from adapters.redis.ledger import RedisLedger

        return RedisLedger(settings.ledger, lease=settings.lease)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{variable('ledger_url')}: {error}"]) from None


def pace_store(settings: Settings) -> PaceStore:
    """How fast each provider is sent to. Raises SettingsInvalid."""
    if settings.ledger.startswith(("memory:", "sqlite:")):
        from adapters.sqlite.paces import SqlitePaces

        return SqlitePaces(_file(settings.ledger))
    try:
        from adapters.redis.paces import RedisPaces

        return RedisPaces(settings.ledger)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{variable('ledger_url')}: {error}"]) from None


def _file(url: str) -> Path | None:
    """The ledger's file; None: in memory."""
    from adapters.sqlite.url import parse_sqlite_url

    return None if url.startswith("memory:") else parse_sqlite_url(url)
