"""What `dispatcher doctor` asks others: broker, ledger, and each channel's provider. Nothing is
sent, made or taken."""

import asyncio
from enum import Enum
from typing import NamedTuple

from adapters.channels import CHANNELS
from adapters.channels.finding import TIMEOUT, Finding, FindingState, reason_of
from adapters.inbound.contract import BrokerUnavailable, QueueState
from adapters.rabbitmq.settings import TopologyMode
from adapters.urls import redacted
from domain.errors import DispatcherError
from domain.ledger import Claim
from entrypoints.cli.app import BAD_CONFIGURATION, DONE, UNAVAILABLE
from entrypoints.cli.application import Application
from entrypoints.settings import Settings, SettingsInvalid, variable


class Verdict(Enum):
    """How a check went: its word, its colour, and the exit code that it asks for."""

    OK = ("ok", "green", DONE)
    WARNING = ("warning", "yellow", DONE)
    UNREACHABLE = ("failed", "red", UNAVAILABLE)
    MISCONFIGURED = ("failed", "red", BAD_CONFIGURATION)


OK, WARNING, UNREACHABLE, MISCONFIGURED = Verdict


class Check(NamedTuple):
    """One line: what was looked at, how it is, and what to do."""

    verdict: Verdict
    name: str
    detail: str
    remedy: str = ""


_MAKE_IT = "a worker makes it, or: dispatcher topology apply"

_VERDICTS = {
    FindingState.FINE: OK,
    FindingState.NOTABLE: WARNING,
    FindingState.UNREACHABLE: UNREACHABLE,
}


async def peer_checks(app: Application) -> list[Check]:
    """Check all peers at once; each within some seconds."""
    channels = [_channel(app, name) for name in app.settings.configured_channels]
    found = await asyncio.gather(_broker(app), _ledger(app), *channels)
    return [check for checks in found for check in checks]


async def _broker(app: Application) -> list[Check]:
    settings = app.settings
    try:
        states = await app.container.survey()
        if settings.is_embedded:
            return [Check(OK, "broker", _file(settings.broker))]
    except SettingsInvalid as invalid:
        return [Check(MISCONFIGURED, "broker", fault) for fault in invalid.faults]
    except BrokerUnavailable as away:
        return [
            Check(
                UNREACHABLE, "broker", str(away), f"check {variable('broker_url')} and the broker"
            )
        ]
    queues = [_queue(settings, state) for state in states]
    return [Check(OK, "broker", f"{redacted(settings.broker)} answers"), *queues]


def _queue(settings: Settings, state: QueueState) -> Check:
    name = f"queue {state.queue}"
    if not state.exists:
        is_foreign = settings.topology is TopologyMode.NONE
        remedy = "its producer has to declare it" if is_foreign else _MAKE_IT
        return Check(WARNING, name, "is absent", remedy)
    if state.problem:
        return Check(MISCONFIGURED, name, state.problem.removeprefix(f"{name} "))
    if state.unseen:
        seen = "" if state.ready is None else f"{state.ready} ready; "
        detail = f"{seen}this user may not look at {', '.join(state.unseen)}"
        return Check(WARNING, name, detail, "no worker needs to: see the rights in docs/queues.md")
    if state.dead is None:
        return Check(WARNING, name, f"has no {state.queue}.dead next to it", _MAKE_IT)
    if not state.consumers:
        text = f"{state.ready} ready, and no worker consumes it"
        return Check(WARNING, name, text, "start a worker")
    dead = f", {state.dead} dead" if state.dead else ""
    return Check(OK, name, f"{state.ready} ready, consumers: {state.consumers}{dead}")


async def _ledger(app: Application) -> list[Check]:
    name, url = "ledger", app.settings.ledger
    try:
        if url.startswith("sqlite:"):
            return [Check(OK, name, _file(url, is_ledger=True))]
        async with asyncio.timeout(TIMEOUT):
            # Without a recipient it renews a lease, no more.
            await app.container.ledger().sending(Claim("i0.0", has_id=True), ())
    except SettingsInvalid as invalid:
        return [Check(MISCONFIGURED, name, fault) for fault in invalid.faults]
    except (DispatcherError, TimeoutError) as error:
        return [Check(UNREACHABLE, name, reason_of(error), f"check {variable('ledger_url')}")]
    if url.startswith("memory:"):
        return [Check(WARNING, name, "in memory: what it knows ends with the worker")]
    return [Check(OK, name, f"{redacted(url)} takes writes")]


def _file(url: str, *, is_ledger: bool = False) -> str:
    from adapters.sqlite.database import QUEUE
    from adapters.sqlite.ledger import KIND
    from adapters.sqlite.survey import takes_writes
    from adapters.sqlite.url import parse_sqlite_url

    path = parse_sqlite_url(url)
    exists = takes_writes(path, KIND if is_ledger else QUEUE)
    return f"{path} {'takes writes' if exists else 'will be made when first needed'}"


async def _channel(app: Application, name: str) -> list[Check]:
    channel, own = CHANNELS[name], app.settings.channel_settings[name]
    try:
        async with asyncio.timeout(channel.ping_timeout):
            return [_check(one) for one in await channel.look(own, app.container.channel_context())]
    except ValueError as error:
        return [Check(MISCONFIGURED, name, fault) for fault in str(error).splitlines()]
    except (DispatcherError, TimeoutError) as error:
        return [_check(Finding.unreachable(name, error))]


def _check(finding: Finding) -> Check:
    return Check(_VERDICTS[finding.state], finding.name, finding.detail, finding.remedy)
