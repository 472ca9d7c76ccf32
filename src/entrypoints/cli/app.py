"""The front: finds the command, turns what went wrong into a line and an exit code, and knows the
names that a shell completes."""

import importlib
import os
import sys
from contextlib import suppress
from typing import Any, cast

import click

from adapters.inbound.contract import BrokerUnavailable, PublishRefused, TopologyMismatch
from domain.errors import DispatcherError
from entrypoints.release import VERSION

DONE, FAILED, USAGE, UNAVAILABLE, TRY_LATER, BAD_CONFIGURATION = 0, 1, 2, 69, 75, 78

# Command -> its module below `entrypoints`, with the name in it if not `command`, and what it does.
_COMMANDS = {
    "worker": ("cli.worker", "Take messages from the queues and deliver them."),
    "init": ("cli.sending.init", "Write sample templates and settings to start from."),
    "demo": (
        "cli.sending.demo",
        "Send ten fake notifications through the real path and show what happened.",
    ),
    "send": ("cli.sending.send", "Publish notifications."),
    "failed": ("cli.failed.commands", "List, show, edit, retry and remove dead letters."),
    "templates": ("cli.templates.commands", "List, render, check and translate the templates."),
    "preview": (
        "pages.preview",
        "Show every template with its examples in a browser, on this machine.",
    ),
    "mailbox": (
        "mailbox.command",
        "Take mails by SMTP, show all captured messages in a browser, on this machine.",
    ),
    "suppress": (
        "cli.suppress",
        "Add, remove and list addresses that are not written to.",
    ),
    "topology": (
        "cli.topology.commands",
        "Show, check and create the broker's queues and exchanges.",
    ),
    "status": (
        "cli.status",
        "Show how many messages are ready, in hand, waiting and dead.",
    ),
    "doctor": (
        "cli.doctor",
        "Check settings, templates, and whether broker, ledger and providers answer.",
    ),
    "schema": (
        "cli.about:schema",
        "Print the JSON Schema of the message, or a typed module for producers.",
    ),
    "config": ("cli.about:config", "Show the settings and where each comes from."),
    "completion": ("cli.about:completion", "Print a script that completes names in your shell."),
}


class _LazyGroup(click.Group):
    """Imports a command's module only when it is run: a worker loads no tables, no Faker."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        name, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        module = importlib.import_module(f"entrypoints.{name}")
        return cast("click.Command", getattr(module, attribute or "command"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="dispatcher")
@click.pass_context
def dispatcher(context: click.Context) -> None:
    """Take JSON messages from queues, render templates, and send the result by email, Telegram,
    Slack and other channels.

    Settings come from DISPATCHER_* variables and dispatcher.toml; `dispatcher config show` lists
    them. Exit codes: 0 done, 1 failed, 2 usage, 69 broker or relay unavailable, 75 try later,
    78 bad configuration.
    """
    from entrypoints.settings.sources import may_colour

    context.color = None if may_colour() else False


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code and never lets a traceback out for a known fault."""
    try:
        result = dispatcher.main(arguments, "dispatcher", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Abort:
        _say("aborted")
        return FAILED
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return error.exit_code
    except DispatcherError as error:
        lines, code = explained(error)
        _say("\n".join(lines))
        return code
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # that: our reader has gone, as `head` does
            _say(f"{error.filename or 'output'}: {error.strerror}")
        # What is still to be printed Python would try again at its end, and complain.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return result if isinstance(result, int) else DONE


def _say(text: str) -> None:
    with suppress(OSError):  # whoever started us may have closed stderr; the exit code stands
        for line in text.splitlines():
            click.echo(line, err=True)


def explained(error: DispatcherError) -> tuple[list[str], int]:
    """The lines that say what is wrong, and the exit code."""
    from adapters.templates import TemplateSetBroken
    from domain.suppressions import SuppressionsUnavailable
    from entrypoints.settings import SettingsInvalid, variable

    codes: dict[type[DispatcherError], int] = {
        TemplateSetBroken: BAD_CONFIGURATION,
        SettingsInvalid: BAD_CONFIGURATION,
        TopologyMismatch: BAD_CONFIGURATION,
        BrokerUnavailable: UNAVAILABLE,
        SuppressionsUnavailable: UNAVAILABLE,
        PublishRefused: TRY_LATER,
    }
    code = next((code for kind, code in codes.items() if isinstance(error, kind)), FAILED)
    if isinstance(error, TemplateSetBroken):
        return [f"{variable('templates_dir')}: {fault}" for fault in error.faults], code
    return str(error).splitlines(), code


def template_names(_context: Any, _parameter: Any, begun: str) -> list[str]:
    """The templates that begin so, broken ones too; none where the settings are invalid."""
    from adapters.templates import FilesystemTemplates
    from domain.errors import DispatcherError
    from entrypoints.container import render_options
    from entrypoints.settings import load_settings

    try:
        settings = load_settings().settings
        options = render_options(settings)
        found = FilesystemTemplates(settings.templates_dir, options=options, allow_broken=True)
    except DispatcherError:
        return []
    names = found.snapshot.templates.keys() | found.snapshot.broken.keys()
    return sorted(name for name in names if name.startswith(begun))


def channel_names(_context: Any, _parameter: Any, begun: str) -> list[str]:
    """The channels that begin so; after a comma, those that are not named before it."""
    from adapters.channels import CHANNELS

    named, comma, rest = begun.rpartition(",")
    left = [name for name in CHANNELS if name not in named.split(",")]
    return [f"{named}{comma}{name}" for name in left if name.startswith(rest)]
