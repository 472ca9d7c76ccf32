"""The composition root: the only place where the adapters are named together.

What a process does not use is not imported: each factory imports its own adapter.
"""

from collections.abc import Mapping
from pathlib import Path

from dependency_injector import containers, providers

from adapters.channels import CHANNELS
from adapters.channels.shared.attachments import AttachmentFolder
from adapters.channels.shared.learned import Learned
from adapters.clock import SystemClock
from adapters.dead_letters.rehearsal import Rehearsal
from adapters.dead_letters.releaser import TemplateReleaser
from adapters.inbound.contract import DeadLetters
from adapters.inbound.handler import MessageHandler
from adapters.inbound.in_hand import InHand
from adapters.observers.alerts import AlertFeed
from adapters.observers.event_log import EventLog
from adapters.observers.fan_out import FanOut
from adapters.observers.metrics import Metrics, MetricSources
from adapters.observers.readiness import Readiness
from adapters.observers.sink import LogSink
from adapters.templates import FilesystemTemplates, RenderOptions
from domain.alerts import AlertPolicy
from domain.channel_sender import AttachmentRoom, ChannelSender
from domain.dispatcher import Dispatcher
from domain.ledger_access import LedgerAccess
from domain.ports import EventSink, Notifier
from domain.retry_policy import RetryPolicy
from entrypoints import brokers
from entrypoints.alerts.alerter import Alerter
from entrypoints.alerts.all_clear import AllClear
from entrypoints.channels import (
    WISHES,
    channel_context,
    guarded_notifiers,
    message_rules,
    notifier_factories,
)
from entrypoints.ledgers import delivery_ledger, pace_store
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.model import Undefined
from entrypoints.settings.sources import variable
from entrypoints.watching.periodic import PERIOD, SettlementWatch


def render_options(settings: Settings) -> RenderOptions:
    """How templates are compiled and rendered."""
    return RenderOptions(
        max_output=settings.max_output,
        timeout=settings.render_timeout.total_seconds(),
        lenient=settings.templates_undefined is Undefined.LENIENT,
        autoescape_flat=settings.templates_autoescape,
        settle=settings.templates_settle.total_seconds(),
        channels={name: one.parts for name, one in CHANNELS.items()},
    )


def _no_folder(path: Path) -> str:
    if path.exists():
        return f"{path} is a file; name the folder that holds the templates"
    return f"the folder {path} is missing; create it with templates in it, or name another folder"


def _renderer(settings: Settings, events: EventSink) -> FilesystemTemplates:
    if not settings.templates_dir.is_dir():
        raise SettingsInvalid(
            [f"{variable('templates_dir')}: {_no_folder(settings.templates_dir)}"]
        )
    return FilesystemTemplates(
        settings.templates_dir, options=render_options(settings), events=events
    )


def _senders(
    settings: Settings, clock: SystemClock, notifiers: Mapping[str, Notifier], events: EventSink
) -> Mapping[str, ChannelSender]:
    files = AttachmentFolder(settings.attachments_dir)
    room = AttachmentRoom(settings.max_in_hand, files.size_of)
    return {
        name: ChannelSender(
            name,
            notifier,
            clock,
            events,
            waits=settings.retry_delays,
            concurrency=settings.concurrency,
            room=room,
        )
        for name, notifier in notifiers.items()
    }


def _metrics(container: "Container") -> Metrics:
    settings, log, in_hand = container.settings(), container.log(), container.in_hand()
    sources = MetricSources(
        # The renderer emits events, so it is asked for late.
        has_template=lambda name: container.renderer().has(name),
        templates_version=lambda: container.renderer().version,
        relays=container.learned().snapshot,
        in_hand=lambda: (in_hand.count, in_hand.size),
        dropped_lines=lambda: log.dropped,
    )
    return Metrics(
        sources, channels=settings.configured_channels, queue_channels=settings.queue_channels
    )


