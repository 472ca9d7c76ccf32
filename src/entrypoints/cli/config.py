"""`dispatcher config`."""

import click
from pydantic import SecretStr

from entrypoints.cli.output import print_json, print_table
from entrypoints.settings import Settings, load_settings
from entrypoints.settings.sources import variable
from entrypoints.start import redacted


@click.group("config")
def command() -> None:
    """Show the settings and where each comes from."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Every setting, its value (secrets masked) and its origin."""
    loaded = load_settings()
    rows = [
        {
            "variable": variable(name),
            "value": _shown(name, getattr(loaded.settings, name)),
            "origin": loaded.origins.get(name, "default"),
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
    match value:
        case None:
            return None
        case SecretStr():
            secret = value.get_secret_value()
            is_plain_url = name.endswith("_url") and name != "slack_webhook_url"
            return redacted(secret) if is_plain_url else "***"
        case bool():
            return "on" if value else "off"
        case tuple():
            return ",".join(_item(item) for item in value)
        case _:
            return str(value)


def _item(item: object) -> str:
    if isinstance(item, tuple):
        return "=".join(str(part) for part in item)
    return str(item)
