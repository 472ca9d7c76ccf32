"""`dispatcher failed`: dead letters, which stay in the broker until they are sent or removed."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from adapters.telemetry.logs import mask_addresses
from adapters.wire.inbound import Decision, InboundMessage, Keep, Remove
from adapters.wire.letters import Letter, describe, release
from entrypoints.cli.letters import Filter, a_filter, filters, look, visit
from entrypoints.cli.output import ago, confirm, print_json, print_table, printable, words
from entrypoints.start import load

_CAUSE_COLUMNS = (
    "letters",
    "reason",
    "template",
    "channel",
    "first",
    "last",
    "newest id",
    "its error",
)


@click.group("failed")
def command() -> None:
    """List, show, retry and remove dead letters."""


@command.command("list")
@filters
@click.option("--each", is_flag=True, help="One line for each letter instead of each cause.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one entry for each letter.")
def list_(each: bool, as_json: bool, **selection: Any) -> None:
    """Dead letters grouped by cause: reason, template and channel."""
    wanted = a_filter(**selection)
    letters = look(load(), wanted)
    if as_json:
        print_json([_as_json(letter) for letter in letters])
    elif not letters:
        words("no dead letters")
    elif each:
        _print_letters(letters)
    else:
        _print_causes(letters)


def _as_json(letter: Letter) -> dict[str, object]:
    fields = asdict(letter)
    times = {k: v and v.isoformat() for k, v in fields.items() if k in {"first_seen", "failed_at"}}
    return {**fields, **times, "error": letter.error and mask_addresses(letter.error)}


def _print_letters(letters: list[Letter]) -> None:
    rows = [
        (x.id, x.channel, x.template, x.reason, ago(x.failed_at), x.attempt, _error(x))
        for x in letters
    ]
    print_table(["id", "channel", "template", "reason", "failed", "attempt", "error"], rows)


def _print_causes(letters: list[Letter]) -> None:
    causes: dict[tuple[str, str, str], list[Letter]] = {}
    for letter in letters:
        key = (str(letter.reason), letter.template or "", letter.channel or "")
        causes.setdefault(key, []).append(letter)
    rows = [
        (
            len(group),
            *key,
            ago(min((x.failed_at for x in group if x.failed_at), default=None)),
            ago(max((x.failed_at for x in group if x.failed_at), default=None)),
            group[-1].id,
            _error(group[-1]),
        )
        for key, group in sorted(causes.items(), key=lambda cause: -len(cause[1]))
    ]
    print_table(_CAUSE_COLUMNS, rows)


def _error(letter: Letter) -> str:
    return mask_addresses(letter.error or "")


@command.command("show")
@click.argument("letter_id", metavar="ID")
@click.option("--reveal", is_flag=True, help="Show mail addresses in full.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(letter_id: str, reveal: bool, as_json: bool) -> int:
    """One dead letter whole: cause, headers and body."""
    settings = load()
    found: list[InboundMessage] = []

    def collect(message: InboundMessage) -> Decision:
        found.append(message)
        return Keep.KEEP

    visit(settings, Filter(ids=frozenset([letter_id])), collect)
    hide = str if reveal else mask_addresses
    for message in found:
        letter = describe(message, settings.queue_channels)
        headers = {k: hide(str(v)) for k, v in sorted(message.headers.items())}
        body = hide(_body(message.body))
        if as_json:
            print_json({**_as_json(letter), "headers": headers, "body": body})
            continue
        fields = {k: v for k, v in _as_json(letter).items() if v is not None}
        rows = [*fields.items(), *((f"header {k}", v) for k, v in headers.items())]
        print_table(["field", "value"], rows)
        click.echo(printable(body))
    return 0 if found else _unknown(letter_id)


def _body(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body.decode("utf-8-sig")), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return repr(body[:4000])[2:-1]


def _unknown(*ids: str) -> int:
    for letter_id in ids:
        words(f"no dead letter has the id {letter_id}")
    return 1


@command.command("retry")
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@filters
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retry(letter_ids: tuple[str, ...], everything: bool, yes: bool, **selection: Any) -> int:
    """Move dead letters back to their queue, with a fresh attempt count.

    Only recipients still owed get them.
    """
    return _act(letter_ids, everything, yes, selection, "retry", release)


@command.command("remove")
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@filters
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(letter_ids: tuple[str, ...], everything: bool, yes: bool, **selection: Any) -> int:
    """Delete dead letters for good."""
    return _act(letter_ids, everything, yes, selection, "remove", lambda _message: Remove.REMOVE)


def _act(
    letter_ids: tuple[str, ...],
    everything: bool,
    yes: bool,
    selection: dict[str, Any],
    verb: str,
    decision: Callable[[InboundMessage], Decision],
) -> int:
    wanted = a_filter(**{**selection, "ids": (*selection["ids"], *letter_ids)})
    if wanted.lets_everything_through and not everything:
        raise click.UsageError(f"say which: ids, a filter, or --all to {verb} every dead letter")
    settings = load()
    asked_for = wanted.ids
    matching = look(settings, wanted)
    if matching:
        confirm(f"{verb} {len(matching)} dead letter(s)?", yes=yes)
        # What arrived since then was not agreed to.
        done = visit(settings, Filter(ids=frozenset(x.id for x in matching)), decision)
        for letter in done:
            click.echo(letter.id)
        words(f"{len(done)} {'moved back to the queue' if verb == 'retry' else 'removed'}")
    elif not asked_for:
        words("no dead letter matches")
    missing = asked_for - {letter.id for letter in matching}
    return _unknown(*sorted(missing)) if missing else 0
