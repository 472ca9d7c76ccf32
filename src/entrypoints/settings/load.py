"""Sources -> Settings, or every fault at once, one line each, by the name of its variable."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.channels import CHANNELS
from adapters.channels.channel import Channel
from adapters.channels.setting import SettingSpec, specs_of
from adapters.secret import Secret
from domain.errors import DispatcherError
from entrypoints.settings.checks import contradictions, proxy_faults
from entrypoints.settings.model import NOT_YET, Settings
from entrypoints.settings.sources import (
    PREFIX,
    TOML_FILE,
    RawSettings,
    label,
    read_environment,
    read_toml,
    variable,
)
from entrypoints.settings.values import target_name


class SettingsInvalid(DispatcherError):
    """The configuration cannot be used. `faults` has one line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting: the attribute that holds it, and the channel whose it is; None: the program's
    own."""

    attribute: str
    spec: SettingSpec
    channel: Channel[Any] | None = None


def _all_fields() -> Iterator[tuple[str, SettingField]]:
    own = [(name, SettingField(name, spec)) for name, spec in specs_of(Settings)]
    at = [name for name, _ in own].index("templates_dir")
    yield from own[:at]
    for channel in CHANNELS.values():
        for attribute, spec in specs_of(channel.settings):
            yield channel.field_of(spec.name or attribute), SettingField(attribute, spec, channel)
    yield from own[at:]


FIELDS: Mapping[str, SettingField] = dict(_all_fields())
"""Setting -> what it is, in the order of the table of docs/settings.md; without those whose names
the operator chooses."""

WITH_FILE_TWIN = tuple(name for name, field in FIELDS.items() if field.spec.is_secret)
FAMILIES = tuple(channel.family for channel in CHANNELS.values() if channel.family)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, where each value that is not a default came from, and what to warn of."""

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


def load_settings(
    environ: Mapping[str, str] | None = None, toml_file: Path = TOML_FILE
) -> LoadedSettings:
    """Read and check everything. Raises SettingsInvalid with all faults."""
    environ = os.environ if environ is None else environ
    raw = RawSettings(FIELDS, WITH_FILE_TWIN, FAMILIES)
    read_toml(raw, toml_file)
    read_environment(raw, environ)
    settings, unreadable = _read_settings(raw)
    lines = [f"{label(raw, name)}: {fault}" for name, fault in unreadable.items()]
    # What has a fault already was left out: what does not fit to it is no fault of its own.
    known = _variables_in(*map(variable, unreadable), *raw.faults)
    lines += [line for line in contradictions(settings) if known.isdisjoint(_variables_in(line))]
    faults = [*raw.faults, *lines, *proxy_faults(settings, environ)]
    if faults:
        raise SettingsInvalid(faults)
    warnings = tuple(
        f"{raw.origins[name]} has no effect in this version"
        for name in NOT_YET
        if name in raw.values
    )
    return LoadedSettings(settings, raw.origins, warnings)


def _read_settings(raw: RawSettings) -> tuple[Settings, dict[str, str]]:
    """The settings, and by its name the fault of each text that cannot be read; its setting has its
    default then."""
    own: dict[str, Any] = {}
    channels: dict[str, dict[str, Any]] = {name: {} for name in CHANNELS}
    faults = {}
    for name, text in raw.values.items():
        value = Secret(text, raw.files.get(name))
        family, _, chosen = name.partition("__")
        try:
            if raw.is_secret(name):
                _check_secret(text)
            if family in FAMILIES:
                target_name(chosen)
                [channel] = (one for one in CHANNELS.values() if one.family == family)
                channels[channel.name].setdefault(family, {})[chosen] = value
            else:
                field = FIELDS[name]
                holder = channels[field.channel.name] if field.channel else own
                holder[field.attribute] = value if field.spec.is_secret else field.spec.parse(text)
        except ValueError as error:
            faults[name] = str(error)
    made = {name: CHANNELS[name].settings(**given) for name, given in channels.items()}
    return Settings(**own, channel_settings=made), faults


def _variables_in(*lines: str) -> set[str]:
    """The variables that the lines name; the twin that names a file is the same setting."""
    names = re.findall(rf"{PREFIX}\w+", "\n".join(lines))
    return {name.removesuffix("_FILE") for name in names}


def _check_secret(text: str) -> None:
    if any(ord(character) < ord(" ") or character == "\x7f" for character in text):
        what = "line break" if "\n" in text or "\r" in text else "control character"
        raise ValueError(f"must not contain a {what}; remove it")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
        raise ValueError("must not be in quotes; remove them")
