"""Fix the template and it flows: letters dead for want of a template go back once it renders."""

import asyncio
from collections.abc import Callable, Mapping
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
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.message import decode
from adapters.message_format.rules import MessageRules
from domain.dispatcher import Dispatcher
from domain.errors import DeliveryError, FailureReason

_MENDABLE = (
    FailureReason.TEMPLATE_MISSING,
    FailureReason.TEMPLATE_UNDEFINED,
    FailureReason.TEMPLATE_ERROR,
)
_PAUSE = 30.0  # seconds before the next try when the broker was away

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class TemplateReleaser:
    """Releases, after a change of the template set, the dead letters that can be sent now.

    Only those dead for a missing or broken template or an undefined variable, and only where
    today's set renders them. `channels`: queue to channel. `version` gives the set in use.
    `rules`: what is a fault.
    """

    dead_letters: DeadLetters
    dispatcher: Dispatcher
    channels: Mapping[str, str]
    version: Callable[[], str]
    rules: MessageRules
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
                    for queue in self.channels:
                        await self.dead_letters.visit(queue, self._decide)
                except (BrokerUnavailable, PublishRefused) as error:
                    log.warning("dead letters cannot be looked at; waiting", error=str(error))
                    self._changed.set()
                    await asyncio.sleep(_PAUSE)
        finally:
            await self.dead_letters.close()

    async def _decide(self, message: InboundMessage) -> Decision:
        headers = DeliveryHeaders.parse(message.headers)
        if headers.reason not in _MENDABLE or not self._renders(message, headers):
            return Keep.KEEP
        letter = describe(message, self.channels)
        log.info(
            "dead letter released: its template renders now",
            id=letter.id,
            queue=message.queue,
            template=letter.template,
            reason=str(letter.reason),
            templates_version=self.version(),
        )
        await asyncio.sleep(0)  # rendering a long row of letters must not hold up the mails
        return release(message)

    def _renders(self, message: InboundMessage, headers: DeliveryHeaders) -> bool:
        try:
            decoded = decode(
                message.body,
                channel=self.channels[message.queue],
                properties=message.properties,
                rules=self.rules,
            ).about(headers.channel)
            attempts = decoded.attempts(
                replace(headers, first_seen=None),  # its age is judged when it is sent
                session=message.session,
                redelivered=message.redelivered,
            )
            for one in attempts[:1] if decoded.is_fallback else attempts:  # those tried at first
                self.dispatcher.rehearse(one.delivery)
        except DeliveryError:
            return False
        return True
