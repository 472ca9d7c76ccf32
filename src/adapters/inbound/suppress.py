"""The messages of `<queue>.suppress`: addresses that must get nothing more, as a program that reads
bounces publishes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

import structlog

from adapters.inbound.contract import InboundMessage, Settlement
from adapters.inbound.handler import malformed
from adapters.message_format.body import loads_object, plain_body
from adapters.message_format.headers import NO_HEADERS, DeliveryHeaders
from adapters.records import Faults, Given, ObjectForm, text_of
from adapters.texts import short_text
from domain.backoff import DoublingWait
from domain.errors import MalformedMessage
from domain.events import SUPPRESSIONS, TroubleBegan, TroubleEnded
from domain.notification import InvalidNotification, one_recipient
from domain.ports import Clock, EventSink
from domain.suppressions import Canonical, Suppression, SuppressionStore, SuppressionsUnavailable

_LONGEST_REASON = 500
_PAUSES = DoublingWait(first=1.0, longest=30.0)

log = structlog.get_logger()


def _address(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a chat's id
    try:
        return one_recipient(text_of(value)).address
    except InvalidNotification as error:
        raise ValueError(str(error).removeprefix("recipient: ")) from None


def _date(value: object) -> date:
    text = text_of(value)
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError("must be a date such as 2026-01-31") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressRequest:
    """What such a message says. `channel`: None stands for that of the queue; `since`: today."""

    address: Annotated[str, Given(_address)]
    reason: Annotated[str, Given(text_of)] = ""
    channel: Annotated[str | None, Given(text_of)] = None
    since: Annotated[date | None, Given(_date, name="date")] = None


_FORM: ObjectForm[SuppressRequest] = ObjectForm(SuppressRequest)


@dataclass(slots=True, kw_only=True)
class SuppressHandler:
    """Stores what such messages ask for. A message is settled once its address is stored for good:
    while the list is away, it stays in hand. `channels`: suppress queue to channel."""

    store: SuppressionStore
    canonical: Canonical
    channels: Mapping[str, str]
    clock: Clock
    events: EventSink
    max_body: int
    _is_away: bool = field(default=False, init=False)

    async def handle(self, message: InboundMessage) -> Settlement:
        """See `Handler`."""
        try:
            entry = self._entry(message)
        except MalformedMessage as error:
            arrived = DeliveryHeaders.parse(message.headers) if message.headers else NO_HEADERS
            dead = malformed(message, arrived, error, self.clock.now(), self.events)
            return Settlement([dead])
        is_new = await self._stored(entry)
        text = "address suppressed" if is_new else "address was suppressed before"
        log.info(text, queue=message.queue, channel=entry.channel, reason=entry.reason)
        return Settlement()

    def _entry(self, message: InboundMessage) -> Suppression:
        plain = plain_body(message.body, message.properties, self.max_body)
        try:
            asked = _FORM.read(loads_object(plain))
        except Faults as error:
            faults = [f"{place}: {text}" for place, text in error.found]
            raise MalformedMessage(faults) from None
        channel = asked.channel or self.channels[message.queue]
        try:
            address = self.canonical(channel, asked.address)
        except ValueError as error:
            raise MalformedMessage([f"address: {error}"]) from None
        return Suppression(
            channel=channel,
            address=address,
            reason=short_text(asked.reason, _LONGEST_REASON),
            since=asked.since or self.clock.now().date(),
        )

    async def _stored(self, entry: Suppression) -> bool:
        pause = 0.0
        while True:
            try:
                is_new = await self.store.add(entry)
            except SuppressionsUnavailable as error:
                pause = _PAUSES.after(pause)
                self._is_away = True
                self.events.emit(TroubleBegan(SUPPRESSIONS, str(error), pause))
                await self.clock.sleep(pause)
                continue
            if self._is_away:
                self._is_away = False
                self.events.emit(TroubleEnded(SUPPRESSIONS))
            return is_new
