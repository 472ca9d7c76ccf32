"""Sources -> Settings, or every fault at once, one line each, by the name of its variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr, ValidationError

from domain.errors import DispatcherError
from entrypoints.settings.addresses import address_faults
from entrypoints.settings.model import NOT_YET, Settings
from entrypoints.settings.oauth2 import oauth2_faults
from entrypoints.settings.proxies import proxy_faults
from entrypoints.settings.sources import (
    PREFIX,
    TARGETS,
    TOML_FILE,
    RawSettings,
    read_sources,
    variable,
)
from entrypoints.settings.urls import url_faults
from entrypoints.settings.values import target_name

WITH_FILE_TWIN = (
    "broker_url",
    "email_url",
    "email_oauth2_access_token",
    "email_oauth2_token_url",
    "email_oauth2_client_secret",
    "email_oauth2_refresh_token",
    "ledger_url",
    "telegram_token",
    "telegram_api_url",
    "slack_token",
    "slack_webhook_url",
    "slack_api_url",
    "webhook_secret",
)


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


def _label(raw: RawSettings, name: str) -> str:
    """The name to look for when fixing a setting: its variable, or its line in the file."""
    origin = raw.origins.get(name, variable(name))
    return origin if origin.startswith(PREFIX) else f"{origin}: {name}"


def load_settings(
    environ: Mapping[str, str] | None = None, toml_file: Path = TOML_FILE
) -> LoadedSettings:
    """Read and check everything. Raises SettingsInvalid with all faults."""
    names = set(Settings.model_fields) - {"targets"}
    raw = read_sources(names, WITH_FILE_TWIN, environ, toml_file)
    faults = list(raw.faults)
    settings, invalid = _validate(raw)
    unusable = _unusable_secrets(raw)
    faults += invalid + list(unusable.values())
    faults += _refused(raw)
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
    fields: dict[str, object] = {k: v for k, v in raw.values.items() if not k.startswith(TARGETS)}
    targets = {
        name.removeprefix(TARGETS): SecretStr(value)
        for name, value in raw.values.items()
        if name.startswith(TARGETS)
    }
    try:
        settings = Settings.model_validate({**fields, "targets": targets})
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            name = str(fault["loc"][0])
            text = fault["msg"].removeprefix("Value error, ").replace("Input should", "should")
            lines.append(f"{_label(raw, name)}: {text}")
        return None, lines
    settings.remember_files(raw.files)
    return settings, []


def _unusable_secrets(raw: RawSettings) -> dict[str, str]:
    lines = {}
    for name, text in raw.values.items():
        if name in WITH_FILE_TWIN or name.startswith(TARGETS):
            if any(ord(character) < ord(" ") or character == "\x7f" for character in text):
                what = "line break" if "\n" in text or "\r" in text else "control character"
                lines[name] = f"{_label(raw, name)}: must not contain a {what}; remove it"
            elif len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
                lines[name] = f"{_label(raw, name)}: must not be in quotes; remove them"
    return lines


def _refused(raw: RawSettings) -> list[str]:
    lines = []
    for name in raw.values:
        if name.startswith(TARGETS):
            try:
                target_name(name.removeprefix(TARGETS))
            except ValueError as error:
                lines.append(f"{_label(raw, name)}: {error}")
    return lines


def _contradictions(settings: Settings) -> list[str]:
    lines = url_faults(settings) + address_faults(settings) + oauth2_faults(settings)
    email = settings.email or ""
    if settings.is_embedded and settings.is_production:
        lines.append(
            f"{variable('broker_url')}: must be set to an amqp:// URL: the embedded queue is for"
            f" trying out and is refused with {variable('env')}=production"
        )
    if settings.is_production and settings.email_url and email.startswith("maildir:"):
        lines.append(
            f"{variable('email_url')}: must be an SMTP server's URL: a captured mailbox is refused"
            f" with {variable('env')}=production"
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
