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
    PrivateAttr,
    SecretStr,
)

from adapters.paths import parse_path
from adapters.rabbitmq.settings import Binding, TopologyMode
from adapters.rabbitmq.tls import TlsFiles
from domain.alerts import AlertTarget
from domain.content import InDoubtPolicy
from domain.duration import parse_duration
from domain.notification import Recipient
from domain.pace import Rate
from entrypoints.settings import values
from entrypoints.settings.sources import read_secret

PACED_PREFETCH = 400
PRODUCTION = "production"


class Undefined(StrEnum):
    """What an undefined variable in a template does."""

    STRICT = "strict"
    LENIENT = "lenient"


Wait = Annotated[timedelta, PlainValidator(values.parse_wait)]
Size = Annotated[int, PlainValidator(values.parse_size)]
Count = Annotated[int, PlainValidator(values.parse_count)]
Switch = Annotated[bool, PlainValidator(values.parse_switch)]
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

NEEDED = {
    "email": "email_url",
    "telegram": "telegram_token",
    "slack": "slack_token",
    "webhook": "webhook_secret",
    "apprise": "targets__NAME",
}
"""Channel -> the setting that gives it somewhere to send to."""


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
    queues: Queues = (("email", "email"), ("telegram", "telegram"), ("slack", "slack"))
    bindings: Bindings = ()
    topology: TopologyMode = TopologyMode.ADOPT
    queue_arguments: JsonObject = None
    email_url: SecretStr | None = None
    email_ehlo: str | None = None
    email_oauth2_access_token: SecretStr | None = None
    email_oauth2_token_url: SecretStr | None = None
    email_oauth2_client_id: str | None = None
    email_oauth2_client_secret: SecretStr | None = None
    email_oauth2_scope: str | None = None
    email_oauth2_refresh_token: SecretStr | None = None
    email_from: str | None = None
    email_reply_to: str | None = None
    email_pool: Count = 10
    email_rate: Ceiling = None
    email_ca_file: Folder | None = None
    telegram_token: SecretStr | None = None
    telegram_api_url: SecretStr = SecretStr("https://api.telegram.org")
    slack_token: SecretStr | None = None
    slack_webhook_url: SecretStr | None = None
    slack_api_url: SecretStr = SecretStr("https://slack.com/api/")
    webhook_secret: SecretStr | None = None
    webhook_allow_private: Switch = False
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
    targets: Mapping[str, SecretStr] = Field(default_factory=dict)
    events: str | None = None
    auto_release: Switch = True
    log_format: Literal["console", "json"] | None = None
    log_level: Upper = "INFO"

    _files: dict[str, Path] = PrivateAttr(default_factory=dict)

    def remember_files(self, files: Mapping[str, Path]) -> None:
        """Say which settings were read from files, which may change while we run."""
        self._files.update(files)

    def secret_now(self, name: str) -> str | None:
        """A secret as its file has it at this moment; the one known, where there is no file or it
        cannot be read."""
        secret: SecretStr | None = getattr(self, name)
        known = secret.get_secret_value() if secret else None
        path = self._files.get(name)
        if path is None:
            return known
        try:
            return read_secret(path) or known
        except (OSError, UnicodeDecodeError):
            return known

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
    def email(self) -> str | None:
        """The mail relay's URL, with its password; a local mailbox with the embedded queue."""
        if self.email_url is not None:
            return self.email_url.get_secret_value()
        return f"maildir:{self.home / 'mail'}" if self.is_embedded else None

    @property
    def ledger(self) -> str:
        """The ledger's URL, with its password; a file of ours where none is set."""
        if self.ledger_url is not None:
            return self.ledger_url.get_secret_value()
        return f"sqlite:///{self.home / 'ledger.db'}"

    @property
    def configured_channels(self) -> tuple[str, ...]:
        """Channels that have somewhere to send to: their own setting, or a folder of ours."""
        own = {name: getattr(self, setting, None) for name, setting in NEEDED.items()}
        own["slack"] = own["slack"] or self.slack_webhook_url
        own["apprise"] = self.targets
        return tuple(
            name
            for name, setting in own.items()
            if setting or (self.is_embedded and name != "apprise")
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
        return self.prefetch or 8 * self.email_pool

    @property
    def attachments_most(self) -> int:
        """Bytes of the files that one message may name by path: what is made of them in the course
        of sending is several times as large."""
        return self.max_in_hand // 3

    @property
    def prefetch_of(self) -> dict[str, int]:
        """Queue -> another prefetch. In Telegram's queue many wait in hand: at thirty a second,
        for up to ten seconds each, those for chats that have had their message of this second."""
        if self.prefetch is not None:
            return {}
        return {
            queue: PACED_PREFETCH
            for queue, channel in self.queue_channels.items()
            if channel == "telegram"
        }
