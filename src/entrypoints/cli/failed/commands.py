"""`dispatcher failed`: dead letters, which stay in the broker until they are sent or removed."""

import json
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

import click

from adapters.dead_letters.dead_letter import Cause, DeadLetter, cause_of
from adapters.dead_letters.lines import BrokenLine, StoredDeadLetter, from_line, to_line
from adapters.inbound.contract import InboundMessage, Publisher
from adapters.message_format.body import plain_body
from adapters.observers.logs import mask_addresses
from domain.errors import MalformedMessage
from entrypoints.cli.application import (
    Bar,
    ago,
    opened,
    print_entries,
    print_json,
    print_table,
    printable,
    words,
)
from entrypoints.cli.failed import edit, moves
from entrypoints.cli.failed.selection import Filter, collect, filters, look, unknown


@click.group("failed", commands=[moves.retry, moves.remove, edit.edit])
def command() -> None:
    """List, show, edit, retry, remove, export and import dead letters."""


@command.command("list")
@filters
@click.option("--each", is_flag=True, help="One line for each dead letter, not each cause.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one entry for each dead letter.")
def list_(each: bool, as_json: bool, wanted: Filter) -> int:
    """List dead letters by cause: reason, template, channel and error."""
    with opened(names_queue=True) as app:
        letters = look(app, wanted)
    missing = wanted.missing(letter.id for letter in letters)
    if as_json:
        print_json([_as_json(letter) for letter in letters])
    elif not (letters or missing):
        words("no dead letters")
    elif each and letters:
        rows = [(x.id, x.reason, ago(x.failed_at), x.attempt) for x in letters]
        notes = [(" ".join(filter(None, (x.channel, x.template))), _error(x)) for x in letters]
        print_entries(["id", "reason", "failed", "attempt"], rows, notes)
    elif letters:
        causes: dict[Cause, list[DeadLetter]] = {}
        for letter in letters:
            causes.setdefault(cause_of(letter), []).append(letter)
        groups = sorted(causes.items(), key=lambda each: -len(each[1]))
        print_entries(
            ["dead letters", "reason", "template", "channel", "first", "last"],
            [_cause_row(cause, group) for cause, group in groups],
            [(f"newest id: {group[-1].id}", _error(group[-1])) for _, group in groups],
        )
    return unknown(*missing)


def _cause_row(cause: Cause, group: list[DeadLetter]) -> tuple[object, ...]:
    times = [letter.failed_at for letter in group if letter.failed_at]
    first, last = ago(min(times, default=None)), ago(max(times, default=None))
    return len(group), *cause[:3], first, last


def _as_json(letter: DeadLetter) -> dict[str, object]:
    fields = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(letter).items()
    }
    return {**fields, "error": letter.error and mask_addresses(letter.error)}


def _error(letter: DeadLetter) -> str:
    return mask_addresses(letter.error or "")


@command.command("show")
@click.argument("letter_id", metavar="ID")
@click.option("--reveal", is_flag=True, help="Show mail addresses in full.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(letter_id: str, reveal: bool, as_json: bool) -> int:
    """Show one dead letter: cause, headers and body. The beginning of an id is enough, from 8
    characters on. Several dead letters may have one id; --json prints a list."""
    wanted = Filter(ids=frozenset([letter_id]))
    with opened(names_queue=True) as app:
        take = partial(_whole, limit=app.settings.max_body, reveal=reveal)
        found = collect(app, wanted, take)
    if wanted.missing(letter["id"] for letter in found):
        return unknown(letter_id)
    if as_json:
        print_json(found)
    else:
        for letter in found:
            headers, body = letter.pop("headers"), letter.pop("body")
            rows = [(name, value) for name, value in letter.items() if value is not None]
            rows += [(f"header {name}", value) for name, value in headers.items()]
            print_table(["field", "value"], rows)
            text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
            click.echo(printable(text))
    return 0


def _whole(
    message: InboundMessage, letter: DeadLetter, limit: int, *, reveal: bool
) -> dict[str, Any]:
    whole = {
        **_as_json(letter),
        "error": letter.error,
        "headers": {name: str(value) for name, value in sorted(message.headers.items())},
        "body": _body(message, limit),
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


@command.command("export")
@filters
def export(wanted: Filter) -> None:
    """Print dead letters as JSON lines: body, headers and properties, addresses in full.

    Changes nothing. Without a filter it prints all of them.
    """
    with opened(names_queue=True) as app:
        if wanted.ids:  # before the first line is printed
            wanted.missing(letter.id for letter in look(app, wanted))
        printed = collect(app, wanted, lambda m, letter: click.echo(to_line(m, letter.reason)))
    words(f"{len(printed)} exported")


@command.command("import")
@click.argument("file", type=click.File("rb"))
def import_(file: BinaryIO) -> int:
    """Store exported dead letters again; - reads standard input.

    Every line is checked before the first is stored. What you import twice is there twice.
    """
    letters: list[StoredDeadLetter] = []
    faults: list[str] = []
    with opened(names_queue=True) as app:
        queues = app.settings.queue_channels
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                letter = from_line(line)
            except BrokenLine as error:
                faults.append(f"line {number}: {error}")
                continue
            letters.append(letter)
            if letter.queue not in queues:
                named = ", ".join(queues)
                faults.append(f"line {number}: no queue {letter.queue!r} here; there are {named}")
        if faults:
            words("\n".join([*faults, "nothing was stored"]))
            return 1
        app.run(_store(app.container.publisher(), letters))
    return 0


async def _store(publisher: Publisher, letters: list[StoredDeadLetter]) -> None:
    bar = Bar("import", len(letters))
    stored = 0
    try:
        # One by one, so that they keep their order and the number says where to go on.
        for letter in letters:
            await publisher.bury(
                letter.queue, letter.body, properties=letter.properties, headers=letter.headers
            )
            stored += 1
            bar.show(stored)
    finally:
        bar.end()
        words(f"{stored} of {len(letters)} stored, in the file's order")
