"""What would become of a message now, judged by the worker's own rules; nothing is sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapters.inbound.contract import InboundMessage
from adapters.inbound.deliveries import Attempt, attempts_of, delivery_of
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import DecodedMessage, decode
from adapters.message_format.misspelt import explained
from adapters.message_format.rules import MessageRules
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
            )
        except MalformedMessage as error:
            return Forecast(refused=1, fault=f"{error.reason}: {error}")
        if decoded.is_multiple:
            decoded = decoded.about(headers.channel)
        tries = attempts_of(decoded, headers)
        if decoded.is_fallback:
            outcomes = [await self._fall_back(message, decoded, tries)]
        else:
            outcomes = [await self._foresee(message, decoded, one) for one in tries]
        return _forecast(outcomes)

    async def _fall_back(
        self, message: InboundMessage, decoded: DecodedMessage, tries: Sequence[Attempt]
    ) -> Outcome:
        """The outcome on the channel where it would come to rest; where each refuses it, all their
        refusals."""
        at = 0
        for index in range(len(tries) - 1, 0, -1):
            if await self.dispatcher.has_begun(delivery_of(message, decoded, *tries[index])):
                at = index
                break
        refused: list[Outcome] = []
        errors: list[str] = []
        for one in tries[at:]:
            outcome = await self._foresee(message, decoded, one)
            if not outcome.is_refused_for_good:
                return outcome
            refused.append(outcome)
            errors.append(f"{one[0].channel}: {outcome.rejected[0].error}")
        return refused[0].explained("; ".join(errors))

    async def _foresee(
        self, message: InboundMessage, decoded: DecodedMessage, one: Attempt
    ) -> Outcome:
        notification, headers = one
        delivery = delivery_of(message, decoded, notification, headers)
        is_here = notification.channel in self.dispatcher.senders
        if is_here or notification.channel != self.channels[message.queue]:
            outcome = await self.dispatcher.foresee(delivery)
            return explained(outcome, decoded.meant)
        # A worker that consumes this queue has the channel; its addresses are not known here.
        recipients = delivery.remaining
        try:
            self.dispatcher.rehearse(delivery)
        except Permanent as error:
            outcome = Outcome.all_rejected(recipients, error.reason, str(error), attempt=1)
            return explained(outcome, decoded.meant)
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
