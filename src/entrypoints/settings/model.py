"""All settings with their defaults: the table of docs/settings.md, in code; then a list of them."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from adapters.channels import CHANNELS, DEFAULT
from adapters.channels.channel import Channel
from adapters.channels.setting_spec import SettingSpec, secret, setting, specs_of
from adapters.rabbitmq.settings import Binding, TlsFiles, TopologyMode
from adapters.secret import Secret
from adapters.setting_values import parse_count, parse_path, parse_size, parse_switch
from domain.alerts import AlertTarget
from domain.content import InDoubtPolicy
from domain.duration import parse_duration
from domain.notification import Recipient
from domain.value_object import value_object
from entrypoints.settings import values
from entrypoints.settings.suppressions import shown, suppress_queue

PRODUCTION = "production"
DEFAULT_QUEUES = tuple((name, name) for name, one in CHANNELS.items() if one.has_queue)

_LEVEL = values.one_of(("DEBUG", "INFO", "WARNING", "ERROR"))


@value_object(kw_only=True)
class Settings:
    """Every setting, checked. Durations are timedeltas, sizes are bytes."""

    broker_url: Secret | None = secret()
    broker_ca_file: Path | None = setting(parse=parse_path)
    broker_cert_file: Path | None = setting(parse=parse_path)
    broker_key_file: Path | None = setting(parse=parse_path)
    home: Path = setting(Path("var"), parse=parse_path)
    env: str = setting("development", parse=values.parse_environment)
    channels: tuple[str, ...] | None = setting(parse=values.parse_channels)
    queues: tuple[tuple[str, str], ...] = setting(DEFAULT_QUEUES, parse=values.parse_queues)
    bindings: tuple[Binding, ...] = setting((), parse=values.parse_bindings)
    topology: TopologyMode = setting(TopologyMode.ADOPT, parse=values.one_of(TopologyMode))
    queue_arguments: dict[str, Any] | None = setting(parse=values.parse_json_object)
    channel_settings: Mapping[str, Any] = field(
        default_factory=lambda: {name: one.settings() for name, one in CHANNELS.items()}
    )
    templates_dir: Path = setting(Path("templates"), parse=parse_path)
    attachments_dir: Path | None = setting(parse=parse_path)
    max_body: int = setting(10 * 2**20, parse=parse_size)
    max_in_hand: int = setting(64 * 2**20, parse=parse_size)
    max_output: int = setting(5 * 2**20, parse=parse_size)
    render_timeout: timedelta = setting(timedelta(seconds=2), parse=values.parse_wait)
    templates_undefined: str = setting("strict", parse=values.one_of(("strict", "lenient")))
    templates_autoescape: bool = setting(default=True, parse=parse_switch)
    templates_filters: bool = setting(default=False, parse=parse_switch)
    templates_inline_css: bool = setting(default=False, parse=parse_switch)
    templates_settle: timedelta = setting(timedelta(seconds=2), parse=values.parse_wait)
    retry_delays: tuple[timedelta, ...] = setting(
        values.parse_tiers("10s,1m,5m,30m,2h,6h,12h,24h"), parse=values.parse_tiers
    )
    ledger_url: Secret | None = secret()
    in_doubt: InDoubtPolicy = setting(InDoubtPolicy.RESEND, parse=values.one_of(InDoubtPolicy))
    grace: timedelta = setting(timedelta(seconds=30), parse=parse_duration)
    lease: timedelta = setting(timedelta(seconds=30), parse=values.parse_wait)
    prefetch: int | None = setting(parse=values.parse_prefetch)
    concurrency: int | None = setting(parse=parse_count)
    http: values.HttpAddress | None = setting(parse=values.parse_http)
    suppressions: Secret | None = secret(shown=shown)
    only_to: tuple[str, ...] = setting((), parse=values.parse_list)
    redirect_to: Mapping[str, Recipient] = field(
        default_factory=dict, metadata={"spec": SettingSpec(parse=values.parse_redirects)}
    )
    alerts_to: tuple[AlertTarget, ...] = setting((), parse=values.parse_alerts)
    events: str | None = setting(parse=values.parse_events)
    auto_release: bool = setting(default=True, parse=parse_switch)
    log_format: Literal["console", "json"] | None = setting(
        parse=values.one_of(("console", "json"))
    )
    log_level: str = setting("INFO", parse=lambda text: _LEVEL(text.upper()))

    @property
    def is_production(self) -> bool:
        return self.env == PRODUCTION

    @property
    def is_embedded(self) -> bool:
        """Whether the queue is a file of ours rather than a broker."""
        return self.broker.startswith("sqlite:")

    @property
    def broker(self) -> str:
        """The broker's URL, with its password; the embedded queue's where none is set."""
        if self.broker_url is not None:
            return self.broker_url.value
        return f"sqlite:///{self.home / 'queue.db'}"

    @property
    def broker_files(self) -> TlsFiles:
        """The files for TLS to the broker."""
        return TlsFiles(
            ca_file=self.broker_ca_file,
            cert_file=self.broker_cert_file,
            key_file=self.broker_key_file,
        )

    @property
    def ledger(self) -> str:
        """The ledger's URL, with its password; a file of ours where none is set."""
        if self.ledger_url is not None:
            return self.ledger_url.value
        return f"sqlite:///{self.home / 'ledger.db'}"

    @property
    def configured_channels(self) -> tuple[str, ...]:
        """Channels that have somewhere to send to: their own setting, or a folder of ours."""
        return tuple(
            name
            for name, channel in CHANNELS.items()
            if channel.is_configured(self.channel_settings[name])
            or (self.is_embedded and channel.capture is not None)
        )

    @property
    def active_channels(self) -> tuple[str, ...]:
        """Channels this worker consumes: those asked for, else all that can be served."""
        if self.channels is not None:
            return self.channels
        with_queue = {channel for channel, _queue in self.queues}
        return tuple(name for name in self.configured_channels if name in with_queue)

    @property
    def active_queues(self) -> dict[str, str]:
        """Queue -> channel, for the channels this worker consumes."""
        return {queue: channel for channel, queue in self.queues if channel in self.active_channels}

    @property
    def suppress_queues(self) -> dict[str, str]:
        """Queue -> channel, of the queues that take addresses to suppress: one next to each."""
        if self.suppressions is None:
            return {}
        return {suppress_queue(queue): channel for channel, queue in self.queues}

    @property
    def consumed_queues(self) -> tuple[str, ...]:
        """All queues that this worker consumes: for each channel its queue, and the one for
        addresses."""
        active, others = self.active_channels, self.suppress_queues.items()
        return (*self.active_queues, *(queue for queue, channel in others if channel in active))

    @property
    def managed_queues(self) -> tuple[str, ...]:
        """The queues whose topology is looked after: those consumed here; all of them where this
        process could send nothing itself, as on an operator's machine."""
        return self.consumed_queues or tuple(self.queue_channels)

    @property
    def queue_channels(self) -> dict[str, str]:
        """Queue -> channel, all of them."""
        return {queue: channel for channel, queue in self.queues} | self.suppress_queues

    @property
    def effective_prefetch(self) -> int:
        """Messages in hand at once: enough to keep every connection busy, few enough to hold."""
        return self.prefetch or self._own_prefetch(DEFAULT.name) or 1

    def _own_prefetch(self, channel: str) -> int | None:
        prefetch = CHANNELS[channel].prefetch
        return prefetch and prefetch(self.channel_settings[channel])

    @property
    def attachments_most(self) -> int:
        """Bytes of the files that one message may name by path: what is made of them in the course
        of sending is several times as large."""
        return self.max_in_hand // 3

    @property
    def prefetch_of(self) -> dict[str, int]:
        """Queue -> another prefetch, where a channel has one of its own."""
        if self.prefetch is not None:
            return {}
        own = {queue: self._own_prefetch(name) for name, queue in self.queues}
        return {queue: prefetch for queue, prefetch in own.items() if prefetch}


@value_object()
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

FAMILIES = tuple(channel.family for channel in CHANNELS.values() if channel.family)
"""The words before secrets whose names the operator chooses, `<family>__<name>`."""
