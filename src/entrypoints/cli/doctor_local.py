"""What `dispatcher doctor` checks without a connection: settings, templates, disk."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.templates.lint import Finding, lint
from entrypoints.cli.checks import Check, misconfigured, ok, warning
from entrypoints.container import render_options
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable
from entrypoints.start import unset_sender, worker_settings

_LITTLE = 512 * 2**20
"""Bytes of free space below which the check warns."""


def settings_checks(settings: Settings) -> Iterator[Check]:
    """Whether a worker would start with them, and what may not be meant."""
    name, is_fine = "settings", True
    try:
        worker_settings(settings, None)
    except SettingsInvalid as invalid:
        is_fine = False
        for fault in invalid.faults:
            yield misconfigured(name, fault)
    if is_fine:
        channels = ", ".join(settings.active_channels)
        yield ok(name, f"a worker would serve {channels}")
    if settings.broker_url is None:
        remedy = f"set {variable('broker_url')}=amqp://… to consume from RabbitMQ"
        yield warning(name, "no broker is configured: the embedded queue is used", remedy)
    if settings.only_to or settings.redirect_to:
        yield warning(name, "the recipient guard is on: only some recipients get messages")
    for unset in filter(None, (unset_sender(settings, one) for one in settings.active_channels)):
        remedy = f"set {variable(unset)}, or let each message or template name its sender"
        yield warning(name, "no sender is set", remedy)
    folder = settings.attachments_dir
    if folder is not None and not folder.is_dir():
        remedy = f"make it, or fix {variable('attachments_dir')}"
        yield warning(name, f"the attachments folder {folder} does not exist", remedy)


def template_checks(settings: Settings) -> Iterator[Check]:
    """Whether the set compiles and every example renders."""
    name, folder = "templates", settings.templates_dir
    if not folder.is_dir():
        remedy = f"create it, or set {variable('templates_dir')} to the folder of your templates"
        yield misconfigured(name, f"the templates folder {folder} does not exist", remedy)
        return
    findings = lint(folder, render_options(settings), datetime.now(UTC))
    errors = [finding for finding in findings if finding.severity == "error"]
    for finding in errors:
        yield misconfigured(name, _line(finding), "fix the file")
    if not errors:
        yield ok(name, f"all in {folder} compile, and every example renders")
    if others := len(findings) - len(errors):
        remedy = "see: dispatcher templates lint"
        yield warning(name, f"{others} {'warning' if others == 1 else 'warnings'}", remedy)


def _line(finding: Finding) -> str:
    return f"{finding.file}{f':{finding.line}' if finding.line else ''}: {finding.text}"


def disk_checks(settings: Settings) -> Iterator[Check]:
    """Whether there is room where we write."""
    place = settings.home.absolute()
    place = next(one for one in (place, *place.parents) if one.exists())
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        yield warning("disk", f"cannot look at {place}: {error.strerror}")
        return
    detail = f"{_mib(free)} MiB are free at {settings.home}"
    yield warning("disk", detail, "free some space") if free < _LITTLE else ok("disk", detail)


def _mib(size: int) -> str:
    return f"{size // 2**20:,}"
