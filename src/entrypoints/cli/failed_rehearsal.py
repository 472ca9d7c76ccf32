"""`dispatcher failed retry --dry-run`: today's templates, and nobody to send to."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.telemetry.logs import mask_addresses
from adapters.wire.cause import Cause, cause_of
from adapters.wire.headers import DeliveryHeaders
from adapters.wire.inbound import Decision, InboundMessage, Keep
from adapters.wire.letters import Letter
from adapters.wire.message import decode
from domain.content import Content
from domain.dispatcher import Dispatcher, Progress
from domain.errors import DeliveryError, FailureReason, MalformedMessage
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, proceed
from domain.retry_policy import RetryPolicy
from entrypoints.cli.letters import Filter, walk
from entrypoints.cli.output import print_table, words
from entrypoints.container import Container
from entrypoints.settings import Settings

_COLUMNS = ("would pass", "would fail", "reason", "template", "channel", "first id", "its fault")


class _Nobody:
    """A notifier that takes everything and sends nothing."""

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        return dict.fromkeys(recipients)

    async def close(self) -> None:
        pass


@dataclass(slots=True)
class _Tally:
    passed: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Of each letter that would fail: its id, and why."""


def rehearse(settings: Settings, wanted: Filter) -> tuple[set[str], bool]:
    """Print what would become of each cause; the ids found, and whether one would fail again.

    Decodes and renders. Addresses, sender and server are not tried. Nothing is moved or sent.
    """
    rehearsal = Rehearsal(settings)
    tallies: dict[Cause, _Tally] = {}
    ids: set[str] = set()

    async def act(message: InboundMessage, letter: Letter) -> Decision:
        ids.add(letter.id)
        tally = tallies.setdefault(cause_of(letter), _Tally())
        fault = await rehearsal.fault_of(message)
        if fault is None:
            tally.passed += 1
        else:
            tally.faults.append((letter.id, fault))
        return Keep.KEEP

    asyncio.run(walk(settings, wanted, act))
    _print(tallies)
    return ids, any(tally.faults for tally in tallies.values())


class Rehearsal:
    """Goes the whole way of a message but for its last step."""

    def __init__(self, settings: Settings) -> None:
        container = Container(settings=settings)
        self._settings = settings
        self._dispatcher = Dispatcher(
            renderer=container.renderer(),
            notifiers={channel: _Nobody() for channel in settings.queue_channels.values()},
            retry_policy=RetryPolicy(settings.retry_delays),
            clock=container.clock(),
        )

    async def fault_of(self, message: InboundMessage) -> str | None:
        """Why it would fail, beginning with the reason; None where it would pass."""
        headers = DeliveryHeaders.parse(message.headers)
        try:
            decoded = decode(
                message.body,
                channel=self._settings.queue_channels[message.queue],
                message_id=message.properties.message_id,
                max_body=self._settings.max_body,
            )
        except MalformedMessage as error:
            return f"{FailureReason.MALFORMED}: {error}"
        outcome = await self._dispatcher.dispatch(
            decoded.notification,
            Progress(remaining=headers.remaining, first_seen=headers.first_seen),
        )
        for result in outcome.rejected:
            return f"{result.reason}: {result.error}"
        return None


def _print(tallies: Mapping[Cause, _Tally]) -> None:
    rows = [
        (
            tally.passed,
            len(tally.faults),
            cause.reason,
            cause.template,
            cause.channel,
            *(tally.faults[0] if tally.faults else ("", "")),
        )
        for cause, tally in tallies.items()
    ]
    if rows:
        print_table(_COLUMNS, [(*row[:-1], mask_addresses(str(row[-1]))) for row in rows])
    passed = sum(tally.passed for tally in tallies.values())
    failed = sum(len(tally.faults) for tally in tallies.values())
    words(f"{passed} would pass, {failed} would fail" if rows else "no dead letter matches")
