"""Which dead letters a command is about, and the walk over them."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar

import click

from adapters.dead_letters.dead_letter import DeadLetter, describe
from adapters.inbound.contract import Decision, InboundMessage, Keep, MayNotLook
from adapters.inbound.identity import is_key
from adapters.sqlite.url import parse_sqlite_url
from domain.duration import parse_duration
from domain.errors import FailureReason
from entrypoints.cli.app import channel_names, template_names
from entrypoints.cli.application import Application, printable, words
from entrypoints.settings.values import not_forbidden
from entrypoints.start import read_option

# Characters of an id that are enough to name a dead letter, where they name only one.
_SHORTEST_PREFIX = 8

T = TypeVar("T")

Wanted = Callable[[DeadLetter], bool]
Act = Callable[[InboundMessage, DeadLetter], Awaitable[Decision]]
"""What to do with a dead letter that is wanted."""


@dataclass(slots=True, kw_only=True)
class Filter:
    """Which dead letters a command is about; what is None or empty lets everything through."""

    channel: str | None = None
    template: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: frozenset[str] = field(default_factory=frozenset)

    def __call__(self, letter: DeadLetter) -> bool:
        at = letter.failed_at
        return (
            self.channel in {None, letter.channel}
            and self.template in {None, letter.template}
            and self.reason in {None, letter.reason}
            and (not self.ids or any(_names(given, letter.id) for given in self.ids))
            and (self.since is None or (at is not None and self.since <= at))
            and (self.until is None or (at is not None and at < self.until))
        )

    def missing(self, found: Iterable[str]) -> list[str]:
        """The given ids that name no dead letter of `found`, in alphabetical order. Raises
        UsageError where one is the beginning of several ids and not an id itself."""
        there = sorted(set(found))
        matches = {id_: [x for x in there if _names(id_, x)] for id_ in sorted(self.ids)}
        for given, names in matches.items():
            if len(names) > 1 and given not in names:
                ids = ", ".join(printable(name) for name in names[:5])
                raise click.UsageError(
                    f"{printable(given)} is the beginning of {len(names)} ids: {ids}"
                )
        return [given for given, names in matches.items() if not names]


def _names(given: str, letter_id: str) -> bool:
    """Whether `given` is the id, its beginning, or the whole key that the id is the beginning of
    (a message without an id has the first characters of its key)."""
    shorter, longer = sorted((given, letter_id), key=len)
    return given == letter_id or (
        len(shorter) >= _SHORTEST_PREFIX
        and longer.startswith(shorter)
        and (shorter == given or is_key(given))
    )


def filters(function: Callable[..., T]) -> Callable[..., T]:
    """The options that choose dead letters; the command gets them as `wanted`, a Filter. The
    command raises BadParameter or SettingsInvalid."""

    @wraps(function)
    def with_filter(
        *arguments: Any,
        channel: str | None,
        since: str | None,
        until: str | None,
        ids: tuple[str, ...],
        template: str | None,
        reason: str | None,
        **others: Any,
    ) -> T:
        read_option("--channel", not_forbidden, channel or "")
        wanted = Filter(
            channel=channel,
            template=template,
            reason=reason,
            since=None if since is None else parse_time("--since", since),
            until=None if until is None else parse_time("--until", until),
            ids=frozenset(ids),
        )
        return function(*arguments, wanted=wanted, **others)

    for option in (
        click.option("--id", "ids", multiple=True, help="An id or its beginning; repeatable."),
        click.option("--until", help="Dead before: an age such as 10m, or a time."),
        click.option("--since", help="Dead since: an age such as 2h, or an ISO 8601 time."),
        click.option("--reason", type=click.Choice([str(r) for r in FailureReason])),
        click.option("--template", help="Only this template.", shell_complete=template_names),
        click.option("--channel", help="Only this channel.", shell_complete=channel_names),
    ):
        with_filter = option(with_filter)
    return with_filter


def parse_time(option: str, text: str) -> datetime:
    """The time that an option names: an age such as 2h, or ISO 8601. Raises BadParameter."""
    with suppress(ValueError):
        return datetime.now(UTC) - parse_duration(text)
    try:
        time = datetime.fromisoformat(text.upper())  # RFC 3339 allows t and z
    except ValueError:
        raise click.BadParameter(f"{option}: must be an age such as 2h, or a time") from None
    return time if time.tzinfo else time.astimezone()


async def walk(
    app: Application,
    wanted: Wanted,
    act: Act,
    done: Callable[[DeadLetter], None] = lambda _letter: None,
) -> None:
    """Do what `act` says with each dead letter in the filter; `done` gets those that left.

    A queue that our user may not see is named and passed over. Raises BrokerUnavailable (where
    that is each of them, too) or PublishRefused; what was not done by then is still there.
    """
    channels = app.settings.queue_channels
    if app.settings.is_embedded and not parse_sqlite_url(app.settings.broker).exists():
        return  # looking at a queue must not make it

    async def decide(message: InboundMessage) -> Decision:
        letter = describe(message, channels)
        return await act(message, letter) if wanted(letter) else Keep.KEEP

    dead_letters, unseen = app.container.dead_letters(), 0
    for queue in channels:
        try:
            await dead_letters.visit(queue, decide, lambda m: done(describe(m, channels)))
        except MayNotLook as error:
            unseen += 1
            if unseen == len(channels):
                raise
            words(f"not looked at: {error}")


def collect(
    app: Application, wanted: Wanted, take: Callable[[InboundMessage, DeadLetter], T]
) -> list[T]:
    """What `take` makes of each dead letter that matches, oldest first in each queue; nothing is
    touched."""
    found: list[T] = []

    async def act(message: InboundMessage, letter: DeadLetter) -> Decision:
        found.append(take(message, letter))
        return Keep.KEEP

    app.run(walk(app, wanted, act))
    return found


def look(app: Application, wanted: Wanted) -> list[DeadLetter]:
    """The dead letters that match, without their messages: there may be many."""
    return collect(app, wanted, lambda _message, letter: letter)


def unknown(*ids: str) -> int:
    """Say that no dead letter has these ids; return the exit code, 0 where `ids` is empty."""
    for letter_id in ids:
        is_short = len(letter_id) < _SHORTEST_PREFIX
        hint = f"; the beginning of an id needs {_SHORTEST_PREFIX} characters" if is_short else ""
        words(f"no dead letter has the id {printable(letter_id)}{hint}")
    return int(bool(ids))
