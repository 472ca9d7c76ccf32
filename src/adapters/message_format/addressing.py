"""Whom a message is for, by which channels, in which language. Faults are ValueErrors: pydantic
collects them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationInfo

from adapters.message_format.rules import MessageRules, Reading
from domain.addresses import GIVE_A_LIST, SIMPLE, holds_several
from domain.notification import Recipient, locale_fault

_CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_SEPARATORS = ",;"
_LONGEST_KEPT = 300  # characters
_POSIX_LOCALE = re.compile(
    r"(?P<tag>C|POSIX|[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3})"
    r"(?:\.[A-Za-z0-9_:-]{1,20})?(?:@[A-Za-z0-9_=;-]{1,20})?"
)
_LONGEST_TIMEZONE = 100  # no name in the database is half as long, and names are kept


def text_of(value: object) -> str:
    """A string, and nothing that only looks like one."""
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004
    return value


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


_known = lru_cache(maxsize=1024)(_parsed)
"""Senders, and those whom replies go to, are the same in mail after mail."""


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


def by_channel(
    value: object, info: "ValidationInfo[Reading]"
) -> Mapping[str, tuple[Recipient, ...]]:
    """Recipients by channel. An object where the message names several channels."""
    reading, data = info.context, info.data
    if not isinstance(value, dict):
        if data.get("channels") or data.get("fallback"):
            raise ValueError("must be an object, channel to recipients")
        channel = data.get("channel") or reading.channel
        if isinstance(value, str):
            return {channel: (_recipient(value, channel, reading.rules),)}
        return {channel: _some_recipients(value, channel, reading.rules)}
    if not {"channels", "fallback"} <= data.keys():
        return {}  # their own fault is reported
    channels = data["channels"] or data["fallback"]
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


def optional_recipients(value: object, info: "ValidationInfo[Reading]") -> tuple[Recipient, ...]:
    """Return all recipients; an empty string counts as absent."""
    channel, rules = info.data.get("channel") or info.context.channel, info.context.rules
    if isinstance(value, str):
        return (_recipient(value, channel, rules),) if value else ()
    return _recipients(value, channel, rules)


def optional_recipient(value: object, info: "ValidationInfo[Reading]") -> Recipient | None:
    """Return the recipient; an empty string counts as absent."""
    if value == "":
        return None
    reading = info.context
    return _recipient(value, info.data.get("channel") or reading.channel, reading.rules)


def channel_name(value: object) -> str:
    """Any channel's name: whether there is such a channel is the worker's business."""
    channel = text_of(value)
    if not _CHANNEL.fullmatch(channel):
        raise ValueError("must be a channel's name such as email")
    return channel


def named_channels(value: object, info: ValidationInfo) -> tuple[str, ...]:
    """The channels that a message names, of which `channel`, `channels` and `fallback` are three
    ways that exclude each other."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of channels")
    names = tuple(channel_name(item) for item in value)
    if len(set(names)) < len(names):
        raise ValueError("names a channel twice")
    for other in ("channel", "channels"):
        if other != info.field_name and info.data.get(other):
            raise ValueError(f"must not be set together with {other}")
    return names


def timezone_name(value: object) -> str:
    """The name of a time zone; an empty string counts as absent."""
    name = text_of(value)
    if name and not (len(name) <= _LONGEST_TIMEZONE and _is_timezone(name)):
        raise ValueError("must be the name of a time zone such as Europe/Rome")
    return name


def language_tag(value: object) -> str:
    """A language tag such as it-IT; an empty string counts as absent."""
    tag = _tag_of(text_of(value))
    if tag and (found := locale_fault(tag)):
        raise ValueError(found)
    return tag


@lru_cache(maxsize=256)
def _is_timezone(name: str) -> bool:
    """Whether the IANA database has a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _tag_of(locale: str) -> str:
    """A POSIX locale such as `en_US.UTF-8` or `de_DE@euro` as a language tag: en-US, de-DE; `C`
    and `POSIX` as an empty one. Anything else is given back as it is."""
    match = _POSIX_LOCALE.fullmatch(locale)
    if match is None:
        return locale
    tag = match["tag"].replace("_", "-")
    return "" if tag in {"C", "POSIX"} else tag
