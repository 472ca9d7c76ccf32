"""`dispatcher doctor`."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from adapters.observers.logs import configure_logs
from adapters.templates import lint
from entrypoints.cli.application import opened
from entrypoints.cli.doctor.peers import MISCONFIGURED, OK, WARNING, Check, peer_checks
from entrypoints.cli.output import print_json, printable
from entrypoints.container import render_options
from entrypoints.settings import Settings, SettingsInvalid, load_settings, variable
from entrypoints.start import unset_sender, worker_settings

_LITTLE = 512 * 2**20
"""Bytes of free space below which the check warns."""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    """Check settings, templates, broker, ledger and every channel's provider.

    Sends and creates nothing. Exit codes: 78 if settings or templates are wrong, else 69 if
    something cannot be reached, else 0. A warning changes no exit code.
    """
    checks = _checks()
    found = [(*one.verdict.value, one.name, one.detail, one.remedy) for one in checks]
    if as_json:
        keys = ("name", "state", "detail", "remedy")
        print_json(
            [
                dict(zip(keys, (name, state, detail, remedy), strict=True))
                for state, _, _, name, detail, remedy in found
            ]
        )
    else:
        for state, colour, _, name, detail, remedy in found:
            advice = f" ({remedy})" if remedy else ""
            text = " ".join(f"{name}: {detail}{advice}".split())
            click.echo(f"{click.style(f'{state:<8}', fg=colour)} {printable(text)}")
    return max(code for _, _, code, *_ in found)


def _checks() -> list[Check]:
    try:
        loaded = load_settings()
    except SettingsInvalid as invalid:
        return [Check(MISCONFIGURED, "settings", fault) for fault in invalid.faults]
    settings = loaded.settings
    configure_logs(settings.log_format, "ERROR")  # what is wrong is reported as a check
    with opened(settings) as app:
        return [
            *(Check(WARNING, "settings", text) for text in loaded.warnings),
            *_settings_checks(settings),
            *_template_checks(settings),
            _disk_check(settings),
            *app.run(peer_checks(app)),
        ]


def _settings_checks(settings: Settings) -> Iterator[Check]:
    """Whether a worker would start with them, and what may not be meant."""
    name = "settings"
    try:
        worker_settings(settings, None)
        yield Check(OK, name, f"a worker would serve {', '.join(settings.active_channels)}")
    except SettingsInvalid as invalid:
        yield from (Check(MISCONFIGURED, name, fault) for fault in invalid.faults)
    if settings.broker_url is None:
        remedy = f"set {variable('broker_url')}=amqp://… to consume from RabbitMQ"
        yield Check(WARNING, name, "no broker is configured: the embedded queue is used", remedy)
    if settings.only_to or settings.redirect_to:
        yield Check(WARNING, name, "the recipient guard is on: only some recipients get messages")
    for unset in filter(None, (unset_sender(settings, one) for one in settings.active_channels)):
        remedy = f"set {variable(unset)}, or let each message or template name its sender"
        yield Check(WARNING, name, "no sender is set", remedy)
    folder = settings.attachments_dir
    if folder is not None and not folder.is_dir():
        remedy = f"make it, or fix {variable('attachments_dir')}"
        yield Check(WARNING, name, f"the attachments folder {folder} does not exist", remedy)


def _template_checks(settings: Settings) -> Iterator[Check]:
    """Whether the set compiles and every example renders."""
    name, folder = "templates", settings.templates_dir
    if not folder.is_dir():
        remedy = f"create it, or set {variable('templates_dir')} to the folder of your templates"
        yield Check(MISCONFIGURED, name, f"the templates folder {folder} does not exist", remedy)
        return
    findings = lint(folder, render_options(settings), datetime.now(UTC))
    errors = [finding for finding in findings if finding.severity == "error"]
    for finding in errors:
        place = f"{finding.file}{f':{finding.line}' if finding.line else ''}"
        yield Check(MISCONFIGURED, name, f"{place}: {finding.text}", "fix the file")
    if not errors:
        yield Check(OK, name, f"all in {folder} compile, and every example renders")
    if others := len(findings) - len(errors):
        text = f"{others} {'warning' if others == 1 else 'warnings'}"
        yield Check(WARNING, name, text, "see: dispatcher templates lint")


def _disk_check(settings: Settings) -> Check:
    """Whether there is room where we write."""
    place = settings.home.absolute()
    place = next(one for one in (place, *place.parents) if one.exists())
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Check(WARNING, "disk", f"cannot look at {place}: {error.strerror}")
    detail = f"{free // 2**20:,} MiB are free at {settings.home}"
    if free < _LITTLE:
        return Check(WARNING, "disk", detail, "free some space")
    return Check(OK, "disk", detail)
