"""`dispatcher failed`: dead letters, which stay in the broker until they are sent or removed."""

import json
from dataclasses import asdict
from typing import Any

import click

from adapters.dead_letters.dead_letter import Cause, DeadLetter, cause_of, describe
from adapters.inbound.contract import InboundMessage
from adapters.message_format.body import plain_body
from adapters.observers.logs import mask_addresses
from domain.errors import MalformedMessage
from entrypoints.cli import failed_edit, failed_files, failed_moves
from entrypoints.cli.letters import Filter, a_filter, fetch, filters, look, open_queue, unknown
from entrypoints.cli.output import (
    ago,
    print_entries,
    print_json,
    print_table,
    printable,
    words,
)
from entrypoints.settings import Settings

_CAUSE_COLUMNS = ("letters", "reason", "template", "channel", "first", "last")
_LETTER_COLUMNS = ("id", "reason", "failed", "attempt")


@click.group("failed")
def command() -> None:
    """List, show, edit, retry, remove, export and import dead letters."""


for subcommand in (
    failed_moves.retry,
    failed_moves.remove,
    failed_edit.edit,
    failed_files.export,
    failed_files.import_,
):
    command.add_command(subcommand)


@command.command("list")
@filters
@click.option("--each", is_flag=True, help="One line for each dead letter, not each cause.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one entry for each dead letter.")
def list_(each: bool, as_json: bool, **selection: Any) -> None:
    """List dead letters by cause: reason, template, channel and error."""
    wanted = a_filter(**selection)
    letters = look(open_queue(), wanted)
    wanted.missing(letter.id for letter in letters)
    if as_json:
        print_json([_as_json(letter) for letter in letters])
    elif not letters:
        words("no dead letters")
    elif each:
        _print_letters(letters)
    else:
        _print_causes(letters)


def _as_json(letter: DeadLetter) -> dict[str, object]:
    fields = asdict(letter)
    times = {k: v and v.isoformat() for k, v in fields.items() if k in {"first_seen", "failed_at"}}
    return {**fields, **times, "error": letter.error and mask_addresses(letter.error)}


def _print_letters(letters: list[DeadLetter]) -> None:
    rows = [(x.id, x.reason, ago(x.failed_at), x.attempt) for x in letters]
    notes = [
        (" ".join(part for part in (x.channel, x.template) if part), _error(x)) for x in letters
    ]
    print_entries(_LETTER_COLUMNS, rows, notes)


def _print_causes(letters: list[DeadLetter]) -> None:
    causes: dict[Cause, list[DeadLetter]] = {}
    for letter in letters:
        causes.setdefault(cause_of(letter), []).append(letter)
    rows, notes = [], []
    for cause, group in sorted(causes.items(), key=lambda each: -len(each[1])):
        times = [x.failed_at for x in group if x.failed_at]
        first, last = ago(min(times, default=None)), ago(max(times, default=None))
        newest = group[-1]
        rows.append((len(group), cause.reason, cause.template, cause.channel, first, last))
        notes.append((f"newest id: {newest.id}", _error(newest)))
    print_entries(_CAUSE_COLUMNS, rows, notes)


def _error(letter: DeadLetter) -> str:
    return mask_addresses(letter.error or "")


@command.command("show")
@click.argument("letter_id", metavar="ID")
@click.option("--reveal", is_flag=True, help="Show mail addresses in full.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(letter_id: str, reveal: bool, as_json: bool) -> int:
    """Show one dead letter: cause, headers and body. The beginning of an id is enough, from 8
    characters on. Several dead letters may have one id; --json prints a list."""
    settings = open_queue()
    wanted = Filter(ids=frozenset([letter_id]))
    found = [_whole(message, settings, reveal=reveal) for message in fetch(settings, wanted)]
    if wanted.missing(letter["id"] for letter in found):
        return unknown(letter_id)
    if as_json:
        print_json(found)
    else:
        for letter in found:
            _print_whole(letter)
    return 0


def _whole(message: InboundMessage, settings: Settings, *, reveal: bool) -> dict[str, Any]:
    letter = describe(message, settings.queue_channels)
    whole = {
        **_as_json(letter),
        "error": letter.error,
        "headers": {name: str(value) for name, value in sorted(message.headers.items())},
        "body": _body(message, settings.max_body),
    }
    return whole if reveal else {name: _masked(value) for name, value in whole.items()}


def _body(message: InboundMessage, limit: int) -> Any:
    """What the JSON says, else the bytes as text with escapes."""
    body = message.body
    try:
        body = plain_body(body, message.properties, limit)
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError, MalformedMessage):
        return repr(body[:4000])[2:-1]


def _masked(value: Any) -> Any:
    # Each string by itself: masking the finished JSON would tear its escapes apart.
    match value:
        case str():
            return mask_addresses(value)
        case list():
            return [_masked(item) for item in value]
        case dict():
            return {_masked(name): _masked(item) for name, item in value.items()}
        case _:
            return value


def _print_whole(whole: dict[str, Any]) -> None:
    headers, body = whole.pop("headers"), whole.pop("body")
    rows = [(name, value) for name, value in whole.items() if value is not None]
    print_table(["field", "value"], [*rows, *((f"header {k}", v) for k, v in headers.items())])
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
    click.echo(printable(text))
