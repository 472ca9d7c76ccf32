"""Which dead letters a command is about, and the walk over them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from adapters.dead_letters.dead_letter import DeadLetter, describe
from adapters.inbound.contract import Decision, InboundMessage, Keep
from adapters.inbound.identity import is_key
from adapters.sqlite.url import parse_sqlite_url
from domain.duration import parse_duration
from domain.errors import FailureReason
from entrypoints.cli.output import printable, words
from entrypoints.container import Container
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable
from entrypoints.settings.values import not_forbidden
from entrypoints.start import load

_SHORTEST_PREFIX = 8
"""Characters of an id that are enough to name a letter, where they name only one."""

_F = TypeVar("_F", bound=Callable[..., Any])

Wanted = Callable[[DeadLetter], bool]
Act = Callable[[InboundMessage, DeadLetter], Awaitable[Decision]]
"""What to do with a letter that is wanted."""


@dataclass(slots=True, kw_only=True)
class Filter:
    """Which letters a command is about; what is None or empty lets everything through."""

    channel: str | None = None
    template: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: frozenset[str] = field(default_factory=frozenset)

    def __call__(self, letter: DeadLetter) -> bool:
        return (
            self.channel in {None, letter.channel}
            and self.template in {None, letter.template}
            and self.reason in {None, letter.reason}
            and (not self.ids or any(_names(given, letter.id) for given in self.ids))
            and self._is_of_the_time(letter.failed_at)
        )

    def _is_of_the_time(self, failed_at: datetime | None) -> bool:
        if self.since is None and self.until is None:
            return True
        return (
            failed_at is not None
            and (self.since is None or self.since <= failed_at)
            and (self.until is None or failed_at < self.until)
        )

    @property
    def lets_everything_through(self) -> bool:
        return self == Filter()

    def missing(self, found: Iterable[str]) -> list[str]:
        """The given ids that name no letter of `found`, in alphabetical order. Raises UsageError
        where one is the beginning of several ids and not an id itself."""
        there = set(found)
        missing = []
        for given in sorted(self.ids):
            matches = sorted(name for name in there if _names(given, name))
            if len(matches) > 1 and given not in matches:
                ids = ", ".join(printable(name) for name in matches[:5])
                raise click.UsageError(
                    f"{printable(given)} is the beginning of {len(matches)} ids: {ids}"
                )
            if not matches:
                missing.append(given)
        return missing


def _names(given: str, letter_id: str) -> bool:
    """Whether `given` is the id, its beginning, or the whole key that the id is the beginning of
    (a message without an id has the first characters of its key)."""
    if given == letter_id:
        return True
    shorter, longer = sorted((given, letter_id), key=len)
    return (
        len(shorter) >= _SHORTEST_PREFIX
        and longer.startswith(shorter)
        and (shorter == given or is_key(given))
    )


def open_queue() -> Settings:
    """The settings, after a line about which queue is read where no broker was chosen."""
    settings = load()
    if settings.broker_url is None:
        file = settings.home / "queue.db"
        state = "" if file.exists() else ", which does not exist yet"
        words(f"embedded queue {file}{state}: no {variable('broker_url')} is set")
    return settings


def filters(function: _F) -> _F:
    for option in reversed(
        (
            click.option("--channel", help="Only this channel."),
            click.option("--template", help="Only this template."),
            click.option("--reason", type=click.Choice([str(r) for r in FailureReason])),
            click.option("--since", help="Dead since: an age such as 2h, or an ISO 8601 time."),
            click.option("--until", help="Dead before: an age such as 10m, or a time."),
            click.option("--id", "ids", multiple=True, help="An id or its beginning; repeatable."),
        )
    ):
        function = option(function)
    return function


def a_filter(
    channel: str | None,
    template: str | None,
    reason: str | None,
    since: str | None,
    until: str | None,
    ids: tuple[str, ...],
) -> Filter:
    """The options of `filters` as a Filter. Raises BadParameter or SettingsInvalid."""
    if channel is not None:
        try:
            not_forbidden(channel)
        except ValueError as error:
            raise SettingsInvalid([f"--channel: {error}"]) from None
    return Filter(
        channel=channel,
        template=template,
        reason=reason,
        since=None if since is None else _time("--since", since),
        until=None if until is None else _time("--until", until),
        ids=frozenset(ids),
    )


def _time(option: str, text: str) -> datetime:
    try:
        return datetime.now(UTC) - parse_duration(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{option}: must be an age such as 2h, or a time") from None
    return time if time.tzinfo else time.astimezone()


async def walk(
    settings: Settings,
    wanted: Wanted,
    act: Act,
    done: Callable[[DeadLetter], None] = lambda _letter: None,
) -> None:
    """Do what `act` says with each dead letter in the filter; `done` gets those that left.

    Raises BrokerUnavailable or PublishRefused; what was not done by then is still there.
    """
    channels = settings.queue_channels
    if settings.is_embedded and not parse_sqlite_url(settings.broker).exists():
        return  # looking at a queue must not make it

    async def decide(message: InboundMessage) -> Decision:
        letter = describe(message, channels)
        return await act(message, letter) if wanted(letter) else Keep.KEEP

    dead_letters = Container(settings=settings).dead_letters()
    try:
        for queue in channels:
            await dead_letters.visit(queue, decide, lambda m: done(describe(m, channels)))
    finally:
        await dead_letters.close()


def look(settings: Settings, wanted: Wanted) -> list[DeadLetter]:
    """The letters that match, oldest first in each queue; nothing is touched."""
    found: list[DeadLetter] = []

    async def collect(_message: InboundMessage, letter: DeadLetter) -> Decision:
        found.append(letter)
        return Keep.KEEP

    asyncio.run(walk(settings, wanted, collect))
    return found


def fetch(settings: Settings, wanted: Wanted) -> list[InboundMessage]:
    """The same as whole messages: for a few letters, since all are in memory."""
    found: list[InboundMessage] = []

    async def collect(message: InboundMessage, _letter: DeadLetter) -> Decision:
        found.append(message)
        return Keep.KEEP

    asyncio.run(walk(settings, wanted, collect))
    return found


def unknown(*ids: str) -> int:
    """Say that no letter has these ids; the exit code."""
    for letter_id in ids:
        is_short = len(letter_id) < _SHORTEST_PREFIX
        hint = f"; the beginning of an id needs {_SHORTEST_PREFIX} characters" if is_short else ""
        words(f"no dead letter has the id {printable(letter_id)}{hint}")
    return 1
