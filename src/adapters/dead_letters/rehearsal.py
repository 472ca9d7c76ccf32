"""Find out, by the worker's rules, what would happen to a dead letter now: for an operator, and to
release those whose template was missing or broken, once it renders."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from adapters.dead_letters.dead_letter import describe, release
from adapters.inbound.contract import (
    BrokerUnavailable,
    DeadLetters,
    Decision,
    InboundMessage,
    Keep,
    PublishRefused,
)
from adapters.inbound.deliveries import explained, try_each
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import Attempt, DecodedMessage, decode
from adapters.message_format.rules import MessageRules
from domain.delivery import Delivery
from domain.dispatcher import Dispatcher
from domain.errors import DeliveryError, FailureReason, MalformedMessage, Permanent
from domain.outcome import Outcome, Rejected, Sent
from domain.value_object import value_object

_FIXABLE = (
    FailureReason.TEMPLATE_MISSING,
    FailureReason.TEMPLATE_UNDEFINED,
    FailureReason.TEMPLATE_ERROR,
)
_PAUSE = 30.0  # seconds before the next try when the broker was away

log = structlog.get_logger()


@value_object(kw_only=True)
class Forecast:
    """How many recipients would be sent to, would be refused, and have the message already.
    `fault`: why the first one is refused, beginning with the reason; None where no recipient is
    refused."""

    sent: int = 0
    refused: int = 0
    had_before: int = 0
    fault: str | None = None


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """Does what a worker does with a message, up to the provider, which is not asked. `channels`:
    the channel of each queue. `rules`: what makes a message invalid."""

    dispatcher: Dispatcher
    channels: Mapping[str, str]
    rules: MessageRules

    async def forecast(self, message: InboundMessage) -> Forecast:
        """Judge one message as it would arrive. Raises LedgerUnavailable or
        SuppressionsUnavailable."""
        try:
            decoded, attempts = self._read(message, DeliveryHeaders.parse(release(message).headers))
        except MalformedMessage as error:
            return Forecast(refused=1, fault=f"{error.reason}: {error}")

        async def foresee(delivery: Delivery, _begun: object) -> Outcome:
            return explained(await self._foresee(delivery, message.queue), decoded.meant)

        has_begun = self.dispatcher.has_begun
        tried = await try_each(attempts, has_begun, foresee, is_fallback=decoded.is_fallback)
        results = [result for _, outcome in tried for result in outcome.results]
        refused = [result for result in results if isinstance(result, Rejected)]
        had_before = sum(isinstance(result, Sent) and result.earlier for result in results)
        return Forecast(
            sent=len(results) - len(refused) - had_before,
            refused=len(refused),
            had_before=had_before,
            fault=f"{refused[0].reason}: {refused[0].error}" if refused else None,
        )

    def renders(self, message: InboundMessage, headers: DeliveryHeaders) -> bool:
        """Whether what is tried at first renders. Its age is judged when it is sent."""
        try:
            decoded, attempts = self._read(message, replace(headers, first_seen=None))
            for one in attempts[:1] if decoded.is_fallback else attempts:
                self.dispatcher.rehearse(one.delivery)
        except DeliveryError:
            return False
        return True

    def _read(
        self, message: InboundMessage, headers: DeliveryHeaders
    ) -> tuple[DecodedMessage, Sequence[Attempt]]:
        decoded = decode(
            message.body,
            channel=self.channels[message.queue],
            properties=message.properties,
            rules=self.rules,
        ).about(headers.channel)
        return decoded, decoded.attempts(
            headers, session=message.session, redelivered=message.redelivered
        )

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
        listed = await self.dispatcher.listed(delivery)
        results = (
            listed[r.address].refuse(r) if r.address in listed else Sent(recipient=r)
            for r in recipients
        )
        return Outcome(attempt=1, results=tuple(results))


@dataclass(slots=True, kw_only=True)
class TemplateReleaser:
    """Releases, after a change of the template set, the dead letters that can be sent now.

    Only those dead for a missing or broken template or an undefined variable, and only where
    today's set renders them. `version` gives the set in use.
    """

    dead_letters: DeadLetters
    rehearsal: Rehearsal
    queues: Collection[str]
    version: Callable[[], str]
    _changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def templates_changed(self) -> None:
        """A new set is in use."""
        self._changed.set()

    async def run(self) -> None:
        """Go through the dead letters after each change, until cancelled."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                try:
                    for queue in self.queues:
                        await self.dead_letters.visit(queue, self._decide)
                except (BrokerUnavailable, PublishRefused) as error:
                    log.warning("dead letters cannot be looked at; waiting", error=str(error))
                    self._changed.set()
                    await asyncio.sleep(_PAUSE)
        finally:
            await self.dead_letters.close()

    async def _decide(self, message: InboundMessage) -> Decision:
        headers = DeliveryHeaders.parse(message.headers)
        if headers.reason not in _FIXABLE or not self.rehearsal.renders(message, headers):
            return Keep.KEEP
        letter = describe(message, self.rehearsal.channels)
        log.info(
            "dead letter released: its template renders now",
            id=letter.id,
            queue=message.queue,
            template=letter.template,
            reason=str(letter.reason),
            templates_version=self.version(),
        )
        await asyncio.sleep(0)  # rendering many dead letters must not hold up the mails
        return release(message, in_doubt=headers.in_doubt)
