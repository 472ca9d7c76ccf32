"""What the program says of itself: `dispatcher config`, `schema` and `completion`."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import get_completion_class

from adapters.message_format.json_schema import message_schema
from adapters.secret import Secret
from adapters.urls import MASK, redacted, without_path
from domain.alerts import AlertTarget
from domain.notification import Recipient
from entrypoints.cli.application import duration, opened, print_json, print_table, words
from entrypoints.settings import FAMILIES, FIELDS, Settings, load_settings, variable

if TYPE_CHECKING:
    from entrypoints.producers.shapes import ProducerTypes

_COLUMNS = ("variable", "value", "origin")

# Settings that follow from others where they are not set.
_EFFECTIVE = {"broker_url": "broker", "ledger_url": "ledger", "prefetch": "effective_prefetch"}


@click.group("config")
def config() -> None:
    """Show the settings and where each comes from."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Print every setting, its value (secrets masked) and its origin."""
    loaded = load_settings()
    rows = []
    for name in FIELDS:
        value, may_follow = value_of(loaded.settings, name)
        origin = loaded.origins.get(name, "derived" if may_follow else "default")
        rows.append((variable(name), _shown(name, value), origin))
    rows += [
        (variable(name), MASK, origin)
        for name, origin in loaded.origins.items()
        if name.partition("__")[0] in FAMILIES
    ]
    if as_json:
        print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    else:
        print_table(_COLUMNS, rows)


def value_of(settings: Settings, name: str) -> tuple[object, bool]:
    """The value of a setting as it may be printed, and whether it can follow from others."""
    field = FIELDS[name]
    if field.channel is None:
        own = getattr(settings, _EFFECTIVE.get(name, name))
        return field.spec.shown(own.value) if isinstance(own, Secret) else own, name in _EFFECTIVE
    value = getattr(settings.channel_settings[field.channel.name], field.attribute)
    captured = field.spec.captured
    if value is None and captured is not None and settings.is_embedded:
        return captured(settings.home), True
    if isinstance(value, Secret):
        value = field.spec.shown(value.value)
    return value, captured is not None


def _shown(name: str, value: object) -> str | None:
    match value:
        case None:
            return None
        case str() if name in _EFFECTIVE:
            return redacted(value)
        case tuple():
            return ",".join(_item(item) for item in value)
        case Mapping() if all(isinstance(item, Recipient) for item in value.values()):
            return ",".join(f"{channel}:{_whom(item)}" for channel, item in value.items())
        case Mapping():  # the arguments of queues
            return json.dumps(value, ensure_ascii=False)
        case _:
            return _item(value)


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


@click.command("schema")
@click.option("--json", "_as_json", is_flag=True, help="Print JSON; this is the default.")
@click.option(
    "--asyncapi",
    is_flag=True,
    help="Print an AsyncAPI 3.0 document: the messages in, and the outcome events out.",
)
@click.option(
    "--python",
    is_flag=True,
    help="Print a Python module for producers: types of the messages, and what publishes them.",
)
@click.option(
    "--typescript",
    is_flag=True,
    help="Print a TypeScript module for producers: types of the messages, and what publishes them.",
)
def schema(_as_json: bool, asyncapi: bool, python: bool, typescript: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of the message. Producers can check against it.

    It refuses nothing that a worker accepts. Needs no settings and no broker. --python and
    --typescript know the templates of this folder, too: their names, and their variables with the
    types of the examples.
    """
    if asyncapi + python + typescript > 1:
        raise click.UsageError("give one of --asyncapi, --python and --typescript")
    if asyncapi:
        from entrypoints.asyncapi import asyncapi_document

        print_json(asyncapi_document())
    elif python:
        from entrypoints.producers.python import python_helper

        click.echo(python_helper(_producer_types()), nl=False)
    elif typescript:
        from entrypoints.producers.typescript import typescript_helper

        click.echo(typescript_helper(_producer_types()), nl=False)
    else:
        print_json(message_schema())


def _producer_types() -> "ProducerTypes":
    """The types of the message and, where there are templates, of theirs. A folder that was named
    must be there: without it a misspelt setting would let any message pass."""
    from entrypoints.producers.templates import schemas_of
    from entrypoints.producers.type_maker import producer_types

    templates: dict[str, dict[str, Any]] = {}
    with opened() as app:
        folder = app.settings.templates_dir
        if folder.is_dir() or "templates_dir" in load_settings().origins:
            is_strict = app.settings.templates_undefined == "strict"
            templates = schemas_of(app.container.templates().snapshot, is_strict=is_strict)
        else:
            words(f"{variable('templates_dir')}: there is no folder {folder}: any template's name")
    return producer_types(message_schema(), templates)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands, options, templates and channels in a shell.

    \b
    For bash, in ~/.bashrc:      eval "$(dispatcher completion bash)"
    For zsh, in ~/.zshrc:        eval "$(dispatcher completion zsh)"
    For fish, once:
      dispatcher completion fish > ~/.config/fish/completions/dispatcher.fish
    """
    if script := get_completion_class(shell):
        # By the variable the script asks this program what may follow.
        root = context.find_root().command
        click.echo(script(root, {}, "dispatcher", "_DISPATCHER_COMPLETE").source())
