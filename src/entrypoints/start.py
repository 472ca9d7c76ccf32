"""What every command does first: load the settings, set up logs, say what is about to happen."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click
import structlog

from adapters.channels import CHANNELS, DEFAULT
from adapters.observers.logs import configure_logs
from adapters.observers.sink import LogSink
from adapters.templates.limits import STATM
from adapters.urls import redacted
from entrypoints.release import VERSION
from entrypoints.settings import FIELDS, Settings, SettingsInvalid, load_settings, variable
from entrypoints.settings.sources import may_colour
from entrypoints.settings.values import parse_channels

T = TypeVar("T")

log = structlog.get_logger()


def load() -> Settings:
    """Settings checked, logs configured. Raises SettingsInvalid."""
    return load_with_log()[0]


def load_with_log() -> tuple[Settings, LogSink]:
    """The same, and what writes the log's lines."""
    settings = load_settings().settings
    sink = configure_logs(settings.log_format, settings.log_level, may_colour=may_colour())
    return settings, sink


def read_option(option: str, parse: Callable[[str], T], text: str) -> T:
    """What `parse` makes of the option's value. Raises SettingsInvalid where it raises
    ValueError."""
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsInvalid([f"{option}: {error}"]) from None


def worker_settings(settings: Settings, channels: str | None) -> Settings:
    """The settings of a worker with `--channels`; raises SettingsInvalid where it would have
    nothing to do, or could not do what it was asked."""
    if channels is not None:
        settings = replace(settings, channels=read_option("--channels", parse_channels, channels))
    if settings.channels is None and not settings.configured_channels:
        raise SettingsInvalid([_no_channel()])
    if not settings.active_channels:
        configured = ", ".join(settings.configured_channels)
        raise SettingsInvalid([f"{variable('queues')}: names no queue for any of {configured}"])
    faults = [
        f"{variable(CHANNELS[channel].needed)}: must be set, since channel {channel!r} is asked for"
        for channel in settings.active_channels
        if channel not in settings.configured_channels
    ]
    served = set(settings.active_queues.values())
    faults += [
        f"{variable('queues')}: names no queue for channel {channel!r}"
        for channel in settings.active_channels
        if channel not in served
    ]
    faults += _unserved(settings)
    if settings.events and settings.is_embedded:
        faults.append(
            f"{variable('events')}: needs RabbitMQ: set {variable('broker_url')} to an amqp:// URL,"
            " or remove it; the embedded queue has no exchange"
        )
    if faults:
        raise SettingsInvalid(faults)
    return settings


def _unserved(settings: Settings) -> Iterator[str]:
    """Channels that other settings name, and that cannot send."""
    named = [("alerts_to", target.channel) for target in settings.alerts_to]
    named += [("redirect_to", channel) for channel in settings.redirect_to]
    yield from (
        f"{variable(CHANNELS[channel].needed)}: must be set,"
        f" since {variable(name)} names {channel!r}"
        for name, channel in named
        if channel not in settings.configured_channels
    )
    yield from (
        f"{variable(unset)}: must be set, since {variable('alerts_to')} needs a sender"
        for name in dict.fromkeys(target.channel for target in settings.alerts_to)
        if (unset := unset_sender(settings, name))
    )


def _no_channel() -> str:
    others = [one for one in CHANNELS.values() if one is not DEFAULT and not one.family]
    names = ", ".join(variable(one.needed) for one in others)
    return (
        f"{variable(DEFAULT.needed)}: must be set: no channel has anywhere to send to"
        f" ({DEFAULT.outlet_forms}; or set {names})"
    )


def unset_sender(settings: Settings, channel: str) -> str | None:
    """The setting that names the channel's default sender, where there is one and it is not set."""
    one, own = CHANNELS[channel], settings.channel_settings[channel]
    if not one.sender or getattr(own, one.sender) is not None:
        return None
    return next(n for n, f in FIELDS.items() if (f.channel, f.attribute) == (one, one.sender))


def announce(settings: Settings, templates_version: str, *, statm: str = STATM) -> None:
    """Say what this worker is about to do, and loudly if it runs without a broker."""
    if settings.broker_url is None:
        click.secho(
            f"No broker is configured: using the embedded queue {settings.home / 'queue.db'}.\n"
            f"Set {variable('broker_url')}=amqp://… to consume from RabbitMQ.",
            err=True,
            fg="yellow",
            bold=True,
        )
    if settings.only_to or settings.redirect_to:
        log.warning(
            "recipient guard is on",
            only_to=list(settings.only_to),
            redirected=sorted(settings.redirect_to),
        )
    if not Path(statm).exists():
        log.warning(
            "renderings have no memory limit", detail="there is no /proc on this system to read"
        )
    log.info(
        "worker starting",
        version=VERSION,
        broker=redacted(settings.broker),
        queues=sorted(settings.active_queues),
        templates=str(settings.templates_dir),
        templates_version=templates_version,
        prefetch=settings.effective_prefetch,
    )
