"""The composition root: here the adapters are put together. `stores.py` makes those that a setting
chooses: broker, ledger, channels.

What a process does not use is not imported: each factory imports its own adapter.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dependency_injector import containers, providers

from adapters.channels import CHANNELS
from adapters.channels.channel import ChannelContext
from adapters.channels.shared.attachments import AttachmentFolder
from adapters.channels.shared.learned import Learned
from adapters.clock import SystemClock
from adapters.dead_letters.rehearsal import Rehearsal, TemplateReleaser
from adapters.inbound.handler import MessageHandler
from adapters.inbound.in_hand import InHand
from adapters.observers.alert_feed import AlertFeed
from adapters.observers.health import Readiness
from adapters.observers.sink import LogSink
from adapters.observers.subscribers import EventLog, FanOut
from adapters.templates import FilesystemTemplates, RenderOptions
from domain.alerts import AlertPolicy
from domain.channel_sender import AttachmentRoom, ChannelSender
from domain.dispatcher import Dispatcher
from domain.ledger_access import LedgerAccess
from domain.ports import EventSink, Notifier
from domain.retry_policy import RetryPolicy
from entrypoints import measuring, stores, suppressing, tracing
from entrypoints.settings import Settings, SettingsInvalid, variable
from entrypoints.watching.alerts import Alerter, AllClear
from entrypoints.watching.periodic import PERIOD, SettlementWatch

if TYPE_CHECKING:
    from adapters.observers.traces import Traces


def render_options(settings: Settings) -> RenderOptions:
    """How templates are compiled and rendered."""
    return RenderOptions(
        max_output=settings.max_output,
        timeout=settings.render_timeout.total_seconds(),
        lenient=settings.templates_undefined == "lenient",
        autoescape_flat=settings.templates_autoescape,
        settle=settings.templates_settle.total_seconds(),
        own_filters=settings.templates_filters,
        channels={name: one.parts for name, one in CHANNELS.items()},
        inline_css=settings.templates_inline_css,
    )


def templates_folder(settings: Settings) -> Path:
    """Where the templates are. Raises SettingsInvalid where there is no such folder."""
    folder = settings.templates_dir
    if not folder.is_dir():
        fault = (
            f"{folder} is a file; name the folder that holds the templates"
            if folder.exists()
            else f"the folder {folder} is missing; create it with templates in it, or name another"
            " folder"
        )
        raise SettingsInvalid([f"{variable('templates_dir')}: {fault}"])
    return folder


def _renderer(settings: Settings, events: EventSink) -> FilesystemTemplates:
    options = render_options(settings)
    return FilesystemTemplates(templates_folder(settings), options=options, events=events)


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


def _events(container: "Container") -> EventSink:
    settings, metrics = container.settings(), container.metrics()
    readiness = container.readiness()
    return FanOut(
        EventLog(hidden=stores.WISHES),
        *([] if metrics is None else [metrics]),
        (readiness, readiness.TYPES),
        AlertFeed(container.alerts(), settings.queue_channels),
        *stores.event_sinks(settings, container.outcome_exchange()),
        *tracing.sinks(container.traces()),
    )


class Container(containers.DeclarativeContainer):
    """Every part of the program, made on first use. `closing` lets go of what was made, the last
    first, once nothing is in hand. Tests override a provider here and nowhere else."""

    __self__ = providers.Self()
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    closing: "providers.Singleton[AsyncExitStack]" = providers.Singleton(AsyncExitStack)
    clock = providers.Singleton(SystemClock)
    log: providers.Dependency[LogSink] = providers.Dependency(
        instance_of=LogSink, default=LogSink(None)
    )

    traces: "providers.Object[Traces | None]" = providers.Object(None)
    """None where they are not asked for: then no span is made."""

    # What happens, and who gets it
    in_hand = providers.Singleton(InHand)
    learned = providers.Singleton(Learned)
    readiness = providers.Singleton(Readiness)
    alerts = providers.Singleton(AlertPolicy, clock)
    metrics = providers.Singleton(measuring.metrics, __self__)
    """None where they are not asked for: then nothing is measured."""
    rabbit = providers.Singleton(stores.rabbit_settings, settings)
    outcome_exchange = providers.Singleton(stores.outcome_exchange, settings, rabbit.provider)
    events = providers.Singleton(_events, __self__)
    settlement_period = providers.Object(PERIOD)
    settlement_watch = providers.Singleton(
        SettlementWatch,
        in_hand,
        is_paused=providers.Callable(lambda state: lambda: state.is_held_up, readiness),
        events=events,
        period=settlement_period,
    )

    # Channels
    ledger_and_paces = providers.Singleton(stores.ledger_and_paces, settings, clock)
    ledger = providers.Singleton(stores.closed_at_end, closing, ledger_and_paces.provided[0])
    paces = providers.Singleton(stores.closed_at_end, closing, ledger_and_paces.provided[1])
    channel_context = providers.Singleton(
        ChannelContext,
        home=settings.provided.home,
        attachments_dir=settings.provided.attachments_dir,
        attachments_most=settings.provided.attachments_most,
        retry_delays=settings.provided.retry_delays,
        paces=paces,
        events=events,
        learned=learned,
        wishes=stores.WISHES,
    )
    channel_notifiers = providers.Singleton(
        stores.channel_notifiers, closing, settings, channel_context
    )
    senders = providers.Singleton(
        _senders,
        settings,
        clock,
        providers.Callable(
            tracing.notifiers,
            providers.Callable(measuring.notifiers, channel_notifiers, metrics),
            traces,
        ),
        events,
    )
    timed_ledger = providers.Callable(measuring.ledger, ledger, metrics)
    ledger_access = providers.Singleton(LedgerAccess, timed_ledger, clock, events)
    suppressions = providers.Singleton(suppressing.access, __self__)
    renderer = providers.Singleton(_renderer, settings, events)
    templates = providers.Singleton(
        FilesystemTemplates,
        settings.provided.templates_dir,
        options=providers.Callable(render_options, settings),
    )
    """The same for commands, which say themselves what is wrong with it."""
    dispatcher = providers.Singleton(
        Dispatcher,
        renderer=providers.Callable(
            tracing.renderer, providers.Callable(measuring.renderer, renderer, metrics), traces
        ),
        senders=senders,
        ledger=ledger_access,
        retry_policy=providers.Singleton(RetryPolicy, settings.provided.retry_delays),
        clock=clock,
        in_doubt=settings.provided.in_doubt,
        suppressions=suppressions,
    )
    alerter = providers.Singleton(
        Alerter,
        policy=alerts,
        targets=settings.provided.alerts_to,
        notifiers=channel_notifiers,
        paused=readiness.provided.paused_channels,
        without_subject=[n for n, one in CHANNELS.items() if not one.carries_subject],
    )
    rules = providers.Singleton(stores.message_rules, settings)
    handler = providers.Singleton(
        MessageHandler,
        dispatcher=dispatcher,
        channels=settings.provided.queue_channels,
        clock=clock,
        events=events,
        rules=rules,
        is_traced=providers.Callable(lambda traces: traces is not None, traces),
    )

    rehearsal = providers.Singleton(
        Rehearsal,
        # A rehearsal is no rendering of a message: no span and no number is made of it.
        dispatcher=providers.Singleton(replace, dispatcher, renderer=renderer),
        channels=settings.provided.queue_channels,
        rules=rules,
    )

    # Inbound: RabbitMQ, or the embedded queue
    sqlite = providers.Singleton(stores.sqlite_queue, settings, clock)
    consumer = providers.Singleton(
        stores.consumer, settings, clock, events, in_hand, rabbit.provider, sqlite.provider
    )
    publisher_and_dead_letters = providers.Singleton(
        stores.publisher_and_dead_letters, settings, rabbit.provider, sqlite.provider
    )
    publisher = providers.Singleton(
        stores.closed_at_end, closing, publisher_and_dead_letters.provided[0]
    )
    dead_letters = providers.Singleton(
        stores.closed_at_end, closing, publisher_and_dead_letters.provided[1]
    )
    survey = providers.Callable(stores.survey, settings, rabbit.provider)
    all_clear = providers.Singleton(
        AllClear,
        policy=alerts,
        dead_letters=dead_letters,
        channels=settings.provided.queue_channels,
    )
    releaser = providers.Singleton(
        TemplateReleaser,
        dead_letters=dead_letters,
        rehearsal=rehearsal,
        queues=settings.provided.active_queues,
        version=providers.Callable(lambda renderer: lambda: renderer.snapshot.version, renderer),
    )
    topology = providers.Singleton(stores.topology, rabbit)
