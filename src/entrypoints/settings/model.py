"""All settings with their defaults: the table of docs/settings.md, in code."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
)

from adapters.channels import CHANNELS, DEFAULT
from adapters.paths import parse_path
from adapters.rabbitmq.settings import Binding, TopologyMode
from adapters.rabbitmq.tls import TlsFiles
from adapters.setting_values import parse_count, parse_switch
from domain.alerts import AlertTarget
from domain.content import InDoubtPolicy
from domain.duration import parse_duration
from domain.notification import Recipient
from domain.pace import Rate
from entrypoints.settings import values

PRODUCTION = "production"


class Undefined(StrEnum):
    """What an undefined variable in a template does."""

    STRICT = "strict"
    LENIENT = "lenient"


DEFAULT_QUEUES = tuple((name, name) for name, one in CHANNELS.items() if one.has_queue)

Wait = Annotated[timedelta, PlainValidator(values.parse_wait)]
Size = Annotated[int, PlainValidator(values.parse_size)]
Count = Annotated[int, PlainValidator(parse_count)]
Switch = Annotated[bool, PlainValidator(parse_switch)]
Names = Annotated[tuple[str, ...], PlainValidator(values.parse_list)]
Tiers = Annotated[tuple[timedelta, ...], PlainValidator(values.parse_tiers)]
Queues = Annotated[tuple[tuple[str, str], ...], PlainValidator(values.parse_queues)]
Bindings = Annotated[tuple[Binding, ...], PlainValidator(values.parse_bindings)]
Channels = Annotated[tuple[str, ...] | None, PlainValidator(values.parse_channels)]
Folder = Annotated[Path, PlainValidator(parse_path)]
JsonObject = Annotated[dict[str, Any] | None, PlainValidator(values.parse_json_object)]
Http = Annotated[values.HttpAddress | None, PlainValidator(values.parse_http)]
Redirects = Annotated[Mapping[str, Recipient], PlainValidator(values.parse_redirects)]
Alerts = Annotated[tuple[AlertTarget, ...], PlainValidator(values.parse_alerts)]
Ceiling = Annotated[Rate | None, PlainValidator(Rate.parse)]
Upper = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)]

NOT_YET = ("events",)
"""Settings whose feature is still to come: accepted with a warning, so that a configuration
written for it starts."""


def _unset_channels() -> dict[str, Any]:
    return {name: channel.settings() for name, channel in CHANNELS.items()}


class Settings(BaseModel):
    """Every setting, checked. Durations are timedeltas, sizes are bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    broker_url: SecretStr | None = None
    broker_ca_file: Folder | None = None
    broker_cert_file: Folder | None = None
    broker_key_file: Folder | None = None
    home: Folder = Path("var")
    env: Annotated[str, PlainValidator(values.parse_environment)] = "development"
    channels: Channels = None
    queues: Queues = DEFAULT_QUEUES
    bindings: Bindings = ()
    topology: TopologyMode = TopologyMode.ADOPT
    queue_arguments: JsonObject = None
    channel_settings: Mapping[str, Any] = Field(default_factory=_unset_channels)
    templates_dir: Folder = Path("templates")
    attachments_dir: Folder | None = None
    max_body: Size = 10 * 2**20
    max_in_hand: Size = 64 * 2**20
    max_output: Size = 5 * 2**20
    render_timeout: Wait = timedelta(seconds=2)
    templates_undefined: Undefined = Undefined.STRICT
    templates_autoescape: Switch = True
    templates_settle: Wait = timedelta(seconds=2)
    retry_delays: Tiers = values.parse_tiers("10s,1m,5m,30m,2h,6h,12h,24h")
    ledger_url: SecretStr | None = None
    in_doubt: InDoubtPolicy = InDoubtPolicy.RESEND
    grace: Annotated[timedelta, PlainValidator(parse_duration)] = timedelta(seconds=30)
    lease: Wait = timedelta(seconds=30)
    prefetch: Annotated[int | None, PlainValidator(values.parse_prefetch)] = None
    concurrency: Count | None = None
    http: Http = None
    only_to: Names = ()
    redirect_to: Redirects = Field(default_factory=dict)
    alerts_to: Alerts = ()
    events: str | None = None
    auto_release: Switch = True
    log_format: Literal["console", "json"] | None = None
    log_level: Upper = "INFO"

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
            return self.broker_url.get_secret_value()
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
            return self.ledger_url.get_secret_value()
        return f"sqlite:///{self.home / 'ledger.db'}"

    def is_configured(self, channel: str) -> bool:
        """Whether the channel's own settings give it somewhere to send to."""
        return CHANNELS[channel].is_configured(self.channel_settings[channel])

    @property
    def configured_channels(self) -> tuple[str, ...]:
        """Channels that have somewhere to send to: their own setting, or a folder of ours."""
        return tuple(
            name
            for name, channel in CHANNELS.items()
            if self.is_configured(name) or (self.is_embedded and channel.capture is not None)
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
    def managed_queues(self) -> tuple[str, ...]:
        """The queues whose topology is looked after: those consumed here; all of them where this
        process could send nothing itself, as on an operator's machine."""
        return tuple(self.active_queues or self.queue_channels)

    @property
    def queue_channels(self) -> dict[str, str]:
        """Queue -> channel, all of them."""
        return {queue: channel for channel, queue in self.queues}

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
        own = {queue: self._own_prefetch(name) for queue, name in self.queue_channels.items()}
        return {queue: prefetch for queue, prefetch in own.items() if prefetch}
