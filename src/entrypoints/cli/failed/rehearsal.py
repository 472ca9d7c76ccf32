"""`dispatcher failed retry --dry-run`: judged as the worker would, and nothing is sent."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from adapters.dead_letters.dead_letter import Cause, DeadLetter, cause_of
from adapters.dead_letters.rehearsal import Forecast
from adapters.inbound.contract import Decision, InboundMessage, Keep, Release
from adapters.observers.logs import mask_addresses
from entrypoints.cli.application import Application
from entrypoints.cli.failed.letters import Filter, walk
from entrypoints.cli.output import print_entries, print_json, words

_COLUMNS = ("would pass", "would fail", "reason", "template", "channel")


Forecasts = list[tuple[DeadLetter, Forecast]]


def rehearse(
    app: Application,
    wanted: Filter,
    decision: Callable[[InboundMessage], Release],
    *,
    as_json: bool = False,
) -> tuple[set[str], bool]:
    """Print what would become of each cause, or as JSON of each letter, if `decision` were carried
    out; the ids found, and whether one would fail again.

    Judged by the worker's rules, with its templates, addresses, attachments and ledger, and these
    settings. The provider is not asked. Nothing is moved, sent or created.
    """
    rehearsal = app.container.rehearsal()
    found: Forecasts = []

    async def act(message: InboundMessage, letter: DeadLetter) -> Decision:
        await asyncio.sleep(0)  # the broker's heartbeats go on between two renderings
        found.append((letter, await rehearsal.forecast(_released(message, decision(message)))))
        return Keep.KEEP

    app.run(walk(app, wanted, act))
    if as_json:
        print_json([_verdict(*one) for one in found])
    else:
        _print(found)
    return {letter.id for letter, _ in found}, any(
        forecast.fault is not None for _, forecast in found
    )


def _released(message: InboundMessage, release: Release) -> InboundMessage:
    """The message as a worker would see it."""
    return replace(
        message,
        headers=release.headers,
        body=message.body if release.body is None else release.body,
        properties=release.properties or message.properties,
        redelivered=False,
        delivery_count=0,
    )


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
        rows.append((passing, len(failing), cause.reason, cause.template, cause.channel))
        first = failing[0] if failing else ("", "")
        notes.append((f"first id: {first[0]}", mask_addresses(first[1])) if failing else ())
    if rows:
        print_entries(_COLUMNS, rows, notes)
    passed = sum(forecast.fault is None for _, forecast in found)
    words(
        f"{passed} would pass, {len(found) - passed} would fail"
        if found
        else "no dead letter matches"
    )
    if had_before := sum(forecast.had_before for _, forecast in found):
        words(f"{had_before} recipient(s) have their message already and get no second one")
