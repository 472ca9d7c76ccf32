"""`dispatcher failed retry` and `remove`: many letters, none of them ever in memory alone. And what
`retry --dry-run` shows: judged as the worker would, and nothing is sent."""

import asyncio
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import click

from adapters.dead_letters.dead_letter import Cause, DeadLetter, again, cause_of, release
from adapters.dead_letters.rehearsal import Forecast
from adapters.inbound.contract import Decision, InboundMessage, Keep, Release, Remove
from adapters.observers.logs import mask_addresses
from domain.errors import MalformedMessage
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
from entrypoints.cli.failed.letters import Filter, filters, look, unknown, walk

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the signal's number."""

_ROUND = 600.0
"""Seconds of one walk: a broker takes back what is held for half an hour unacknowledged
(https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout)."""

_SLOWEST = 0.01
"""Letters per second; a wait must be shorter than a round."""

_ABOUT = ("id", "queue", "channel", "template", "reason")
_COLUMNS = ("would pass", "would fail", "reason", "template", "channel")

Forecasts = list[tuple[DeadLetter, Forecast]]


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
        decision = partial(_again, max_body=app.settings.max_body) if to_all else release
        if not dry_run:
            return _act(app, wanted, "retry", "moved back to the queue", decision, yes, rate)
        found = app.run(_rehearse(app, wanted, decision))
    (_print_each if as_json else _print_by_cause)(found)
    missing = wanted.missing(letter.id for letter, _ in found)
    return unknown(*missing) if missing else int(any(each.fault is not None for _, each in found))


def _again(message: InboundMessage, max_body: int) -> Release:
    try:
        return again(message, max_body=max_body)
    except MalformedMessage:  # then no recipient has it
        return release(message)


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


def _selected(wanted: Filter, ids: tuple[str, ...], verb: str, *, everything: bool) -> Filter:
    wanted = replace(wanted, ids=wanted.ids.union(ids))
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
    move = Move(matching, decision, Bar(verb, len(matching)), rate)
    if matching:
        confirm(f"{verb} {len(matching)} dead letter(s)?", yes=yes)
        try:
            app.run(move.run(app))
        finally:
            move.bar.end()
            for letter in move.moved:
                click.echo(printable(letter.id))
            left = len(matching) - len(move.moved)
            words(f"{len(move.moved)} {past}" + (f", {left} not" if left else ""))
    elif not wanted.ids:
        words("no dead letter matches")
    if move.interrupt.is_set():
        return INTERRUPTED
    return unknown(*missing) if missing else 0


@dataclass(slots=True)
class Move:
    """Carries out one decision on the letters agreed to, and on none that came later. `rate`: per
    second, None as fast as it goes; `round_`: in seconds; Ctrl-C sets `interrupt`."""

    agreed: Collection[DeadLetter]
    decision: Callable[[InboundMessage], Decision]
    bar: Bar
    rate: float | None = None
    round_: float = _ROUND
    moved: list[DeadLetter] = field(default_factory=list, init=False)
    interrupt: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _next_at: float = field(default=0.0, init=False)
    _ends_at: float = field(default=0.0, init=False)
    _goes_on: bool = field(default=True, init=False)

    async def run(self, app: Application) -> None:
        """Return when all is done or Ctrl-C is pressed. Raises BrokerUnavailable or
        PublishRefused; `moved` is right in any case."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._on_interrupt)
        agreed = frozenset(self.agreed)
        while self._goes_on:
            self._goes_on = False
            self._ends_at = time.monotonic() + self.round_
            await walk(app, agreed.__contains__, self._act, self._done)

    async def _act(self, message: InboundMessage, _letter: DeadLetter) -> Decision:
        if self._next_at >= self._ends_at:
            self._goes_on = True
            return Keep.KEEP
        with suppress(TimeoutError):  # meanwhile the letters before are confirmed
            async with asyncio.timeout(max(self._next_at - time.monotonic(), 0)):
                await self.interrupt.wait()
        pause = 1 / self.rate if self.rate else 0.0
        self._next_at = max(self._next_at, time.monotonic()) + pause
        return Keep.KEEP if self.interrupt.is_set() else self.decision(message)

    def _done(self, letter: DeadLetter) -> None:
        self.moved.append(letter)
        self.bar.show(len(self.moved))

    def _on_interrupt(self) -> None:
        self.interrupt.set()
        words("stopping after this dead letter; press Ctrl-C again to stop at once")
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


async def _rehearse(
    app: Application, wanted: Filter, decision: Callable[[InboundMessage], Release]
) -> Forecasts:
    """What would become of each letter if `decision` were carried out.

    Judged by the worker's rules, with its templates, addresses, attachments and ledger, and these
    settings. The provider is not asked. Nothing is moved, sent or created.
    """
    rehearsal, found = app.container.rehearsal(), Forecasts()

    async def act(message: InboundMessage, letter: DeadLetter) -> Decision:
        await asyncio.sleep(0)  # the broker's heartbeats go on between two renderings
        released = decision(message)
        seen_by_worker = replace(
            message,
            headers=released.headers,
            body=message.body if released.body is None else released.body,
            properties=released.properties or message.properties,
            redelivered=False,
            delivery_count=0,
        )
        found.append((letter, await rehearsal.forecast(seen_by_worker)))
        return Keep.KEEP

    await walk(app, wanted, act)
    return found


def _print_each(found: Forecasts) -> None:
    print_json(
        [
            {
                **{name: getattr(letter, name) for name in _ABOUT},
                "would_pass": forecast.fault is None,
                "fault": None if forecast.fault is None else mask_addresses(forecast.fault),
                "would_send_to": forecast.sent,
                "would_refuse": forecast.refused,
                "sent_before": forecast.had_before,
            }
            for letter, forecast in found
        ]
    )


def _print_by_cause(found: Forecasts) -> None:
    causes: dict[Cause, Forecasts] = {}
    for letter, forecast in found:
        causes.setdefault(cause_of(letter), []).append((letter, forecast))
    rows, notes, failed = [], [], 0
    for cause, group in causes.items():
        faults = [(x.id, mask_addresses(each.fault)) for x, each in group if each.fault is not None]
        passing = len(group) - len(faults)
        rows.append((passing, len(faults), cause.reason, cause.template, cause.channel))
        notes.append([part for one in faults[:1] for part in (f"first id: {one[0]}", one[1])])
        failed += len(faults)
    if rows:
        print_entries(_COLUMNS, rows, notes)
        words(f"{len(found) - failed} would pass, {failed} would fail")
    else:
        words("no dead letter matches")
    if had_before := sum(forecast.had_before for _, forecast in found):
        words(f"{had_before} recipient(s) have their message already and get no second one")
