"""The settings of the channels: read from their texts, and checked by the channels' own rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.channels import CHANNELS
from adapters.channels.channel import Channel
from adapters.channels.setting import SettingSpec, specs_of
from adapters.secret import Secret
from domain.errors import Permanent
from entrypoints.settings.model import Settings
from entrypoints.settings.sources import RawSettings, label, variable
from entrypoints.settings.values import target_name


@dataclass(frozen=True, slots=True)
class ChannelField:
    """One setting of a channel, and the attribute that holds it."""

    channel: Channel[Any]
    attribute: str
    spec: SettingSpec

    def is_(self, channel: Channel[Any], attribute: str) -> bool:
        """Whether it is this one."""
        return self.channel is channel and self.attribute == attribute


FIELDS: Mapping[str, ChannelField] = {
    channel.field_of(spec.name or attribute): ChannelField(channel, attribute, spec)
    for channel in CHANNELS.values()
    for attribute, spec in specs_of(channel.settings)
}
"""Setting -> what it is to its channel."""

WITH_FILE_TWIN = tuple(name for name, field in FIELDS.items() if field.spec.is_secret)
FAMILIES = tuple(channel.family for channel in CHANNELS.values() if channel.family)


def read_channels(raw: RawSettings) -> tuple[dict[str, Any], list[str]]:
    """Channel -> its settings, and a line for each text that cannot be read."""
    given: dict[str, dict[str, object]] = {name: {} for name in CHANNELS}
    faults = []
    for name, field in FIELDS.items():
        if name not in raw.values:
            continue
        text = raw.values[name]
        try:
            value = Secret(text, raw.files.get(name)) if field.spec.is_secret else None
            given[field.channel.name][field.attribute] = value or field.spec.parse(text)
        except ValueError as error:
            faults.append(f"{label(raw, name)}: {error}")
    for channel in CHANNELS.values():
        if channel.family:
            given[channel.name][channel.family], unnamed = _family(raw, channel.family)
            faults += unnamed
    return {name: CHANNELS[name].settings(**values) for name, values in given.items()}, faults


def _family(raw: RawSettings, family: str) -> tuple[dict[str, Secret], list[str]]:
    """The secrets whose names the operator chose."""
    secrets, faults = {}, []
    for name, text in raw.values.items():
        own = name.removeprefix(f"{family}__")
        if own == name:
            continue
        secrets[own] = Secret(text, raw.files.get(name))
        try:
            target_name(own)
        except ValueError as error:
            faults.append(f"{label(raw, name)}: {error}")
    return secrets, faults


def channel_faults(settings: Settings) -> Iterator[str]:
    """One line for each setting of a channel that could not be used, by its variable."""
    for name, channel in CHANNELS.items():
        own = settings.channel_settings[name]
        for fault in channel.faults(own, is_production=settings.is_production):
            yield f"{variable(channel.field_of(fault.name))}: {fault.text}"


def address_faults(settings: Settings) -> Iterator[str]:
    """One line for each address of ALERTS_TO and REDIRECT_TO that its channel would refuse."""
    named = [
        *(("alerts_to", one.channel, one.recipient.address) for one in settings.alerts_to),
        *(("redirect_to", name, one.address) for name, one in settings.redirect_to.items()),
    ]
    for name, channel, address in named:
        try:
            CHANNELS[channel].check_address(address, settings.channel_settings[channel])
        except (ValueError, Permanent) as error:
            text = str(error).removeprefix(f"{channel}: ")
            is_secret = CHANNELS[channel].has_secret_addresses
            whom = channel if is_secret else f"{address!r} for {channel}"
            yield f"{variable(name)}: {whom}: {text}"


def shown(settings: Settings, name: str) -> tuple[object, bool]:
    """The value of a channel's setting as it may be printed, and whether it can follow from
    others."""
    field = FIELDS[name]
    value = getattr(settings.channel_settings[field.channel.name], field.attribute)
    captured = field.spec.captured
    if value is None and captured is not None and settings.is_embedded:
        return captured(settings.home), True
    if isinstance(value, Secret):
        value = field.spec.shown(value.value)
    return value, captured is not None
