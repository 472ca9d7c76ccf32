"""What `dispatcher doctor` asks others: broker, ledger, and each channel's provider. Nothing is
sent, made or taken."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from adapters.channels.email.paced import PacedNotifier
from adapters.channels.shared.blips import BlipTolerantNotifier
from adapters.channels.shared.pong import Pong
from adapters.inbound.contract import BrokerUnavailable
from adapters.inbound.survey import QueueState
from adapters.rabbitmq.settings import TopologyMode
from adapters.urls import redacted
from domain.errors import DispatcherError
from domain.ledger import Claim
from domain.ports import Notifier
from entrypoints.cli.checks import Check, misconfigured, ok, said, unreachable, warning
from entrypoints.cli.doctor_relays import LONGEST, relay_checks
from entrypoints.cli.surveying import survey
from entrypoints.container import Container
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable

_TIMEOUT = 12.0
_SKEW = timedelta(seconds=30)


async def peer_checks(settings: Settings) -> list[Check]:
    """Check all peers at once; each within some seconds."""
    container = Container(settings=settings)
    looks: list[Awaitable[list[Check]]] = [_broker(settings), _ledger(container, settings)]
    looks += [_channel(container, settings, name) for name in settings.configured_channels]
    found = await asyncio.gather(*looks)
    return [check for checks in found for check in checks]


async def _broker(settings: Settings) -> list[Check]:
    try:
        states = await survey(settings)
        if settings.is_embedded:
            return [ok("broker", _file(settings.broker))]
    except SettingsInvalid as invalid:
        return [misconfigured("broker", fault) for fault in invalid.faults]
    except BrokerUnavailable as away:
        return [unreachable("broker", str(away), f"check {variable('broker_url')} and the broker")]
    queues = [_queue(settings, state) for state in states]
    return [ok("broker", f"{redacted(settings.broker)} answers"), *queues]


def _queue(settings: Settings, state: QueueState) -> Check:
    name = f"queue {state.queue}"
    if not state.exists:
        if settings.topology is TopologyMode.NONE:
            return warning(name, "is absent", "its producer has to declare it")
        return warning(name, "is absent", "a worker makes it, or: dispatcher topology apply")
    if state.problem:
        return misconfigured(name, state.problem.removeprefix(f"{name} "))
    if state.unseen:
        return _unseen(name, state)
    return _existing(name, state)


def _unseen(name: str, state: QueueState) -> Check:
    seen = "" if state.ready is None else f"{state.ready} ready; "
    detail = f"{seen}this user may not look at {', '.join(state.unseen)}"
    return warning(name, detail, "no worker needs to: see the rights in docs/queues.md")


def _existing(name: str, state: QueueState) -> Check:
    if state.dead is None:
        remedy = "a worker makes it, or: dispatcher topology apply"
        return warning(name, f"has no {state.queue}.dead next to it", remedy)
    if not state.consumers:
        return warning(name, f"{state.ready} ready, and no worker consumes it", "start a worker")
    dead = f", {state.dead} dead" if state.dead else ""
    return ok(name, f"{state.ready} ready, consumers: {state.consumers}{dead}")


async def _ledger(container: Container, settings: Settings) -> list[Check]:
    name, url = "ledger", settings.ledger
    try:
        if url.startswith("sqlite:"):
            return [ok(name, _file(url, is_ledger=True))]
        ledger = container.ledger()
        async with asyncio.timeout(_TIMEOUT):
            try:
                await ledger.sending(
                    Claim("i0.0", has_id=True), ()
                )  # of nobody: renews a lease, no more
            finally:
                await ledger.close()
    except SettingsInvalid as invalid:
        return [misconfigured(name, fault) for fault in invalid.faults]
    except (DispatcherError, TimeoutError) as error:
        return [unreachable(name, said(error, _TIMEOUT), f"check {variable('ledger_url')}")]
    if url.startswith("memory:"):
        return [warning(name, "in memory: what it knows ends with the worker")]
    return [ok(name, f"{redacted(url)} takes writes")]


def _file(url: str, *, is_ledger: bool = False) -> str:
    from adapters.sqlite.database import QUEUE
    from adapters.sqlite.ledger import KIND
    from adapters.sqlite.survey import takes_writes
    from adapters.sqlite.url import parse_sqlite_url

    path = parse_sqlite_url(url)
    exists = takes_writes(path, KIND if is_ledger else QUEUE)
    return f"{path} {'takes writes' if exists else 'will be made when first needed'}"


async def _channel(container: Container, settings: Settings, channel: str) -> list[Check]:
    asks: dict[str, Callable[[Container, Settings], Awaitable[list[Check]]]] = {
        "email": relay_checks,
        "telegram": _telegram,
        "slack": _slack,
    }
    try:
        async with asyncio.timeout(LONGEST if channel == "email" else _TIMEOUT):
            if ask := asks.get(channel):
                return await ask(container, settings)
            container.notifiers()[channel]()
    except SettingsInvalid as invalid:
        return [misconfigured(channel, fault) for fault in invalid.faults]
    except (DispatcherError, TimeoutError) as error:
        return [unreachable(channel, said(error, _TIMEOUT), "until then the channel is paused")]
    if channel == "webhook" and settings.webhook_secret is None:
        return [_captured(channel, settings)]
    return [ok(channel, "is configured; it cannot be checked without sending something")]


async def _telegram(container: Container, settings: Settings) -> list[Check]:
    from adapters.channels.telegram import TelegramNotifier

    notifier = _inner(container.telegram())
    if not isinstance(notifier, TelegramNotifier):
        return [_captured("telegram", settings)]
    try:
        pong = await notifier.ping()
    finally:
        await notifier.close()
    return [ok("telegram", f"we are @{pong.name}"), *_clock("Telegram", pong)]


async def _slack(container: Container, settings: Settings) -> list[Check]:
    from adapters.channels.slack import SlackNotifier

    notifier = _inner(container.slack())
    if not isinstance(notifier, SlackNotifier):
        return [_captured("slack", settings)]
    if settings.slack_token is None:
        return [ok("slack", "has a webhook, which cannot be asked anything without posting")]
    try:
        pong = await notifier.ping()
    finally:
        await notifier.close()
    return [ok("slack", f"we are {pong.name}"), *_clock("Slack", pong)]


def _inner(notifier: Notifier) -> Notifier:
    while isinstance(notifier, BlipTolerantNotifier | PacedNotifier):
        notifier = notifier.inner
    return notifier


def _captured(channel: str, settings: Settings) -> Check:
    return warning(channel, f"messages are kept in {settings.home / channel}: nothing is sent")


def _clock(provider: str, pong: Pong) -> list[Check]:
    if pong.clock_ahead is None:
        return []
    off = abs(pong.clock_ahead)
    if off <= _SKEW:
        return [ok("clock", f"agrees with {provider}'s")]
    side = "ahead of" if pong.clock_ahead > timedelta(0) else "behind"
    detail = f"is {off.total_seconds():.0f} s {side} {provider}'s"
    return [warning("clock", detail, "let NTP set it: waits and expiries go by it")]
