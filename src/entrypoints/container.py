"""The composition root: the only place where the adapters are named together.

What a process does not use is not imported: each factory imports its own adapter.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog
from dependency_injector import containers, providers

from adapters.clock import SystemClock
from adapters.telemetry.deliveries import DeliveryLog
from adapters.templates import FilesystemTemplates, RenderOptions, SetReport
from adapters.wire.handler import MessageHandler
from adapters.wire.inbound import Consumer, DeadLetters, Publisher
from adapters.wire.releaser import TemplateReleaser
from domain.dispatcher import Dispatcher
from domain.ledger import DeliveryLedger
from domain.once import OnceDispatcher
from domain.ports import Notifier
from domain.retry_policy import RetryPolicy
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.model import Undefined
from entrypoints.settings.sources import variable

if TYPE_CHECKING:
    from adapters.notifiers.email.url import SmtpSettings
    from adapters.rabbitmq.settings import RabbitSettings
    from adapters.rabbitmq.topology import Topology
    from adapters.sqlite.queue import SqliteQueue

log = structlog.get_logger()


def render_options(settings: Settings) -> RenderOptions:
    """How templates are compiled and rendered."""
    return RenderOptions(
        max_output=settings.max_output,
        timeout=settings.render_timeout.total_seconds(),
        lenient=settings.templates_undefined is Undefined.LENIENT,
        autoescape_flat=settings.templates_autoescape,
    )


def _renderer(settings: Settings) -> FilesystemTemplates:
    return FilesystemTemplates(
        settings.templates_dir, options=render_options(settings), on_change=_report_templates
    )


def _report_templates(report: SetReport) -> None:
    if not report.faults:
        log.info("templates changed", templates_version=report.version)
    for fault in report.faults:
        log.error(
            "templates are broken; the last good set stays in use",
            fault=fault,
            templates_version=report.version,
        )


def _email(settings: Settings) -> Notifier:
    from adapters.notifiers.blips import BlipTolerantNotifier
    from adapters.notifiers.email.letter import EmailDefaults
    from adapters.notifiers.email.url import MaildirSettings, parse_email_url

    defaults = EmailDefaults(
        sender=settings.email_from,
        reply_to=settings.email_reply_to,
        attachments_dir=settings.attachments_dir,
    )
    place = parse_email_url(settings.email or "")
    try:
        if isinstance(place, MaildirSettings):
            from adapters.notifiers.email.maildir import MaildirNotifier

            return MaildirNotifier(place.folder, defaults=defaults)
        from adapters.notifiers.email.pool import PoolLimits
        from adapters.notifiers.email.smtp import SmtpNotifier

        return BlipTolerantNotifier(
            SmtpNotifier(
                place,
                defaults=defaults,
                ca_file=settings.email_ca_file,
                limits=PoolLimits(size=settings.email_pool),
                reread=lambda: _relay_now(settings, place),
            )
        )
    except ValueError as error:
        raise SettingsInvalid([str(error)]) from None  # names its variable itself


def _relay_now(settings: Settings, known: "SmtpSettings") -> "SmtpSettings":
    """The relay as its secret file names it now; a file in the middle of a change says nothing."""
    from adapters.notifiers.email.url import SmtpSettings, parse_email_url

    try:
        place = parse_email_url(settings.email_now() or "")
    except ValueError:
        return known
    return place if isinstance(place, SmtpSettings) else known


def _dispatcher(
    settings: Settings,
    clock: SystemClock,
    renderer: FilesystemTemplates,
    notifiers: Mapping[str, Callable[[], Notifier]],
) -> Dispatcher:
    return Dispatcher(
        renderer=renderer,
        notifiers={name: notifiers[name]() for name in settings.configured_channels},
        retry_policy=RetryPolicy(settings.retry_delays),
        clock=clock,
        in_doubt=settings.in_doubt,
        concurrency=settings.concurrency,
        on_pause=_report_pause,
    )


def _ledger(settings: Settings, clock: SystemClock) -> DeliveryLedger:
    if settings.ledger.startswith("memory:"):
        from adapters.memory.ledger import MemoryLedger

        return MemoryLedger()
    if settings.ledger.startswith("sqlite:"):
        from adapters.sqlite.ledger import SqliteLedger
        from adapters.sqlite.url import parse_sqlite_url

        return SqliteLedger(parse_sqlite_url(settings.ledger), clock, lease=settings.lease)
    from adapters.redis.ledger import RedisLedger

    return RedisLedger(settings.ledger, lease=settings.lease)


def _report_pause(channel: str, error: str | None) -> None:
    if error is None:
        log.info("channel goes on: what it needs is back", channel=channel)
    else:
        log.error("channel is paused: what it needs is away", channel=channel, error=error)


def _sqlite_queue(settings: Settings, clock: SystemClock) -> "SqliteQueue":
    from adapters.sqlite.queue import SqliteQueue
    from adapters.sqlite.url import parse_sqlite_url

    return SqliteQueue(parse_sqlite_url(settings.broker), clock)


def _rabbit_settings(settings: Settings) -> "RabbitSettings":
    from adapters.rabbitmq.settings import RabbitSettings

    try:
        return RabbitSettings(
            url=settings.broker,
            queues=settings.managed_queues,
            bindings=settings.bindings,
            topology=settings.topology,
            queue_arguments=settings.queue_arguments,
            tiers=settings.retry_delays,
            prefetch=settings.effective_prefetch,
            grace=settings.grace,
        )
    except ValueError as error:
        raise SettingsInvalid([f"{variable('broker_url')}: {error}"]) from None


def _consumer(
    settings: Settings,
    clock: SystemClock,
    rabbit: "Callable[[], RabbitSettings]",
    sqlite: "Callable[[], SqliteQueue]",
) -> Consumer:
    if settings.is_embedded:
        from adapters.sqlite.consumer import SqliteConsumer, SqliteConsumerSettings

        consuming = SqliteConsumerSettings(
            queues=tuple(settings.active_queues),
            prefetch=settings.effective_prefetch,
            grace=settings.grace,
            lease=settings.lease,
        )
        return SqliteConsumer(sqlite(), consuming, clock)
    from adapters.rabbitmq.consumer import RabbitConsumer

    return RabbitConsumer(rabbit())


def _publisher(
    settings: Settings,
    rabbit: "Callable[[], RabbitSettings]",
    sqlite: "Callable[[], SqliteQueue]",
) -> Publisher:
    if settings.is_embedded:
        from adapters.sqlite.publisher import SqlitePublisher

        return SqlitePublisher(sqlite())
    from adapters.rabbitmq.publisher import RabbitPublisher

    return RabbitPublisher(rabbit())


def _dead_letters(
    settings: Settings,
    rabbit: "Callable[[], RabbitSettings]",
    sqlite: "Callable[[], SqliteQueue]",
) -> DeadLetters:
    if settings.is_embedded:
        from adapters.sqlite.dead_letters import SqliteDeadLetters

        return SqliteDeadLetters(sqlite())
    from adapters.rabbitmq.dead_letters import RabbitDeadLetters

    return RabbitDeadLetters(rabbit())


def _releaser(
    settings: Settings,
    dead_letters: DeadLetters,
    dispatcher: Dispatcher,
    renderer: FilesystemTemplates,
) -> TemplateReleaser:
    return TemplateReleaser(
        dead_letters=dead_letters,
        dispatcher=dispatcher,
        channels=settings.active_queues,
        version=lambda: renderer.version,
        max_body=settings.max_body,
    )


def _topology(rabbit: "RabbitSettings") -> "Topology":
    from adapters.rabbitmq.topology import Topology

    return Topology(rabbit)


class Container(containers.DeclarativeContainer):
    """Every part of the program, made on first use. Tests override a provider here and nowhere
    else."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    clock = providers.Singleton(SystemClock)

    # Channels: one line each, by the channel's name. Built only where configured.
    email = providers.Singleton(_email, settings)
    notifiers = providers.Dict(email=email.provider)

    # Rendering and dispatching
    renderer = providers.Singleton(_renderer, settings)
    dispatcher = providers.Singleton(_dispatcher, settings, clock, renderer, notifiers)
    ledger = providers.Singleton(_ledger, settings, clock)
    once = providers.Singleton(
        OnceDispatcher,
        dispatcher=dispatcher,
        ledger=ledger,
        clock=clock,
        on_pause=providers.Object(_report_pause),
    )
    observer = providers.Singleton(DeliveryLog)
    handler = providers.Singleton(
        MessageHandler,
        dispatcher=once,
        channels=settings.provided.queue_channels,
        clock=clock,
        observer=observer,
        max_body=settings.provided.max_body,
    )

    # Inbound: RabbitMQ, or the embedded queue
    rabbit = providers.Singleton(_rabbit_settings, settings)
    sqlite = providers.Singleton(_sqlite_queue, settings, clock)
    consumer = providers.Singleton(_consumer, settings, clock, rabbit.provider, sqlite.provider)
    publisher = providers.Singleton(_publisher, settings, rabbit.provider, sqlite.provider)
    dead_letters = providers.Singleton(_dead_letters, settings, rabbit.provider, sqlite.provider)
    releaser = providers.Singleton(_releaser, settings, dead_letters, dispatcher, renderer)
    topology = providers.Singleton(_topology, rabbit)


async def close_outbound(container: Container) -> None:
    """Let go of providers and the ledger, once nothing is in flight."""
    for notifier in container.dispatcher().notifiers.values():
        await notifier.close()
    await container.ledger().close()
