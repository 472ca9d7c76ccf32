"""A message as producers write it, and whom it is for. Unknown fields are kept aside, never
refused. Faults are ValueErrors."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated

from adapters.message_format.fields import (
    ATTACHMENT,
    MAX_ID,
    JsonObject,
    WireAttachment,
    channel_name,
    delay_of,
    id_fault,
    language_tag,
    named_channels,
    timezone_name,
    utc_time,
)
from adapters.message_format.rules import MessageRules, Reading
from adapters.records import (
    Given,
    ObjectForm,
    list_of,
    text_of,
    whole_number,
    yes_or_no,
)
from domain.addresses import GIVE_A_LIST, SIMPLE, holds_several
from domain.notification import (
    TEMPLATE_NAME,
    Recipient,
    extra_header_fault,
    header_fault,
    template_name_fault,
)

_USUAL_ID = re.compile(rf"[!-~]{{0,{MAX_ID}}}")
_ONE_LINE = re.compile(r"[^\r\n\0]*+")
_SEPARATORS = ",;"
_LONGEST_KEPT = 300  # characters


def _checked(fault: Callable[[str], str | None], usual: re.Pattern[str]) -> Callable[[object], str]:
    """A text without that fault. What is `usual` has none, and is not looked at further."""

    def validate(value: object) -> str:
        if isinstance(value, str) and usual.fullmatch(value):
            return value
        text = text_of(value)
        if found := fault(text):
            raise ValueError(found)
        return text

    return validate


def _parsed(text: str, refused: str) -> Recipient:
    if simple := SIMPLE.fullmatch(text):
        return Recipient(address=simple["address"], name=(simple["name"] or "").rstrip())
    is_several = holds_several(text)
    try:
        recipient = Recipient.parse(text)
    except ValueError as error:
        fault = str(error).removeprefix("recipient: ")
        raise ValueError(f"{fault}, and {GIVE_A_LIST}" if is_several else fault) from None
    if is_several or any(sign in recipient.address for sign in refused):
        raise ValueError(GIVE_A_LIST)
    return recipient


# Senders, and those whom replies go to, are the same in mail after mail.
_known = lru_cache(maxsize=1024)(_parsed)


def _recipient(value: object, channel: str, rules: MessageRules) -> Recipient:
    refused = _SEPARATORS if channel in rules.comma_free else ""  # no address of the channel has it
    if isinstance(value, str) and len(value) <= _LONGEST_KEPT:
        return _known(value, refused)
    if _is_number(value) and channel in rules.number_addresses:
        return Recipient(address=str(value))  # such as a chat's id
    return _parsed(text_of(value), refused)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _recipients(value: object, channel: str, rules: MessageRules) -> tuple[Recipient, ...]:
    """A string or a list of strings. A string is one address, and never split."""
    if isinstance(value, str) or _is_number(value):
        return (_recipient(value, channel, rules),)
    if not isinstance(value, list):
        raise ValueError("must be a string or a list of strings")  # noqa: TRY004
    recipients = []
    for index, item in enumerate(value):
        try:
            recipients.append(_recipient(item, channel, rules))
        except ValueError as error:
            raise ValueError(f"item {index} {error}") from None
    return tuple(recipients)


def _by_channel(value: object, reading: Reading) -> Mapping[str, tuple[Recipient, ...]]:
    """Recipients by channel. An object where the message names several channels."""
    data = reading.so_far
    if not isinstance(value, dict):
        if data.get("channels") or data.get("fallback"):
            raise ValueError("must be an object, channel to recipients")
        channel = data.get("channel") or reading.channel
        if isinstance(value, str):
            return {channel: (_recipient(value, channel, reading.rules),)}
        return {channel: _some_recipients(value, channel, reading.rules)}
    if None in (data.get("channels", ()), data.get("fallback", ())):
        return {}  # their own fault is reported
    channels = data.get("channels") or data.get("fallback")
    if not channels:
        raise ValueError("must be a string or a list of strings; an object goes with channels")
    if strangers := value.keys() - set(channels):
        raise ValueError(f"names {min(strangers)[:80]!r}, which is not among the channels")
    found = {}
    for channel in channels:
        try:
            found[channel] = _some_recipients(value.get(channel, []), channel, reading.rules)
        except ValueError as error:
            raise ValueError(f"{channel} {error}") from None
    return found


def _some_recipients(value: object, channel: str, rules: MessageRules) -> tuple[Recipient, ...]:
    recipients = _recipients(value, channel, rules)
    if not recipients:
        raise ValueError("must name at least one recipient")
    return recipients


def _optional_recipients(value: object, reading: Reading) -> tuple[Recipient, ...]:
    """Return all recipients; an empty string counts as absent."""
    channel, rules = reading.so_far.get("channel") or reading.channel, reading.rules
    if isinstance(value, str):
        return (_recipient(value, channel, rules),) if value else ()
    return _recipients(value, channel, rules)


def _optional_recipient(value: object, reading: Reading) -> Recipient | None:
    """Return the recipient; an empty string counts as absent."""
    if value == "":
        return None
    return _recipient(value, reading.so_far.get("channel") or reading.channel, reading.rules)


def json_object(value: object) -> JsonObject:
    """An object, or the empty list that PHP makes of an empty one."""
    if isinstance(value, dict):
        return value
    if value == [] and isinstance(value, list):
        return {}
    raise ValueError("must be an object")


def extra_headers(value: object) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, text in json_object(value).items():
        if not isinstance(text, str | None):
            raise ValueError(f"{name[:80]} must be a string")  # noqa: TRY004
        if found := extra_header_fault(name, text or ""):
            raise ValueError(f"{name[:80]} {found}")
        if text is not None:
            headers[name] = text
    return headers


_CHANNELS = Given(named_channels, needs_context=True)
_ADDRESS = Given(_optional_recipient, needs_context=True)
_SENDER = replace(_ADDRESS, name="from")
_ADDRESSES = Given(_optional_recipients, needs_context=True)


@dataclass(kw_only=True)
class WireMessage:
    """One message as producers write it. Only `to` and `template` are required.

    To be read with a Reading as the context. `to` is by channel.
    """

    channel: Annotated[str | None, Given(channel_name)] = None
    channels: Annotated[tuple[str, ...], _CHANNELS] = ()
    fallback: Annotated[tuple[str, ...], _CHANNELS] = ()
    to: Annotated[Mapping[str, tuple[Recipient, ...]], Given(_by_channel, needs_context=True)]
    template: Annotated[str, Given(_checked(template_name_fault, TEMPLATE_NAME))]
    id: Annotated[str | None, Given(_checked(id_fault, _USUAL_ID))] = None
    sender: Annotated[Recipient | None, _SENDER] = None
    reply_to: Annotated[tuple[Recipient, ...], _ADDRESSES] = ()
    cc: Annotated[tuple[Recipient, ...], _ADDRESSES] = ()
    bcc: Annotated[tuple[Recipient, ...], _ADDRESSES] = ()
    subject: Annotated[str | None, Given(_checked(header_fault, _ONE_LINE))] = None
    parameters: Annotated[JsonObject, Given(json_object)] = field(default_factory=dict)
    individually: Annotated[bool, Given(yes_or_no)] = False
    locale: Annotated[str | None, Given(language_tag)] = None
    timezone: Annotated[str | None, Given(timezone_name)] = None
    send_at: Annotated[datetime | None, Given(utc_time)] = None
    delay: Annotated[timedelta | None, Given(delay_of)] = None
    expires_at: Annotated[datetime | None, Given(utc_time)] = None
    priority: Annotated[int | None, Given(whole_number(0, 255))] = None
    attachments: Annotated[tuple[WireAttachment, ...], Given(list_of(ATTACHMENT.read))] = ()
    envelope_from: Annotated[Recipient | None, _ADDRESS] = None
    headers: Annotated[dict[str, str], Given(extra_headers)] = field(default_factory=dict)
    metadata: Annotated[JsonObject, Given(json_object)] = field(default_factory=dict)


MESSAGE = ObjectForm(WireMessage)
