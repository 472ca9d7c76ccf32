"""The adapters that the settings name, for broker, ledger and channels; only those in use are
imported."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from adapters.channels import CHANNELS
from adapters.channels.channel import ChannelContext
from adapters.clock import SystemClock
from adapters.inbound.contract import Consumer, DeadLetters, Publisher, QueueState
from adapters.inbound.in_hand import InHand
from adapters.message_format.rules import MessageRules
from adapters.secret import Secret
from domain.ledger import DeliveryLedger
from domain.pace import PaceStore
from domain.ports import EventSink, Notifier
from entrypoints.settings import Settings, SettingsInvalid, variable

if TYPE_CHECKING:
    from adapters.rabbitmq.outcome_events import OutcomeExchange
    from adapters.rabbitmq.settings import RabbitSettings
    from adapters.rabbitmq.topology import Topology
    from adapters.sqlite.queue import SqliteQueue

WISHES = frozenset(name for name, channel in CHANNELS.items() if channel.reads_metadata)
"""The metadata that are a channel's to read."""

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
            url=settings.broker_url or Secret(settings.broker),
            files=settings.broker_files,
            queues=settings.managed_queues,
            suppress_queues=tuple(settings.suppress_queues),
            bindings=settings.bindings,
            topology=settings.topology,
            queue_arguments=settings.queue_arguments,
            tiers=settings.retry_delays,
            prefetch=settings.effective_prefetch,
            prefetch_of=settings.prefetch_of,
            grace=settings.grace,
            max_body=settings.max_body,
            max_in_hand=settings.max_in_hand,
            events=settings.events,
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
            queues=settings.consumed_queues,
            prefetch=settings.effective_prefetch,
            grace=settings.grace,
            lease=settings.lease,
            max_in_hand=settings.max_in_hand,
        )
        return SqliteConsumer(sqlite(), consuming, clock, in_hand, events)
    from adapters.rabbitmq.consumer import RabbitConsumer

    return RabbitConsumer(rabbit(), events=events, in_hand=in_hand)


def outcome_exchange(
    settings: Settings, rabbit: "Callable[[], RabbitSettings]"
) -> "OutcomeExchange | None":
    """What publishes outcome events; None where there is to be none."""
    if settings.events is None or settings.is_embedded:
        return None
    from adapters.observers.outcome_events import CONTENT_TYPE
    from adapters.rabbitmq.outcome_events import OutcomeExchange

    return OutcomeExchange(rabbit(), settings.events, CONTENT_TYPE)


def event_sinks(
    settings: Settings, exchange: "OutcomeExchange | None"
) -> Sequence[EventSink | tuple[EventSink, Collection[type]]]:
    """The observers that only some workers have."""
    if exchange is None:
        return ()
    from adapters.observers.outcome_events import OutcomeEvents

    made = OutcomeEvents(exchange.take, settings.queue_channels, hidden=WISHES)
    return [(made, OutcomeEvents.TYPES)]


def publisher_and_dead_letters(
    settings: Settings,
    rabbit: "Callable[[], RabbitSettings]",
    sqlite: "Callable[[], SqliteQueue]",
) -> tuple[Publisher, DeadLetters]:
    """What stores messages, and what looks at dead letters; neither connects before it is used."""
    if settings.is_embedded:
        return sqlite(), sqlite()
    from adapters.rabbitmq.dead_letters import RabbitDeadLetters
    from adapters.rabbitmq.publisher import RabbitPublisher

    return RabbitPublisher(rabbit()), RabbitDeadLetters(rabbit())


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


def ledger_and_paces(settings: Settings, clock: SystemClock) -> tuple[DeliveryLedger, PaceStore]:
    """Who got which message, and how fast each provider is sent to; neither is opened before it is
    used. Raises SettingsInvalid."""
    url = settings.ledger_url or Secret(settings.ledger)
    if url.value.startswith(("memory:", "sqlite:")):
        from adapters.sqlite.ledger import SqliteLedger
        from adapters.sqlite.paces import SqlitePaces
        from adapters.sqlite.url import parse_sqlite_url

        file = None if url.value.startswith("memory:") else parse_sqlite_url(url.value)
        return SqliteLedger(file, clock, lease=settings.lease), SqlitePaces(file)
    try:
        from adapters.redis.ledger import RedisLedger
        from adapters.redis.paces import RedisPaces

        return RedisLedger(url, lease=settings.lease), RedisPaces(url)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{variable('ledger_url')}: {error}"]) from None


def message_rules(settings: Settings) -> MessageRules:
    """What a message may hold."""
    channels = CHANNELS.values()
    return MessageRules(
        max_body=settings.max_body,
        number_addresses=frozenset(one.name for one in channels if one.number_addresses),
        comma_free=frozenset(one.name for one in channels if not one.comma_addresses),
        with_copies=frozenset(one.name for one in channels if one.carries_copies),
        with_files=frozenset(one.name for one in channels if one.carries_files),
    )


def channel_notifiers(
    closing: AsyncExitStack, settings: Settings, context: ChannelContext
) -> Mapping[str, Notifier]:
    """The notifiers of the configured channels, behind the recipient guard where one is set. Raises
    SettingsInvalid."""
    made: dict[str, Notifier] = {}
    for name in settings.configured_channels:
        try:
            notifier = CHANNELS[name].notifier(settings.channel_settings[name], context)
        except ValueError as error:  # each line names its variable
            raise SettingsInvalid(str(error).splitlines()) from None
        made[name] = closed_at_end(closing, notifier)
    if not settings.only_to and not settings.redirect_to:
        return made
    from adapters.channels.shared.guard import GuardedNotifier, GuardRules

    rules = GuardRules(only_to=settings.only_to, redirect_to=settings.redirect_to)
    return {
        name: GuardedNotifier(notifier, name, rules, CHANNELS[name].parts)
        for name, notifier in made.items()
    }
