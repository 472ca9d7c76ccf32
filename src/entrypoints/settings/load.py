"""Sources -> Settings, or every fault at once, one line each, by the name of its variable. No line
shows a secret."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from adapters.channels import CHANNELS
from adapters.rabbitmq.settings import TlsFiles
from adapters.redis.address import SCHEMES as REDIS
from adapters.redis.address import RedisAddress
from adapters.secret import Secret, check_text
from adapters.sqlite.url import check_sqlite_url
from adapters.urls import parse_url
from domain.errors import DispatcherError, Permanent
from domain.value_object import value_object
from entrypoints.settings.model import FAMILIES, FIELDS, Settings
from entrypoints.settings.sources import (
    PREFIX,
    TOML_FILE,
    RawSettings,
    is_secret,
    read_environment,
    read_toml,
    variable,
)
from entrypoints.settings.suppressions import check_suppressions
from entrypoints.settings.values import target_name

_BROKERS = ("amqp://", "amqps://", "sqlite:///")
_LEDGERS = ("memory:", "sqlite:///", *REDIS)
_PROXIES = ("all_proxy", "https_proxy", "http_proxy")
_PROXY_FORM = "http://host:port"


class SettingsInvalid(DispatcherError):
    """The configuration cannot be used. `faults` has one line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@value_object()
class LoadedSettings:
    """The settings, and where each value that is not a default came from."""

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    environ: Mapping[str, str] = os.environ, toml_file: Path = TOML_FILE
) -> LoadedSettings:
    """Read and check everything. Raises SettingsInvalid with all faults."""
    raw = RawSettings()
    read_toml(raw, toml_file)
    read_environment(raw, environ)
    settings, unreadable = _read_settings(raw)
    # What to look for when fixing a setting: its variable, or its line in the file.
    places = {name: raw.origins[name] for name in unreadable}
    places |= {n: f"{at}: {n}" for n, at in places.items() if not at.startswith(PREFIX)}
    lines = [f"{places[name]}: {fault}" for name, fault in unreadable.items()]
    # What has a fault already was left out: what does not fit to it is no fault of its own.
    known = _variables_in(*map(variable, unreadable), *raw.faults)
    lines += [line for line in _contradictions(settings) if known.isdisjoint(_variables_in(line))]
    faults = [*raw.faults, *lines, *_proxy_faults(settings, environ)]
    if faults:
        raise SettingsInvalid(faults)
    return LoadedSettings(settings, raw.origins)


def _read_settings(raw: RawSettings) -> tuple[Settings, dict[str, str]]:
    """The settings, and by its name the fault of each text that cannot be read; its setting has its
    default then."""
    own: dict[str, Any] = {}
    channels: dict[str, dict[str, Any]] = {name: {} for name in CHANNELS}
    faults = {}
    for name, text in raw.values.items():
        value = Secret(text, raw.files.get(name), raw.origins[name])
        family, _, chosen = name.partition("__")
        try:
            if is_secret(name):
                check_text(text)
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
    """The variables that the lines name; the one that names a file is the same setting."""
    names = re.findall(rf"{PREFIX}\w+", "\n".join(lines))
    return {name.removesuffix("_FILE") for name in names}


def _contradictions(settings: Settings) -> Iterator[str]:
    """What no adapter could use, and what does not go together."""
    yield from _unusable(settings)
    yield from _channel_faults(settings)
    in_production = f"is refused with {variable('env')}={settings.env}"
    if settings.is_embedded and settings.is_production:
        yield (
            f"{variable('broker_url')}: must be set to an amqp:// URL: the embedded queue is for"
            f" trying out and {in_production}"
        )
    for name in ("only_to", "redirect_to"):
        if settings.is_production and getattr(settings, name):
            yield f"{variable(name)}: the recipient guard {in_production}"
    for binding in settings.bindings:
        if binding.queue not in settings.queue_channels:
            yield f"{variable('bindings')}: {binding.queue!r} is no queue of {variable('queues')}"
    if any(binding.exchange == settings.events for binding in settings.bindings):
        yield (
            f"{variable('events')}: must not be an exchange of {variable('bindings')}: events would"
            " come back as messages; name another exchange"
        )
    for queue in settings.suppress_queues.keys() & {queue for _, queue in settings.queues}:
        yield (
            f"{variable('queues')}: {queue!r} is how the queue for addresses to suppress is named,"
            f" since {variable('suppressions')} is set"
        )
    if settings.concurrency and settings.prefetch and settings.prefetch < settings.concurrency:
        yield f"{variable('prefetch')}: must not be below {variable('concurrency')}"


