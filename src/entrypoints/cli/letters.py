"""Which dead letters a command is about, and the walk over them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from adapters.wire.inbound import DeadLetters, Decision, InboundMessage, Keep
from adapters.wire.letters import Letter, describe
from domain.duration import parse_duration
from domain.errors import FailureReason
from entrypoints.container import Container
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.values import not_forbidden

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(slots=True, kw_only=True)
class Filter:
    """Which letters a command is about; what is None or empty lets everything through."""

    channel: str | None = None
    template: str | None = None
    reason: str | None = None
    since: datetime | None = None
    ids: frozenset[str] = field(default_factory=frozenset)

    def __call__(self, letter: Letter) -> bool:
        return (
            self.channel in {None, letter.channel}
            and self.template in {None, letter.template}
            and self.reason in {None, letter.reason}
            and (not self.ids or letter.id in self.ids)
            and (
                self.since is None
                or (letter.failed_at is not None and letter.failed_at >= self.since)
            )
        )

    @property
    def lets_everything_through(self) -> bool:
        return self == Filter()


def filters(function: _F) -> _F:
    for option in reversed(
        (
            click.option("--channel", help="Only this channel."),
            click.option("--template", help="Only this template."),
            click.option("--reason", type=click.Choice([str(r) for r in FailureReason])),
            click.option("--since", help="Failed since: an age such as 2h, or an ISO 8601 time."),
            click.option("--id", "ids", multiple=True, help="Only this letter; repeatable."),
        )
    ):
        function = option(function)
    return function


def a_filter(
    channel: str | None,
    template: str | None,
    reason: str | None,
    since: str | None,
    ids: tuple[str, ...],
) -> Filter:
    if channel is not None:
        try:
            not_forbidden(channel)
        except ValueError as error:
            raise SettingsInvalid([f"--channel: {error}"]) from None
    return Filter(
        channel=channel,
        template=template,
        reason=reason,
        since=None if since is None else _time(since),
        ids=frozenset(ids),
    )


def _time(text: str) -> datetime:
    try:
        return datetime.now(UTC) - parse_duration(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("--since: must be an age such as 2h, or a time") from None
    return time if time.tzinfo else time.astimezone()


def look(settings: Settings, wanted: Filter) -> list[Letter]:
    """The letters that match, oldest first in each queue; nothing is touched."""
    return visit(settings, wanted, lambda _message: Keep.KEEP)


def visit(
    settings: Settings, wanted: Filter, decide: Callable[[InboundMessage], Decision]
) -> list[Letter]:
    """Do what `decide` says with each letter that matches, and return those."""
    channels = settings.queue_channels
    matching: list[Letter] = []

    def judge(message: InboundMessage) -> Decision:
        letter = describe(message, channels)
        if not wanted(letter):
            return Keep.KEEP
        matching.append(letter)
        return decide(message)

    async def visit_all(dead_letters: DeadLetters) -> None:
        try:
            for queue in channels:
                await dead_letters.visit(queue, judge)
        finally:
            await dead_letters.close()

    asyncio.run(visit_all(Container(settings=settings).dead_letters()))
    return matching
