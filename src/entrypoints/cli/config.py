"""`dispatcher config`."""

import json
from collections.abc import Mapping
from datetime import timedelta

import click
from pydantic import SecretStr

from adapters.urls import redacted, without_path
from domain.alerts import AlertTarget
from domain.notification import Recipient
from entrypoints.cli.output import duration, print_json, print_table
from entrypoints.settings import Settings, load_settings
from entrypoints.settings.sources import variable

# Settings that follow from others where they are not set.
_EFFECTIVE = {
    "broker_url": "broker",
    "email_url": "email",
    "ledger_url": "ledger",
    "prefetch": "effective_prefetch",
}

# With a path that may be as secret as a password, such as a proxy's.
_API_URLS = ("telegram_api_url", "slack_api_url")


@click.group("config")
def command() -> None:
    """Show the settings and where each comes from."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Print every setting, its value (secrets masked) and its origin."""
    loaded = load_settings()
    rows = [
        {
            "variable": variable(name),
            "value": _shown(name, getattr(loaded.settings, _EFFECTIVE.get(name, name))),
            "origin": loaded.origins.get(name, "derived" if name in _EFFECTIVE else "default"),
        }
        for name in Settings.model_fields
        if name != "targets"
    ]
    rows += [
        {
            "variable": variable(f"targets__{name}"),
            "value": "***",
            "origin": loaded.origins[f"targets__{name}"],
        }
        for name in loaded.settings.targets
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(["variable", "value", "origin"], [list(row.values()) for row in rows])


def _shown(name: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr) and name in _API_URLS:
        return without_path(value.get_secret_value())
    if isinstance(value, SecretStr):
        is_plain_url = name.endswith("_url") and name != "slack_webhook_url"
        return redacted(value.get_secret_value()) if is_plain_url else "***"
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
