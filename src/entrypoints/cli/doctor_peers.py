"""What `dispatcher doctor` asks others: broker, ledger, and each channel's provider. Nothing is
sent, made or taken."""

import asyncio
from collections.abc import Awaitable

from adapters.channels import CHANNELS
from adapters.channels.finding import TIMEOUT, Finding, FindingState, reason_of
from adapters.inbound.contract import BrokerUnavailable
from adapters.inbound.survey import QueueState
from adapters.rabbitmq.settings import TopologyMode
from adapters.urls import redacted
from domain.errors import DispatcherError
from domain.ledger import Claim
from entrypoints.cli.checks import Check, misconfigured, ok, unreachable, warning
from entrypoints.cli.surveying import survey
from entrypoints.container import Container
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable


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
        async with asyncio.timeout(TIMEOUT):
            try:
                await ledger.sending(
                    Claim("i0.0", has_id=True), ()
                )  # without a recipient: renews a lease, no more
            finally:
                await ledger.close()
    except SettingsInvalid as invalid:
        return [misconfigured(name, fault) for fault in invalid.faults]
    except (DispatcherError, TimeoutError) as error:
        return [unreachable(name, reason_of(error), f"check {variable('ledger_url')}")]
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


async def _channel(container: Container, settings: Settings, name: str) -> list[Check]:
    channel, own = CHANNELS[name], settings.channel_settings[name]
    try:
        async with asyncio.timeout(channel.ping_timeout):
            return [_check(one) for one in await channel.look(own, container.channel_context())]
    except ValueError as error:
        return [misconfigured(name, fault) for fault in str(error).splitlines()]
    except (DispatcherError, TimeoutError) as error:
        return [_check(Finding.unreachable(name, error))]


def _check(finding: Finding) -> Check:
    match finding.state:
        case FindingState.FINE:
            return ok(finding.name, finding.detail)
        case FindingState.NOTABLE:
            return warning(finding.name, finding.detail, finding.remedy)
        case FindingState.UNREACHABLE:
            return unreachable(finding.name, finding.detail, finding.remedy)
