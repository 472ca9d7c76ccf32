"""The messages of `<queue>.suppress`: addresses that must get nothing more, as a program that reads
bounces publishes them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

import structlog

from adapters.inbound.contract import InboundMessage, Settlement
from adapters.inbound.handler import malformed
from adapters.message_format.body import loads_object, plain_body
from adapters.message_format.headers import NO_HEADERS, DeliveryHeaders
from adapters.records import Faults, Given, ObjectForm, text_of
from adapters.texts import short_text
from domain.errors import MalformedMessage
from domain.notification import InvalidNotification, one_recipient
from domain.ports import Clock, EventSink
from domain.suppressions import Canonical, ChannelUnknown, EntryInvalid, Suppression
from domain.value_object import value_object

_LONGEST_REASON = 500

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
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise ValueError("must be a date such as 2026-01-31") from None


def _reason(value: object) -> str:
    """A server's answer may be its number alone."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else text_of(value)


@value_object(kw_only=True)
class SuppressRequest:
    """What such a message says. `channel`: None stands for that of the queue; `since`: today."""

    address: Annotated[str, Given(_address)]
    reason: Annotated[str, Given(_reason)] = ""
    channel: Annotated[str | None, Given(text_of)] = None
    since: Annotated[date | None, Given(_date, name="date")] = None


_FORM: ObjectForm[SuppressRequest] = ObjectForm(SuppressRequest)


@dataclass(slots=True, kw_only=True)
class SuppressHandler:
    """Stores what such messages ask for. A message is settled once its address is stored for good.
    `add` does so, and waits while the list is away; it says whether the entry is a new one.
    `channels`: suppress queue to channel."""

    add: Callable[[Suppression], Awaitable[bool]]
    canonical: Canonical
    channels: Mapping[str, str]
    clock: Clock
    events: EventSink
    max_body: int

    async def handle(self, message: InboundMessage) -> Settlement:
        """See `Handler`."""
        try:
            entry = self._entry(message)
            is_new = await self._added(entry)
        except MalformedMessage as error:
            arrived = DeliveryHeaders.parse(message.headers) if message.headers else NO_HEADERS
            dead = malformed(message, arrived, error, self.clock.now(), self.events)
            return Settlement([dead])
        text = "address suppressed" if is_new else "address was suppressed before"
        log.info(text, queue=message.queue, channel=entry.channel, reason=entry.reason)
        return Settlement()

    async def _added(self, entry: Suppression) -> bool:
        try:
            return await self.add(entry)
        except EntryInvalid as error:
            raise MalformedMessage([f"address: {error}"]) from None

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
        except ChannelUnknown as error:
            raise MalformedMessage([f"channel: {error}"]) from None
        except ValueError as error:
            raise MalformedMessage([f"address: {error}"]) from None
        return Suppression(
            channel=channel,
            address=address,
            reason=short_text(asked.reason, _LONGEST_REASON),
            since=asked.since or self.clock.now().date(),
        )
