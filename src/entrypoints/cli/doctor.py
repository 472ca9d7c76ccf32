"""`dispatcher doctor`."""

import asyncio

import click

from adapters.observers.logs import configure_logs
from entrypoints.cli.checks import Check, CheckState, misconfigured, warning
from entrypoints.cli.doctor_local import disk_checks, settings_checks, template_checks
from entrypoints.cli.doctor_peers import peer_checks
from entrypoints.cli.output import print_json, printable
from entrypoints.settings import SettingsInvalid, load_settings

_COLOURS = {CheckState.OK: "green", CheckState.WARNING: "yellow", CheckState.FAILED: "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    """Check settings, templates, broker, ledger and every channel's provider.

    Sends and creates nothing. Exit codes: 78 if settings or templates are wrong, else 69 if
    something cannot be reached, else 0. A warning changes no exit code.
    """
    checks = _checks()
    if as_json:
        keys = ("name", "state", "detail", "remedy")
        print_json([{key: getattr(check, key) for key in keys} for check in checks])
    else:
        for check in checks:
            _print(check)
    return max(check.code for check in checks)


def _checks() -> list[Check]:
    try:
        loaded = load_settings()
    except SettingsInvalid as invalid:
        return [misconfigured("settings", fault) for fault in invalid.faults]
    settings = loaded.settings
    configure_logs(settings.log_format, "ERROR")  # what is wrong is reported as a check
    return [
        *(warning("settings", text) for text in loaded.warnings),
        *settings_checks(settings),
        *template_checks(settings),
        *disk_checks(settings),
        *asyncio.run(peer_checks(settings)),
    ]


def _print(check: Check) -> None:
    state = click.style(f"{check.state:<8}", fg=_COLOURS[check.state])
    advice = f" ({check.remedy})" if check.remedy else ""
    text = " ".join(f"{check.name}: {check.detail}{advice}".split())
    click.echo(f"{state} {printable(text)}")
