"""`dispatcher failed retry --dry-run`: judged as the worker would, and nothing is sent."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from adapters.dead_letters.dead_letter import Cause, DeadLetter, cause_of
from adapters.dead_letters.rehearsal import Forecast
from adapters.inbound.contract import Decision, InboundMessage, Keep, Release
from adapters.observers.logs import mask_addresses
from entrypoints.cli.letters import Act, Filter, walk
from entrypoints.cli.output import print_entries, print_json, words
from entrypoints.container import Container, close_outbound
from entrypoints.settings import Settings

_COLUMNS = ("would pass", "would fail", "reason", "template", "channel")


@dataclass(slots=True)
class _Tally:
    passed: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Of each letter that would fail: its id, and why."""
    had_before: int = 0
    """Recipients who have their message already."""


def rehearse(
    settings: Settings,
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
    container = Container(settings=settings)
    rehearsal = container.rehearsal()
    tallies: dict[Cause, _Tally] = {}
    verdicts: list[dict[str, object]] = []
    ids: set[str] = set()

    async def act(message: InboundMessage, letter: DeadLetter) -> Decision:
        await asyncio.sleep(0)  # the broker's heartbeats go on between two renderings
        ids.add(letter.id)
        tally = tallies.setdefault(cause_of(letter), _Tally())
        forecast = await rehearsal.forecast(_released(message, decision(message)))
        verdicts.append(_verdict(letter, forecast))
        tally.had_before += forecast.had_before
        if forecast.fault is None:
            tally.passed += 1
        else:
            tally.faults.append((letter.id, forecast.fault))
        return Keep.KEEP

    asyncio.run(_walk(container, wanted, act))
    if as_json:
        print_json(verdicts)
    else:
        _print(tallies)
    return ids, any(tally.faults for tally in tallies.values())


async def _walk(container: Container, wanted: Filter, act: Act) -> None:
    try:
        await walk(container.settings(), wanted, act)
    finally:
        await close_outbound(container)


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


def _print(tallies: Mapping[Cause, _Tally]) -> None:
    rows = [
        (tally.passed, len(tally.faults), cause.reason, cause.template, cause.channel)
        for cause, tally in tallies.items()
    ]
    notes = [
        (f"first id: {first}", mask_addresses(fault))
        for tally in tallies.values()
        for first, fault in tally.faults[:1] or [("", "")]
    ]
    if rows:
        print_entries(_COLUMNS, rows, [note if note[1] else () for note in notes])
    passed = sum(tally.passed for tally in tallies.values())
    failed = sum(len(tally.faults) for tally in tallies.values())
    words(f"{passed} would pass, {failed} would fail" if rows else "no dead letter matches")
    if had_before := sum(tally.had_before for tally in tallies.values()):
        words(f"{had_before} recipient(s) have their message already and get no second one")
