"""`dispatcher templates`."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from adapters.channels import CHANNELS, DEFAULT
from adapters.templates import Snapshot
from adapters.templates.examples import Example, ExampleBroken
from adapters.templates.inspection import examples_of, list_templates
from adapters.templates.lint import LintFinding, lint
from domain.content import Content
from domain.errors import DeliveryError
from domain.ports import RenderRequest
from entrypoints.cli.app import channel_names, template_names
from entrypoints.cli.application import opened, print_json, print_table, printable, words
from entrypoints.cli.sending.send import message_from
from entrypoints.cli.templates.message_findings import MessageFinding
from entrypoints.cli.templates.message_lint import message_findings
from entrypoints.cli.templates.schemas import schema
from entrypoints.container import render_options, templates_folder
from entrypoints.start import load


@click.group("templates")
def command() -> None:
    """List, render, check and translate the templates."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List every template with its channels, parts, locales and examples."""
    with opened() as app:
        snapshot = app.container.templates().snapshot
    infos = list_templates(snapshot)
    for fault in snapshot.faults:
        words(f"broken: {fault}")
    if as_json:
        print_json([asdict(info) for info in infos])
    else:
        rows = [
            (
                info.name,
                ", ".join(info.channels),
                ", ".join(info.parts),
                ", ".join(info.locales),
                ", ".join(Path(path).stem for path in info.examples),
            )
            for info in infos
        ]
        print_table(["template", "channels", "parts", "locales", "examples"], rows)


@command.command("render")
@click.argument("template", shell_complete=template_names)
@click.option("--channel", default=DEFAULT.name, show_default=True, shell_complete=channel_names)
@click.option("--example", help="Example to render with. Without it: the first.")
@click.option("--data", help="Parameters as JSON, or @file; - reads standard input.")
@click.option("--locale")
@click.option("--timezone", help="As in a message, such as Europe/Rome.")
@click.option("--subject")
@click.option("--part", help="Print only this part, such as html.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def render(
    template: str,
    channel: str,
    example: str | None,
    data: str | None,
    locale: str | None,
    timezone: str | None,
    subject: str | None,
    part: str | None,
    as_json: bool,
) -> int:
    """Render a template with an example or with --data, and print what would be sent."""
    if channel not in CHANNELS:
        raise click.BadParameter(f"--channel: {channel!r}; there are {', '.join(CHANNELS)}")
    with opened() as app:
        templates = app.container.templates()
    try:
        request = _request(templates.snapshot, template, channel, example, data)
        content = templates.render(_changed(request, locale, timezone, subject))
    except ExampleBroken as error:
        raise click.ClickException(str(error)) from None
    except DeliveryError as error:
        words(str(error))
        return 1
    if part is not None and part not in content.parts:
        words(f"there is no part {part!r}; there are {', '.join(content.parts)}")
        return 1
    if as_json:
        print_json({**_shown(content), **content.parts})
    elif part is not None:
        click.echo(content.parts[part])
    else:
        for name, text in _shown(content).items():
            click.echo(f"{name.capitalize() if name.islower() else name}: {text or ''}")
        for name, text in content.parts.items():
            click.echo(f"\n--- {name} ---\n{text}")
    return 0


def _shown(content: Content) -> dict[str, str | None]:
    """What an inbox shows of a message, and the header fields that its template gives."""
    preheader = {"preheader": content.preheader} if content.preheader else {}
    return {"subject": content.subject, **preheader, **dict(content.headers)}


def _request(
    snapshot: Snapshot, template: str, channel: str, example: str | None, data: str | None
) -> RenderRequest:
    """What to render: --data, else the example of that name, else the first, else no parameters."""
    found: tuple[Example, ...] = ()
    if data is not None:
        found = (Example(name="", path="--data", message=message_from(data)),)
    elif template in snapshot.templates:
        examples = examples_of(snapshot, template)
        found = tuple(one for one in examples if example in {None, one.name})
        if example is not None and not found:
            names = ", ".join(one.name for one in examples) or "none"
            raise click.BadParameter(
                f"template {template!r} has no example {example!r}; it has {names}"
            )
    chosen = found[0] if found else Example(name="", path="", message={})
    return chosen.request(template, channel, datetime.now(UTC))


def _changed(
    request: RenderRequest, locale: str | None, timezone: str | None, subject: str | None
) -> RenderRequest:
    """The request with what the command line says instead."""
    return replace(
        request,
        locale=locale or request.locale,
        timezone=timezone or request.timezone,
        subject=subject or request.subject,
    )


@command.command("lint")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
@click.option(
    "--messages",
    metavar="DIR|-",
    type=click.Path(exists=True, allow_dash=True),
    help="Check stored messages, too: those in DIR (*.json, *.jsonl, *.ndjson; also a single file),"
    " or with - those on standard input.",
)
@click.option(
    "--channel",
    type=click.Choice(list(CHANNELS)),
    help="The channel of messages that name no channel. Without it: one that their template serves,"
    f" {DEFAULT.name} first.",
)
def lint_(as_json: bool, strict: bool, messages: str | None, channel: str | None) -> int:
    """Compile every template and render every example; exit 1 if something is wrong.

    With --messages also render each stored message, as a worker would, and name what no longer
    fits: the file, the field, and the line of the template.
    """
    settings, now = load(), datetime.now(UTC)
    findings: list[LintFinding | MessageFinding] = [
        *lint(templates_folder(settings), render_options(settings), now)
    ]
    if messages is not None:
        found, count = message_findings(messages, settings, channel, now)
        findings += found
        words(f"{count} {'message' if count == 1 else 'messages'} checked")
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            line = f":{finding.line}" if finding.line else ""
            # One line, whatever is in a message: its reader may be a program of the CI.
            text = f"{finding.file}{line}: {finding.severity}: {finding.text}".replace("\n", " ")
            click.echo(printable(text))
        words(f"{len(findings) or 'no'} {'finding' if len(findings) == 1 else 'findings'}")
    return int(any(strict or finding.severity == "error" for finding in findings))


command.add_command(schema)


@command.command("messages")
@click.option("--locale", "locales", multiple=True, help="Also a new language, such as it.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a catalogue is out of date.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def messages(locales: tuple[str, ...], check: bool, as_json: bool) -> int:
    """Write the texts to translate into locale/LANGUAGE/LC_MESSAGES/messages.po; keep what is
    translated."""
    from entrypoints.cli.templates.messages import bring_up_to_date  # it loads Babel

    return bring_up_to_date(locales, check=check, as_json=as_json)
