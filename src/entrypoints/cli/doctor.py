"""`dispatcher doctor`: the settings, the templates, and what others answer: broker, ledger, and
each channel's provider. Nothing is sent, made or taken."""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from adapters.channels import CHANNELS
from adapters.channels.finding import TIMEOUT, Finding, FindingState, reason_of
from adapters.inbound.contract import BrokerUnavailable, QueueState
from adapters.observers.logs import configure_logs
from adapters.rabbitmq.settings import TopologyMode
from adapters.templates.lint import lint
from adapters.urls import redacted
from domain.errors import DispatcherError
from domain.ledger import Claim
from entrypoints import suppressing
from entrypoints.cli.app import BAD_CONFIGURATION, DONE, UNAVAILABLE
from entrypoints.cli.application import Application, opened, print_json, printable
from entrypoints.container import render_options
from entrypoints.settings import Settings, SettingsInvalid, load_settings, variable
from entrypoints.start import unset_sender, worker_settings

# Bytes of free space below which the check warns.
_LITTLE = 512 * 2**20

_MAKE_IT = "a worker makes it, or: dispatcher topology apply"

# How a check went: its word, its colour, and the exit code that it asks for.
_VERDICTS = {
    FindingState.FINE: ("ok", "green", DONE),
    FindingState.NOTABLE: ("warning", "yellow", DONE),
    FindingState.UNREACHABLE: ("failed", "red", UNAVAILABLE),
    FindingState.MISCONFIGURED: ("failed", "red", BAD_CONFIGURATION),
}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    """Check settings, templates, broker, ledger and every channel's provider.

    Sends and creates nothing. Exit codes: 78 if settings or templates are wrong, else 69 if
    something cannot be reached, else 0. A warning changes no exit code.
    """
    found = [(one, *_VERDICTS[one.state]) for one in _findings()]
    if as_json:
        print_json(
            [
                {"name": one.name, "state": word, "detail": one.detail, "remedy": one.remedy}
                for one, word, *_ in found
            ]
        )
    else:
        for one, word, colour, _ in found:
            advice = f" ({one.remedy})" if one.remedy else ""
            text = " ".join(f"{one.name}: {one.detail}{advice}".split())
            click.echo(f"{click.style(f'{word:<8}', fg=colour)} {printable(text)}")
    return max(code for *_, code in found)


def _findings() -> list[Finding]:
    try:
        settings = load_settings().settings
    except SettingsInvalid as invalid:
        return _misconfigured("settings", invalid)
    configure_logs(settings.log_format, "ERROR")  # what is wrong is reported as a check
    with opened(settings) as app:
        return [
            *_of_settings(settings),
            *_of_templates(settings),
            _of_disk(settings),
            *app.run(_of_peers(app)),
        ]


def _misconfigured(name: str, invalid: SettingsInvalid) -> list[Finding]:
    return [Finding(name, fault, FindingState.MISCONFIGURED) for fault in invalid.faults]


def _of_settings(settings: Settings) -> Iterator[Finding]:
    """Whether a worker would start with them, and what may not be meant."""
    name = "settings"
    try:
        worker_settings(settings, None)
        yield Finding(name, f"a worker would serve {', '.join(settings.active_channels)}")
    except SettingsInvalid as invalid:
        yield from _misconfigured(name, invalid)
    if settings.broker_url is None:
        yield Finding.notable(
            name,
            "no broker is configured: the embedded queue is used",
            f"set {variable('broker_url')}=amqp://… to consume from RabbitMQ",
        )
    if settings.only_to or settings.redirect_to:
        yield Finding.notable(name, "the recipient guard is on: only some recipients get messages")
    for unset in filter(None, (unset_sender(settings, one) for one in settings.active_channels)):
        yield Finding.notable(
            name,
            "no sender is set",
            f"set {variable(unset)}, or let each message or template name its sender",
        )
    folder = settings.attachments_dir
    if folder is not None and not folder.is_dir():
        yield Finding.notable(
            name,
            f"the attachments folder {folder} does not exist",
            f"make it, or fix {variable('attachments_dir')}",
        )


def _of_templates(settings: Settings) -> Iterator[Finding]:
    """Whether the set compiles and every example renders."""
    name, folder, wrong = "templates", settings.templates_dir, FindingState.MISCONFIGURED
    if not folder.is_dir():
        remedy = f"create it, or set {variable('templates_dir')} to the folder of your templates"
        yield Finding(name, f"the templates folder {folder} does not exist", wrong, remedy)
        return
    found = lint(folder, render_options(settings), datetime.now(UTC))
    errors = [one for one in found if one.severity == "error"]
    for one in errors:
        place = f"{one.file}{f':{one.line}' if one.line else ''}"
        yield Finding(name, f"{place}: {one.text}", wrong, "fix the file")
    if not errors:
        yield Finding(name, f"all in {folder} compile, and every example renders")
    if others := len(found) - len(errors):
        yield Finding.notable(
            name,
            f"{others} {'warning' if others == 1 else 'warnings'}",
            "see: dispatcher templates lint",
        )


