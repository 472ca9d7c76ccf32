"""`dispatcher failed retry` and `remove`: many dead letters, each in the broker until its move is
confirmed. A dry run judges as the worker would, and sends nothing."""

import asyncio
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial

import click

from adapters.dead_letters.dead_letter import Cause, DeadLetter, again, cause_of, release
from adapters.dead_letters.rehearsal import Forecast
from adapters.inbound.contract import Decision, InboundMessage, Keep, Release, Remove
from adapters.observers.logs import mask_addresses
from entrypoints.cli.application import (
    Application,
    Bar,
    confirm,
    opened,
    print_entries,
    print_json,
    printable,
    words,
)
from entrypoints.cli.failed.selection import Filter, filters, look, unknown, walk

# Exit code after Ctrl-C, as shells have it: 128 and the signal's number.
_INTERRUPTED = 130

# Seconds of one walk: a broker takes back what is held for half an hour unacknowledged
# (https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout).
_ROUND = 600.0

Forecasts = list[tuple[DeadLetter, Forecast]]

# Dead letters per second; a wait must be shorter than a round.
_SLOWEST = 0.01


@click.command("retry")
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@filters
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@click.option("--dry-run", is_flag=True, help="Move nothing; show what would pass.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print JSON.")
@click.option("--rate", type=click.FloatRange(_SLOWEST), help="Dead letters per second.")
@click.option(
    "--again", "to_all", is_flag=True, help="Also to recipients that have it; under a new id."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def retry(
    letter_ids: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    as_json: bool,
    rate: float | None,
    to_all: bool,
    yes: bool,
    wanted: Filter,
) -> int:
    """Move dead letters back to their queue, with a fresh attempt count.

    Only recipients that do not have the message get it. Ctrl-C ends the command after the dead
    letter in hand; the rest stays.
    """
    wanted = _selected(wanted, letter_ids, "retry", everything=everything or dry_run)
    if as_json and not dry_run:
        raise click.UsageError("--json goes with --dry-run only")
    with opened(names_queue=True) as app:
        decision = partial(again, max_body=app.settings.max_body) if to_all else release
        if not dry_run:
            return _act(app, wanted, "retry", "moved back to the queue", decision, yes, rate)
        found = _rehearse(app, wanted, decision)
    if as_json:
        print_json([_verdict(*one) for one in found])
    else:
        _print(found)
    missing = wanted.missing(letter.id for letter, _ in found)
    return unknown(*missing) or int(any(forecast.fault for _, forecast in found))


def _rehearse(
    app: Application, wanted: Filter, decision: Callable[[InboundMessage], Release]
) -> Forecasts:
    """What would become of each dead letter if `decision` were carried out.

    Judged by the worker's rules, with its templates, addresses, attachments and ledger, and these
    settings. The provider is not asked. Nothing is moved, sent or created.
    """
    rehearsal = app.container.rehearsal()
    found: Forecasts = []

    async def act(message: InboundMessage, letter: DeadLetter) -> Decision:
        await asyncio.sleep(0)  # the broker's heartbeats go on between two renderings
        release = decision(message)
        released = replace(  # as a worker would see it
            message,
            headers=release.headers,
            body=message.body if release.body is None else release.body,
            properties=release.properties or message.properties,
            redelivered=False,
            delivery_count=0,
        )
        found.append((letter, await rehearsal.forecast(released)))
        return Keep.KEEP

    app.run(walk(app, wanted, act))
    return found


def _verdict(letter: DeadLetter, forecast: Forecast) -> dict[str, object]:
    fault = forecast.fault
    return {
        "id": letter.id,
        "queue": letter.queue,
        "channel": letter.channel,
        "template": letter.template,
        "reason": letter.reason,
        "would_pass": fault is None,
        "fault": None if fault is None else mask_addresses(fault),
        "would_send_to": forecast.sent,
        "would_refuse": forecast.refused,
        "sent_before": forecast.had_before,
    }


def _print(found: Forecasts) -> None:
    causes: dict[Cause, Forecasts] = {}
    for letter, forecast in found:
        causes.setdefault(cause_of(letter), []).append((letter, forecast))
    rows, notes = [], []
    for cause, group in causes.items():
        failing = [(letter.id, each.fault) for letter, each in group if each.fault is not None]
        passing = len(group) - len(failing)
        rows.append((passing, len(failing), *cause[:3]))
        notes.append(
            [f"first id: {failing[0][0]}", mask_addresses(failing[0][1])] if failing else []
        )
    if rows:
        print_entries(["would pass", "would fail", "reason", "template", "channel"], rows, notes)
    passed = sum(forecast.fault is None for _, forecast in found)
    words(
        f"{passed} would pass, {len(found) - passed} would fail"
        if found
        else "no dead letter matches"
    )
    if had_before := sum(forecast.had_before for _, forecast in found):
        words(f"{had_before} recipient(s) have their message already and get no second one")


@click.command("remove")
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@filters
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(letter_ids: tuple[str, ...], everything: bool, yes: bool, wanted: Filter) -> int:
    """Delete dead letters."""
    wanted = _selected(wanted, letter_ids, "remove", everything=everything)
    with opened(names_queue=True) as app:
        return _act(app, wanted, "remove", "removed", lambda _message: Remove.REMOVE, yes)


def _selected(
    wanted: Filter, letter_ids: tuple[str, ...], verb: str, *, everything: bool
) -> Filter:
    wanted = replace(wanted, ids=wanted.ids.union(letter_ids))
    if wanted == Filter() and not everything:
        raise click.UsageError(f"say which: ids, a filter, or --all to {verb} every dead letter")
    return wanted


def _act(
    app: Application,
    wanted: Filter,
    verb: str,
    past: str,
    decision: Callable[[InboundMessage], Decision],
    yes: bool,
    rate: float | None = None,
) -> int:
    matching = look(app, wanted)
    missing = wanted.missing(letter.id for letter in matching)
    if not matching:
        if not wanted.ids:
            words("no dead letter matches")
        return unknown(*missing)
    confirm(f"{verb} {len(matching)} dead letter(s)?", yes=yes)
    bar = Bar(verb, len(matching))
    moved: list[DeadLetter] = []

    def done(letter: DeadLetter) -> None:
        moved.append(letter)
        bar.show(len(moved))

    try:
        is_interrupted = app.run(move(app, matching, decision, done, rate))
    finally:
        bar.end()
        for letter in moved:
            click.echo(printable(letter.id))
        left = len(matching) - len(moved)
        words(f"{len(moved)} {past}" + (f", {left} not" if left else ""))
    return _INTERRUPTED if is_interrupted else unknown(*missing)


async def move(
    app: Application,
    agreed: Collection[DeadLetter],
    decision: Callable[[InboundMessage], Decision],
    done: Callable[[DeadLetter], None],
    rate: float | None,
    round_: float = _ROUND,
) -> bool:
    """Carry out one decision on the dead letters agreed to, and on no other: what arrived since
    then was not agreed to. `rate` is in dead letters per second, None: without a limit; `round_` is
    in seconds.

    Returns whether Ctrl-C ended it. `done` gets each dead letter that left, also where it raises
    BrokerUnavailable or PublishRefused.
    """
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, _interrupt, interrupted)
    next_at = ends_at = 0.0
    goes_on = True

    async def act(message: InboundMessage, _letter: DeadLetter) -> Decision:
        nonlocal next_at, goes_on
        if next_at >= ends_at:
            goes_on = True
            return Keep.KEEP
        with suppress(TimeoutError):  # meanwhile the dead letters before are confirmed
            async with asyncio.timeout(max(next_at - time.monotonic(), 0)):
                await interrupted.wait()
        next_at = max(next_at, time.monotonic()) + (1 / rate if rate else 0.0)
        return Keep.KEEP if interrupted.is_set() else decision(message)

    while goes_on:
        goes_on, ends_at = False, time.monotonic() + round_
        await walk(app, frozenset(agreed).__contains__, act, done)
    return interrupted.is_set()


def _interrupt(interrupted: asyncio.Event) -> None:
    interrupted.set()
    words("stopping after this dead letter; press Ctrl-C again to stop at once")
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
