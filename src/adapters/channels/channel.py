"""What the rest of the program knows of a channel: one value."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

from adapters.channels.finding import TIMEOUT, Finding
from adapters.channels.setting_spec import SettingFault
from adapters.channels.shared.blips import BlipTolerantNotifier
from adapters.channels.shared.captured import CapturedContent, CapturedNotifier, read_text
from adapters.template_parts import ChannelParts
from domain.errors import Permanent
from domain.notification import JsonValue, Recipient
from domain.pace import PaceStore
from domain.ports import EventSink, Notifier
from domain.value_object import value_object

if TYPE_CHECKING:
    from faker import Faker

    from adapters.channels.shared.learned import Learned
    from adapters.channels.shared.shown import Show

S = TypeVar("S")
"""A channel's own settings: a value object whose fields are made by `setting` or `secret`."""


@value_object(kw_only=True)
class ChannelContext:
    """What a notifier needs beyond its own settings. `attachments_most`: how many bytes the files
    may have that one message names by path. `wishes`: the keys of a message's metadata that some
    channel reads as instructions."""

    home: Path
    attachments_dir: Path | None
    attachments_most: int
    retry_delays: tuple[timedelta, ...]
    paces: PaceStore
    events: EventSink
    learned: "Learned"
    wishes: frozenset[str]


@runtime_checkable
class Answering(Protocol):
    """A notifier whose provider can be asked who we are."""

    async def ping(self) -> list[Finding]:
        """What the provider says; nothing is sent. Raises DeliveryError."""


@value_object(kw_only=True)
class Capture(Generic[S]):
    """How messages are kept on this machine instead of being sent. `folder`: its name in HOME,
    where it is not the channel's. `subfolders`: where in it the messages are. `elsewhere`: a folder
    that the channel's own settings name. `checks_addresses`: not every address is kept."""

    folder: str = ""
    subfolders: tuple[str, ...] = (".",)
    notifier: Callable[[S, ChannelContext], Notifier] | None = None
    read: Callable[[bytes], CapturedContent] = read_text
    elsewhere: Callable[[S], Path | None] = lambda _settings: None
    checks_addresses: bool = False