def _of_disk(settings: Settings) -> Finding:
    """Whether there is room where we write."""
    place = settings.home.absolute()
    place = next(one for one in (place, *place.parents) if one.exists())
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding.notable("disk", f"cannot look at {place}: {error.strerror}")
    detail = f"{free // 2**20:,} MiB are free at {settings.home}"
    if free < _LITTLE:
        return Finding.notable("disk", detail, "free some space")
    return Finding("disk", detail)


async def _of_peers(app: Application) -> list[Finding]:
    """Check all peers at once; each within some seconds."""
    channels = [_of_channel(app, name) for name in app.settings.configured_channels]
    lists = suppressing.findings(app.container)
    found = await asyncio.gather(_of_broker(app), _of_ledger(app), lists, *channels)
    return [finding for findings in found for finding in findings]


async def _of_broker(app: Application) -> list[Finding]:
    settings = app.settings
    try:
        states = await app.container.survey()
        if settings.is_embedded:
            return [Finding("broker", _file(settings.broker))]
        events = await _of_events(app)
    except SettingsInvalid as invalid:
        return _misconfigured("broker", invalid)
    except BrokerUnavailable as away:
        remedy = f"check {variable('broker_url')} and the broker"
        return [Finding("broker", str(away), FindingState.UNREACHABLE, remedy)]
    answers = Finding("broker", f"{redacted(settings.broker)} answers")
    return [answers, *(_of_queue(settings, state) for state in states), *events]


async def _of_events(app: Application) -> list[Finding]:
    """The exchange for outcome events, where there is to be one."""
    if not (exchange := app.settings.events):
        return []
    name, (kind, found) = f"exchange {exchange}", await app.container.topology().look_for_events()
    if found is None:
        return [Finding(name, f"is there for outcome events{f' (type {kind})' if kind else ''}")]
    remedies = {"absent": _MAKE_IT, "unseen": "no worker needs to look at it"}
    remedy = remedies.get(found.finding, "see: docs/outcome-events.md")
    return [Finding.notable(name, found.text.removeprefix(f"{name} "), remedy)]


def _of_queue(settings: Settings, state: QueueState) -> Finding:
    name = f"queue {state.queue}"
    if not state.exists:
        is_ours = state.queue in settings.suppress_queues
        is_foreign = settings.topology is TopologyMode.NONE and not is_ours
        remedy = "its producer has to declare it" if is_foreign else _MAKE_IT
        return Finding.notable(name, "is absent", remedy)
    if state.problem:
        return Finding(name, state.problem.removeprefix(f"{name} "), FindingState.MISCONFIGURED)
    if state.unseen:
        seen = "" if state.ready is None else f"{state.ready} ready; "
        detail = f"{seen}this user may not look at {', '.join(state.unseen)}"
        return Finding.notable(name, detail, "no worker needs to: see the rights in docs/queues.md")
    if state.dead is None:
        return Finding.notable(name, f"has no {state.queue}.dead next to it", _MAKE_IT)
    if not state.consumers:
        return Finding.notable(
            name, f"{state.ready} ready, and no worker consumes it", "start a worker"
        )
    dead = f", {state.dead} dead" if state.dead else ""
    return Finding(name, f"{state.ready} ready, consumers: {state.consumers}{dead}")


async def _of_ledger(app: Application) -> list[Finding]:
    name, url = "ledger", app.settings.ledger
    try:
        if url.startswith("sqlite:"):
            return [Finding(name, _file(url, is_ledger=True))]
        async with asyncio.timeout(TIMEOUT):
            # A write that concerns no message: there is no such claim.
            await app.container.ledger().acked(Claim("0", has_id=False))
    except SettingsInvalid as invalid:
        return _misconfigured(name, invalid)
    except (DispatcherError, TimeoutError) as error:
        remedy = f"check {variable('ledger_url')}"
        return [Finding(name, reason_of(error), FindingState.UNREACHABLE, remedy)]
    if url.startswith("memory:"):
        return [Finding.notable(name, "in memory: what it knows ends with the worker")]
    return [Finding(name, f"{redacted(url)} takes writes")]


def _file(url: str, *, is_ledger: bool = False) -> str:
    from adapters.sqlite.database import QUEUE
    from adapters.sqlite.ledger import KIND
    from adapters.sqlite.survey import takes_writes
    from adapters.sqlite.url import parse_sqlite_url

    path = parse_sqlite_url(url)
    exists = takes_writes(path, KIND if is_ledger else QUEUE)
    return f"{path} {'takes writes' if exists else 'will be made when first needed'}"


async def _of_channel(app: Application, name: str) -> list[Finding]:
    channel, own = CHANNELS[name], app.settings.channel_settings[name]
    try:
        async with asyncio.timeout(channel.ping_timeout):
            return await channel.look(own, app.container.channel_context())
    except ValueError as error:
        wrong = FindingState.MISCONFIGURED
        return [Finding(name, fault, wrong) for fault in str(error).splitlines()]
    except (DispatcherError, TimeoutError) as error:
        return [Finding.unreachable(name, error)]
