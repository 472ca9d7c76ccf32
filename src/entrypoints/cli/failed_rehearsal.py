"""`dispatcher failed retry --dry-run`: today's templates, and nobody to send to."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.telemetry.logs import mask_addresses
from adapters.wire.cause import Cause, cause_of
from adapters.wire.headers import DeliveryHeaders
from adapters.wire.inbound import Decision, InboundMessage, Keep
from adapters.wire.letters import Letter
from adapters.wire.message import decode
from domain.dispatcher import Dispatcher, Progress
from domain.errors import FailureReason, Permanent
from domain.retry_policy import RetryPolicy
from entrypoints.cli.letters import Filter, walk
from entrypoints.cli.output import print_entries, print_json, words
from entrypoints.container import Container
from entrypoints.settings import Settings

_COLUMNS = ("would pass", "would fail", "reason", "template", "channel")


@dataclass(slots=True)
class _Tally:
    passed: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Of each letter that would fail: its id, and why."""


def rehearse(settings: Settings, wanted: Filter, *, as_json: bool = False) -> tuple[set[str], bool]:
    """Print what would become of each cause, or as JSON of each letter; the ids found, and whether
    one would fail again.

    Decodes and renders. Addresses, sender and server are not tried. Nothing is moved or sent.
    """
    rehearsal = Rehearsal(settings)
    tallies: dict[Cause, _Tally] = {}
    verdicts: list[dict[str, object]] = []
    ids: set[str] = set()

    async def act(message: InboundMessage, letter: Letter) -> Decision:
        await asyncio.sleep(0)  # the broker's heartbeats go on between two renderings
        ids.add(letter.id)
        tally = tallies.setdefault(cause_of(letter), _Tally())
        fault = rehearsal.fault_of(message)
        verdicts.append(_verdict(letter, fault))
        if fault is None:
            tally.passed += 1
        else:
            tally.faults.append((letter.id, fault))
        return Keep.KEEP

    asyncio.run(walk(settings, wanted, act))
    if as_json:
        print_json(verdicts)
    else:
        _print(tallies)
    return ids, any(tally.faults for tally in tallies.values())


class Rehearsal:
    """Goes the way of a message as far as its rendering."""

    def __init__(self, settings: Settings) -> None:
        container = Container(settings=settings)
        self._settings = settings
        self._dispatcher = Dispatcher(
            renderer=container.renderer(),
            notifiers={},
            retry_policy=RetryPolicy(settings.retry_delays),
            clock=container.clock(),
        )

    def fault_of(self, message: InboundMessage) -> str | None:
        """Why it would fail, beginning with the reason; None where it would pass."""
        headers = DeliveryHeaders.parse(message.headers)
        channels = self._settings.queue_channels
        known = {*channels.values(), *self._settings.configured_channels}
        try:
            decoded = decode(
                message.body,
                channel=channels[message.queue],
                properties=message.properties,
                max_body=self._settings.max_body,
            )
            progress = Progress(remaining=headers.remaining, first_seen=headers.first_seen)
            for notification in decoded.about(headers.channel).at_first:
                if notification.channel not in known:
                    unknown = FailureReason.CHANNEL_UNKNOWN
                    return f"{unknown}: no channel is called {notification.channel!r}"
                self._dispatcher.rehearse(notification, progress)
        except Permanent as error:
            return f"{error.reason}: {error}"
        return None


def _verdict(letter: Letter, fault: str | None) -> dict[str, object]:
    return {
        "id": letter.id,
        "queue": letter.queue,
        "channel": letter.channel,
        "template": letter.template,
        "reason": letter.reason,
        "would_pass": fault is None,
        "fault": None if fault is None else mask_addresses(fault),
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
