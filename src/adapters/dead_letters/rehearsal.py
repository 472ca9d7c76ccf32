"""What would become of a message now, judged by the worker's own rules; nothing is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.inbound.contract import InboundMessage
from adapters.inbound.deliveries import come_to, explained, fall_back
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import decode
from adapters.message_format.rules import MessageRules
from domain.delivery import Delivery
from domain.dispatcher import Dispatcher
from domain.errors import FailureReason, MalformedMessage, Permanent
from domain.outcome import Outcome, Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How many recipients would be sent to, would be refused, and have the message already.
    `fault`: why the first is refused, beginning with the reason; None where no one is."""

    sent: int = 0
    refused: int = 0
    had_before: int = 0
    fault: str | None = None


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """Goes the way of a message up to the provider, who is not asked. `channels`: queue to channel.
    `rules`: what is a fault."""

    dispatcher: Dispatcher
    channels: Mapping[str, str]
    rules: MessageRules

    async def forecast(self, message: InboundMessage) -> Forecast:
        """Judge one message as it would arrive. Raises LedgerUnavailable."""
        headers = DeliveryHeaders.parse(message.headers)
        try:
            decoded = decode(
                message.body,
                channel=self.channels[message.queue],
                properties=message.properties,
                rules=self.rules,
            ).about(headers.channel)
        except MalformedMessage as error:
            return Forecast(refused=1, fault=f"{error.reason}: {error}")

        async def foresee(delivery: Delivery) -> Outcome:
            return explained(await self._foresee(delivery, message.queue), decoded.meant)

        attempts = decoded.attempts(
            headers, session=message.session, redelivered=message.redelivered
        )
        if decoded.is_fallback:
            at, _begun = await come_to(attempts, self.dispatcher.has_begun)
            _attempt, outcome = await fall_back(attempts[at:], foresee)
            return _forecast([outcome])
        return _forecast([await foresee(one.delivery) for one in attempts])

    async def _foresee(self, delivery: Delivery, queue: str) -> Outcome:
        channel = delivery.notification.channel
        if channel in self.dispatcher.senders or channel != self.channels[queue]:
            return await self.dispatcher.foresee(delivery)
        # A worker that consumes this queue has the channel; its addresses are not known here.
        recipients = delivery.remaining
        try:
            self.dispatcher.rehearse(delivery)
        except Permanent as error:
            return Outcome.all_rejected(recipients, error.reason, str(error), attempt=1)
        return Outcome(attempt=1, results=tuple(Sent(recipient=r) for r in recipients))


def _forecast(outcomes: Iterable[Outcome]) -> Forecast:
    sent = had_before = refused = 0
    faults: list[tuple[FailureReason, str]] = []
    for outcome in outcomes:
        had = sum(one.earlier for one in outcome.sent)
        had_before += had
        sent += len(outcome.results) - len(outcome.rejected) - had
        refused += len(outcome.rejected)
        faults += [(one.reason, one.error) for one in outcome.rejected]
    fault = f"{faults[0][0]}: {faults[0][1]}" if faults else None
    return Forecast(sent=sent, refused=refused, had_before=had_before, fault=fault)
