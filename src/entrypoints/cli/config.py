"""`dispatcher config`."""

import json
from collections.abc import Mapping
from datetime import timedelta

import click

from adapters.urls import MASK, redacted, without_path
from domain.alerts import AlertTarget
from domain.notification import Recipient
from entrypoints.cli.output import duration, print_json, print_table
from entrypoints.settings import load_settings
from entrypoints.settings.channel_settings import FAMILIES, FIELDS, shown
from entrypoints.settings.load import LoadedSettings, setting_names
from entrypoints.settings.sources import variable

# Settings that follow from others where they are not set.
_EFFECTIVE = {"broker_url": "broker", "ledger_url": "ledger", "prefetch": "effective_prefetch"}


@click.group("config")
def command() -> None:
    """Show the settings and where each comes from."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Print every setting, its value (secrets masked) and its origin."""
    loaded = load_settings()
    rows = [_row(loaded, name) for name in setting_names()]
    rows += [
        {"variable": variable(name), "value": MASK, "origin": origin}
        for name, origin in loaded.origins.items()
        if name.partition("__")[0] in FAMILIES
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(["variable", "value", "origin"], [list(row.values()) for row in rows])


def _row(loaded: LoadedSettings, name: str) -> dict[str, str | None]:
    if name in FIELDS:
        value, may_follow = shown(loaded.settings, name)
    else:
        value, may_follow = getattr(loaded.settings, _EFFECTIVE.get(name, name)), name in _EFFECTIVE
    origin = loaded.origins.get(name, "derived" if may_follow else "default")
    return {"variable": variable(name), "value": _shown(name, value), "origin": origin}


def _shown(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, tuple):
        return ",".join(_item(item) for item in value)
    return redacted(str(value)) if name in _EFFECTIVE and name.endswith("_url") else _item(value)


def _mapping(value: Mapping[str, object]) -> str:
    """Redirect targets as the setting writes them; the arguments of queues as JSON."""
    targets = {n: _whom(item) for n, item in value.items() if isinstance(item, Recipient)}
    if targets or not value:
        return ",".join(f"{name}:{target}" for name, target in targets.items())
    return json.dumps(value, ensure_ascii=False)


def _item(item: object) -> str:
    match item:
        case bool():
            return "on" if item else "off"
        case tuple():
            return "=".join(str(part) for part in item)
        case timedelta():
            return duration(item)
        case AlertTarget():
            return f"{item.channel}:{_whom(item.recipient)}"
        case _:
            return str(item)


def _whom(recipient: Recipient) -> str:
    return without_path(recipient.address) if "://" in recipient.address else str(recipient)
