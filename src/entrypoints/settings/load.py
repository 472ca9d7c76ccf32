"""Sources -> Settings, or every fault at once, one line each, by the name of its variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from domain.errors import DispatcherError
from entrypoints.settings.channel_settings import (
    FAMILIES,
    FIELDS,
    address_faults,
    channel_faults,
    read_channels,
)
from entrypoints.settings.channel_settings import WITH_FILE_TWIN as CHANNELS_WITH_FILE_TWIN
from entrypoints.settings.model import NOT_YET, Settings
from entrypoints.settings.proxies import proxy_faults
from entrypoints.settings.sources import TOML_FILE, RawSettings, label, read_sources, variable
from entrypoints.settings.urls import url_faults

WITH_FILE_TWIN = ("broker_url", "ledger_url", *CHANNELS_WITH_FILE_TWIN)


class SettingsInvalid(DispatcherError):
    """The configuration cannot be used. `faults` has one line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, where each value that is not a default came from, and what to warn of."""

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


def setting_names() -> tuple[str, ...]:
    """Every setting, in the order of the table of docs/settings.md; without those whose names the
    operator chooses."""
    own = list(Settings.model_fields)
    at = own.index("channel_settings")
    return (*own[:at], *FIELDS, *own[at + 1 :])


def load_settings(
    environ: Mapping[str, str] | None = None, toml_file: Path = TOML_FILE
) -> LoadedSettings:
    """Read and check everything. Raises SettingsInvalid with all faults."""
    raw = read_sources(setting_names(), WITH_FILE_TWIN, FAMILIES, environ, toml_file)
    faults = list(raw.faults)
    settings, invalid = _validate(raw)
    unusable = _unusable_secrets(raw)
    faults += invalid + list(unusable.values())
    if settings is not None:
        said = tuple(f"{variable(name)}:" for name in unusable)
        faults += [line for line in _contradictions(settings) if not line.startswith(said)]
        faults += proxy_faults(settings, os.environ if environ is None else environ)
    if faults or settings is None:
        raise SettingsInvalid(faults)
    warnings = tuple(
        f"{raw.origins[name]} has no effect in this version"
        for name in NOT_YET
        if name in raw.values
    )
    return LoadedSettings(settings, raw.origins, warnings)


def _validate(raw: RawSettings) -> tuple[Settings | None, list[str]]:
    own = {name: text for name, text in raw.values.items() if name in Settings.model_fields}
    channels, lines = read_channels(raw)
    try:
        settings = Settings.model_validate({**own, "channel_settings": channels})
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            name = str(fault["loc"][0])
            text = fault["msg"].removeprefix("Value error, ").replace("Input should", "should")
            lines.append(f"{label(raw, name)}: {text}")
        return None, lines
    return None if lines else settings, lines


def _unusable_secrets(raw: RawSettings) -> dict[str, str]:
    lines = {}
    for name, text in raw.values.items():
        if name in WITH_FILE_TWIN or name.partition("__")[0] in FAMILIES:
            if any(ord(character) < ord(" ") or character == "\x7f" for character in text):
                what = "line break" if "\n" in text or "\r" in text else "control character"
                lines[name] = f"{label(raw, name)}: must not contain a {what}; remove it"
            elif len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
                lines[name] = f"{label(raw, name)}: must not be in quotes; remove them"
    return lines


def _contradictions(settings: Settings) -> list[str]:
    lines = [*url_faults(settings), *channel_faults(settings), *address_faults(settings)]
    if settings.is_embedded and settings.is_production:
        lines.append(
            f"{variable('broker_url')}: must be set to an amqp:// URL: the embedded queue is for"
            f" trying out and is refused with {variable('env')}=production"
        )
    if settings.is_production:
        lines += [
            f"{variable(name)}: the recipient guard is refused with {variable('env')}=production"
            for name in ("only_to", "redirect_to")
            if getattr(settings, name)
        ]
    lines += [
        f"{variable('bindings')}: {binding.queue!r} is no queue of {variable('queues')}"
        for binding in settings.bindings
        if binding.queue not in settings.queue_channels
    ]
    if settings.concurrency and settings.prefetch and settings.prefetch < settings.concurrency:
        lines.append(f"{variable('prefetch')}: must not be below {variable('concurrency')}")
    return lines