@value_object(kw_only=True)
class Channel(Generic[S]):
    """A way to reach people.

    `settings`: the type of its own settings, named `DISPATCHER_<NAME>_<FIELD>`. `outlets`: those of
    them of which one must be set, so that it can send. An error names the first. `outlet_forms`:
    what the first may be. `family`: the word before the names that an operator chooses,
    `DISPATCHER_<FAMILY>__<NAME>`. `sender`: the setting that names a default sender.

    `has_queue`: there is a queue of its name where QUEUES is not set. `prefetch`: messages in hand
    at once; None: as the first channel has them. `has_relays`: its provider is one or more relays;
    what they accept is learned. `reads_metadata`: the metadata under its name are instructions to
    it. `proxy_library`: the module that it needs for a SOCKS proxy; None: it uses no proxy.

    `make` builds the notifier; it raises ValueError with a line for each fault, which names the
    variable. `repeats_blips`: errors that it marks as safe to repeat are repeated within seconds.
    `faults` returns what is wrong in the settings. `ping` asks the provider, sends nothing, and
    raises DeliveryError, TimeoutError or ValueError; without it the notifier's own `ping` is asked,
    where it has one. `ping_timeout` in seconds.

    `recipient` reads an address as a setting names it, `check_address` judges it, `canonical` makes
    it comparable; they raise ValueError or Permanent. `has_secret_addresses`: one may be a secret,
    as a URL is. `number_addresses`: a number is one. `comma_addresses`: one may hold a comma.
    `example`: one for the demo; `fake_address` makes one up. `show`: see there.
    """

    name: str
    title: str
    settings: type[S]
    outlets: tuple[str, ...]
    make: Callable[[S, ChannelContext], Notifier]
    repeats_blips: bool = True
    outlet_forms: str = ""
    family: str = ""
    sender: str = ""
    capture: Capture[S] | None = Capture()
    has_queue: bool = False
    has_relays: bool = False
    prefetch: Callable[[S], int] | None = None
    reads_metadata: bool = False
    faults: Callable[..., Iterable[SettingFault]] = lambda _settings, *, is_production: ()
    ping: Callable[[S, ChannelContext], Awaitable[list[Finding]]] | None = None
    ping_timeout: float = TIMEOUT
    proxy_library: Callable[[S], str | None] = lambda _settings: None
    recipient: Callable[[str], Recipient] = Recipient.parse
    check_address: Callable[[str, S], object] = lambda _address, _settings: None
    canonical: Callable[[str], str] = str.lower
    has_secret_addresses: bool = False
    number_addresses: bool = False
    comma_addresses: bool = True
    example: JsonValue = None
    fake_address: Callable[["Faker", S], JsonValue] = lambda fake, _settings: (
        f"{fake.name()} <{fake.email()}>"
    )
    parts: ChannelParts = ChannelParts()
    show: "Show | None" = None
    carries_copies: bool = False
    carries_files: bool = False
    carries_subject: bool = True

    def is_configured(self, settings: S) -> bool:
        """Whether there is somewhere to send to."""
        return any(getattr(settings, name) for name in self.outlets)

    def address_fault(self, address: str, settings: S) -> str | None:
        """Why a message to this address would be refused; None where it would not, or where the
        channel is captured and takes anything."""
        is_kept = not self.is_configured(settings) and self.capture is not None
        if is_kept and not (self.capture and self.capture.checks_addresses):
            return None
        try:
            self.check_address(address, settings)
        except (ValueError, Permanent) as error:
            return str(error)
        return None

    def without_outlets(self, settings: S) -> S:
        """The settings of a channel that sends nothing."""
        bare: Any = self.settings()
        unset = {name: getattr(bare, name) for name in self.outlets}
        return replace(settings, **unset)  # type: ignore[type-var]

    def captured_in(self, home: Path) -> Path:
        """The folder that messages are kept in where the channel is not configured."""
        return home / ((self.capture and self.capture.folder) or self.name)

    def notifier(self, settings: S, context: ChannelContext) -> Notifier:
        """What sends its messages, or keeps them where the channel is not configured. Raises
        ValueError as `make` does."""
        if not self.is_configured(settings) and self.capture is not None:
            if self.capture.notifier is not None:
                return self.capture.notifier(settings, context)
            return CapturedNotifier(context.home / self.name)
        made = self.make(settings, context)
        return BlipTolerantNotifier(made) if self.repeats_blips else made

    async def look(self, settings: S, context: ChannelContext) -> list[Finding]:
        """What `doctor` says of it. Raises as `make` and `ping` do."""
        is_set = self.is_configured(settings)
        if is_set and self.ping is not None:
            return await self.ping(settings, context)
        notifier = (self.make if is_set else self.notifier)(settings, context)
        try:
            if not is_set:
                return [Finding.kept_in(self.name, self.captured_in(context.home))]
            if isinstance(notifier, Answering):
                return await notifier.ping()
        finally:
            await notifier.close()
        detail = "is configured; it cannot be checked without sending something"
        return [Finding(self.name, detail)]

    def field_of(self, name: str) -> str:
        """The setting of that name, in lower case: `url` -> `email_url`."""
        return f"{self.name}_{name}"

    @property
    def needed(self) -> str:
        """The setting that gives it somewhere to send to, in lower case."""
        return f"{self.family}__NAME" if self.family else self.field_of(self.outlets[0])


def by_folder(*folders: str) -> Mapping[str, Channel[Any]]:
    """The channels of these folders by name, in this order."""
    found = (import_module(f"adapters.channels.{folder}.channel").CHANNEL for folder in folders)
    return {channel.name: channel for channel in found}