def _events(metrics: Metrics, readiness: Readiness, alerts: AlertFeed) -> FanOut:
    events = FanOut()
    events.subscribe(EventLog(hidden=WISHES))
    events.subscribe(metrics)
    events.subscribe(readiness, *Readiness.TYPES)
    events.subscribe(alerts)
    return events


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
        rules=message_rules(settings),
    )


class Container(containers.DeclarativeContainer):
    """Every part of the program, made on first use. Tests override a provider here and nowhere
    else."""

    __self__ = providers.Self()
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    clock = providers.Singleton(SystemClock)
    log: providers.Dependency[LogSink] = providers.Dependency(
        instance_of=LogSink, default=LogSink(None)
    )

    # What happens, and who gets it
    in_hand = providers.Singleton(InHand)
    learned = providers.Singleton(Learned)
    readiness = providers.Singleton(Readiness)
    alerts = providers.Singleton(AlertPolicy, clock)
    metrics = providers.Singleton(_metrics, __self__)
    events = providers.Singleton(
        _events,
        metrics,
        readiness,
        providers.Singleton(AlertFeed, alerts, settings.provided.queue_channels),
    )
    settlement_period = providers.Object(PERIOD)
    settlement_watch = providers.Singleton(
        SettlementWatch,
        in_hand,
        is_paused=providers.Callable(lambda state: lambda: state.is_held_up, readiness),
        events=events,
        period=settlement_period,
    )

    # How fast each provider is sent to
    paces = providers.Singleton(pace_store, settings)

    # Channels
    channel_context = providers.Singleton(channel_context, settings, events, learned, paces)
    notifiers = providers.Singleton(notifier_factories, settings, channel_context)
    channel_notifiers = providers.Singleton(guarded_notifiers, settings, notifiers)
    senders = providers.Singleton(_senders, settings, clock, channel_notifiers, events)
    ledger = providers.Singleton(delivery_ledger, settings, clock)
    ledger_access = providers.Singleton(LedgerAccess, ledger, clock, events)
    renderer = providers.Singleton(_renderer, settings, events)
    dispatcher = providers.Singleton(
        Dispatcher,
        renderer=renderer,
        senders=senders,
        ledger=ledger_access,
        retry_policy=providers.Singleton(RetryPolicy, settings.provided.retry_delays),
        clock=clock,
        in_doubt=settings.provided.in_doubt,
    )
    alerter = providers.Singleton(
        Alerter,
        policy=alerts,
        targets=settings.provided.alerts_to,
        notifiers=channel_notifiers,
        paused=readiness.provided.paused_channels,
        without_subject=[n for n, one in CHANNELS.items() if not one.carries_subject],
    )
    rules = providers.Singleton(message_rules, settings)
    handler = providers.Singleton(
        MessageHandler,
        dispatcher=dispatcher,
        channels=settings.provided.queue_channels,
        clock=clock,
        events=events,
        rules=rules,
    )

    rehearsal = providers.Singleton(
        Rehearsal,
        dispatcher=dispatcher,
        channels=settings.provided.queue_channels,
        rules=rules,
    )

    # Inbound: RabbitMQ, or the embedded queue
    rabbit = providers.Singleton(brokers.rabbit_settings, settings)
    sqlite = providers.Singleton(brokers.sqlite_queue, settings, clock)
    consumer = providers.Singleton(
        brokers.consumer, settings, clock, events, in_hand, rabbit.provider, sqlite.provider
    )
    publisher = providers.Singleton(brokers.publisher, settings, rabbit.provider, sqlite.provider)
    dead_letters = providers.Singleton(
        brokers.dead_letters, settings, rabbit.provider, sqlite.provider
    )
    all_clear = providers.Singleton(
        AllClear,
        policy=alerts,
        dead_letters=dead_letters,
        channels=settings.provided.queue_channels,
    )
    releaser = providers.Singleton(_releaser, settings, dead_letters, dispatcher, renderer)
    topology = providers.Singleton(brokers.topology, rabbit)


async def close_outbound(container: Container) -> None:
    """Let go of providers and the ledger, once nothing is in flight."""
    for notifier in container.channel_notifiers().values():
        await notifier.close()
    await container.paces().close()
    await container.ledger().close()