def _unusable(settings: Settings) -> Iterator[str]:
    checks: tuple[tuple[str, Callable[[Settings], object]], ...] = (
        (f"{variable('broker_url')}: ", _check_broker),
        (f"{variable('ledger_url')}: ", _check_ledger),
        (f"{variable('suppressions')}: ", _check_suppressions),
        # Names its variable itself; the system's authorities take long to load.
        ("", lambda own: own.broker_files != TlsFiles() and own.broker_files.context()),
    )
    for place, check in checks:
        try:
            check(settings)
        except ValueError as error:
            yield f"{place}{error}"


def _check_broker(settings: Settings) -> None:
    url = settings.broker
    if not url.startswith(_BROKERS):
        raise ValueError(f"must begin with {', '.join(_BROKERS)}")
    if "sqlite:" in url and "," in url and "://" in url.partition(",")[2]:
        raise ValueError("must not have the embedded queue (sqlite:///) in a list of brokers")
    if settings.is_embedded:
        check_sqlite_url(url)
    else:
        from adapters.rabbitmq.parameters import BrokerAddress

        BrokerAddress.parse(url, settings.broker_files)


def _check_ledger(settings: Settings) -> None:
    url = settings.ledger
    if not url.startswith((*_LEDGERS, "rediss+sentinel:", "redis+cluster:", "rediss+cluster:")):
        raise ValueError(f"must begin with {', '.join(_LEDGERS)}")
    if url.startswith("sqlite:"):
        check_sqlite_url(url)
    elif not url.startswith("memory:"):
        RedisAddress.parse(url)
    elif url.removeprefix("memory:").strip("/"):
        raise ValueError("must be memory: with nothing after it")


def _check_suppressions(settings: Settings) -> None:
    if settings.suppressions is not None:
        check_suppressions(settings.suppressions.value, settings.home)


def _channel_faults(settings: Settings) -> Iterator[str]:
    """What a channel's own rules refuse: of its settings, and of the addresses in ours."""
    for name, channel in CHANNELS.items():
        own = settings.channel_settings[name]
        for fault in channel.faults(own, is_production=settings.is_production):
            yield f"{variable(channel.field_of(fault.name))}: {fault.text}"
    named = [
        *(("alerts_to", one.channel, one.recipient.address) for one in settings.alerts_to),
        *(("redirect_to", name, one.address) for name, one in settings.redirect_to.items()),
    ]
    for name, to, address in named:
        try:
            CHANNELS[to].check_address(address, settings.channel_settings[to])
        except (ValueError, Permanent) as error:
            whom = to if CHANNELS[to].has_secret_addresses else f"{address!r} for {to}"
            yield f"{variable(name)}: {whom}: {str(error).removeprefix(f'{to}: ')}"


def _proxy_faults(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """The proxies of the environment that cannot be used, where a channel over HTTP is configured.
    Webhooks and mail use no proxy."""
    named = [one.proxy_library(settings.channel_settings[n]) for n, one in CHANNELS.items()]
    libraries = sorted({library for library in named if library}, reverse=True)
    hosts = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if not libraries or "*" in [host.strip() for host in hosts.split(",")]:
        return []
    given = {name: text for name, text in environ.items() if name.lower() in _PROXIES and text}
    faults = {name: _proxy_fault(text, libraries) for name, text in sorted(given.items())}
    return [f"{name}: {fault}, or unset it" for name, fault in faults.items() if fault]


def _proxy_fault(text: str, libraries: list[str]) -> str | None:
    try:
        scheme = parse_url(text if "://" in text else f"http://{text}", _PROXY_FORM).scheme
    except ValueError as error:
        return str(error)
    if scheme in ("socks5", "socks5h"):
        missing = [library for library in libraries if find_spec(library) is None]
        packages = " and ".join("PySocks" if name == "socks" else name for name in missing)
        needs = f"a SOCKS proxy needs the Python package {packages}, which is not installed"
        return f"{needs}: install it, name an http:// proxy" if missing else None
    return None if scheme in ("http", "https") else f"must be {_PROXY_FORM}, https:// or socks5://"
