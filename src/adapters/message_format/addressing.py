"""Whom a message is for, and by which channels. Faults are ValueErrors: pydantic collects them."""

import re
from collections.abc import Mapping
from functools import lru_cache

from pydantic import ValidationInfo

from adapters.message_format.rules import MessageRules, Reading
from domain.addresses import GIVE_A_LIST, SIMPLE, holds_several
from domain.notification import Recipient

_CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_SEPARATORS = ",;"
_LONGEST_KEPT = 300  # characters


def text_of(value: object) -> str:
    """A string, and nothing that only looks like one."""
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004
    return value


def _recipient(value: object, channel: str, rules: MessageRules) -> Recipient:
    if isinstance(value, str) and len(value) <= _LONGEST_KEPT:
        return _known(value, _refused(channel, rules))
    if _is_number(value) and channel in rules.number_addresses:
        return Recipient(address=str(value))  # such as a chat's id
    return _parsed(text_of(value), _refused(channel, rules))


def _parsed(text: str, refused: str) -> Recipient:
    if simple := SIMPLE.fullmatch(text):
        return Recipient(address=simple["address"], name=(simple["name"] or "").rstrip())
    return _with_care(text, refused)


def _with_care(text: str, refused: str) -> Recipient:
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


def _refused(channel: str, rules: MessageRules) -> str:
    """The signs that no address of the channel has."""
    return _SEPARATORS if channel in rules.comma_free else ""


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


def _some_recipients(value: object, channel: str, rules: MessageRules) -> tuple[Recipient, ...]:
    recipients = _recipients(value, channel, rules)
    if not recipients:
        raise ValueError("must name at least one recipient")
    return recipients


def by_channel(value: object, info: ValidationInfo) -> Mapping[str, tuple[Recipient, ...]]:
    """Recipients by channel. An object where the message names several channels."""
    rules = _reading(info).rules
    if not isinstance(value, dict):
        if info.data.get("channels") or info.data.get("fallback"):
            raise ValueError("must be an object, channel to recipients")
        channel = _own_channel(info)
        if isinstance(value, str):
            return {channel: (_recipient(value, channel, rules),)}
        return {channel: _some_recipients(value, channel, rules)}
    if not {"channels", "fallback"} <= info.data.keys():
        return {}  # their own fault is reported
    channels = info.data["channels"] or info.data["fallback"]
    if not channels:
        raise ValueError("must be a string or a list of strings; an object goes with channels")
    if strangers := value.keys() - set(channels):
        raise ValueError(f"names {min(strangers)[:80]!r}, which is not among the channels")
    found = {}
    for channel in channels:
        try:
            found[channel] = _some_recipients(value.get(channel, []), channel, rules)
        except ValueError as error:
            raise ValueError(f"{channel} {error}") from None
    return found


def _reading(info: ValidationInfo) -> Reading:
    reading: Reading = info.context  # type: ignore[assignment]
    return reading


def _own_channel(info: ValidationInfo) -> str:
    """The message's channel, else its queue's, which is the context."""
    return info.data.get("channel") or _reading(info).channel


def optional_recipients(value: object, info: ValidationInfo) -> tuple[Recipient, ...]:
    """Return all recipients; an empty string counts as absent."""
    if isinstance(value, str):
        return (_recipient(value, _own_channel(info), _reading(info).rules),) if value else ()
    return _recipients(value, _own_channel(info), _reading(info).rules)


def optional_recipient(value: object, info: ValidationInfo) -> Recipient | None:
    """Return the recipient; an empty string counts as absent."""
    return None if value == "" else _recipient(value, _own_channel(info), _reading(info).rules)


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
