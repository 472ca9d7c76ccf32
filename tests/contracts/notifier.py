"""What every Notifier keeps, the fake included.

A provider is reached through a `Peer`: an async context manager, made by the subclass's `peer`,
that has a notifier and can make its provider misbehave.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from itertools import chain
from typing import Protocol

import pytest

from domain.content import Content
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Transient,
    Unavailable,
)
from domain.notification import Notification, Recipient
from domain.ports import Notifier
from tests.fakes import a_notification

SECRET = "Sentinel-s3cret"
BODY = "Sentinel-b0dy"


class Trouble(StrEnum):
    """What a provider does to the next message."""

    BUSY = "busy"
    REFUSES_THE_MESSAGE = "refuses the message"
    AWAY = "away"
    REFUSES_OUR_CREDENTIALS = "refuses our credentials, and repeats them in its answer"
    VANISHES_HALF_WAY = "vanishes while the message is on its way"


class Peer(Protocol):
    """A notifier and the provider it talks to. Credentials, where it has any, hold SECRET."""

    notifier: Notifier

    def accepted(self) -> list[str]:
        """Every address the provider accepted for, once for each time."""

    def refuse(self, address: str) -> None:
        """From now on refuse this address for good, and nobody else."""

    def trouble(self, trouble: Trouble) -> None:
        """Meet the next message with trouble, and those after it with none."""


Body = Callable[[Peer], Awaitable[None]]


class NotifierContract(ABC):
    """Subclass it beside a `peer`; `addresses` are three that this channel can serve.

    It is the whole contract of a notifier without a counterpart, which nobody can refuse or cut.
    One with a provider subclasses `RemoteNotifierContract`.
    """

    addresses: tuple[str, str, str] = ("ann@example.com", "bob@example.com", "eve@example.com")
    content = Content(subject="Hello", parts={"text": BODY}, version="v1")

    @abstractmethod
    def peer(self) -> AbstractAsyncContextManager[Peer]: ...

    def with_peer(self, body: Body) -> None:
        async def main() -> None:
            async with self.peer() as peer:
                await body(peer)

        asyncio.run(main())

    def notification(self, number: int = 0) -> Notification:
        return a_notification(id=f"n-{number}", to=list(self.addresses))

    async def answers(
        self,
        peer: Peer,
        notification: Notification | None = None,
        recipients: Sequence[Recipient] | None = None,
    ) -> Mapping[str, DeliveryError | None]:
        """The answer for each address; an error that was raised concerns them all."""
        notification = notification or self.notification()
        recipients = notification.recipients if recipients is None else recipients
        try:
            found = await peer.notifier.notify(notification, self.content, recipients)
        except DeliveryError as error:
            return {recipient.address: error for recipient in recipients}
        assert set(found) == set(recipients), "one entry for each recipient, and no other"
        return {recipient.address: error for recipient, error in found.items()}

    def test_everybody_is_served_and_answered(self) -> None:
        async def body(peer: Peer) -> None:
            answers = await self.answers(peer)

            assert answers == dict.fromkeys(self.addresses)
            assert sorted(peer.accepted()) == sorted(self.addresses)

        self.with_peer(body)

    def test_only_those_still_owed_are_served(self) -> None:
        async def body(peer: Peer) -> None:
            notification = self.notification()

            answers = await self.answers(peer, notification, notification.recipients[1:2])

            assert answers == {self.addresses[1]: None}
            assert peer.accepted() == [self.addresses[1]]

        self.with_peer(body)

    def test_many_at_once_are_all_served(self) -> None:
        async def body(peer: Peer) -> None:
            sends = [self.answers(peer, self.notification(n)) for n in range(40)]

            found = await asyncio.gather(*sends)

            assert set(chain.from_iterable(answer.values() for answer in found)) == {None}
            assert len(peer.accepted()) == 40 * len(self.addresses)

        self.with_peer(body)

    def test_a_provider_that_is_away_is_unavailable_for_everybody(self) -> None:
        async def body(peer: Peer) -> None:
            peer.trouble(Trouble.AWAY)

            answers = await self.answers(peer)

            assert all(isinstance(error, Unavailable) for error in answers.values())
            assert peer.accepted() == []

        self.with_peer(body)

    def test_it_may_be_closed_twice(self) -> None:
        async def body(peer: Peer) -> None:
            await self.answers(peer)

            await peer.notifier.close()
            await peer.notifier.close()

        self.with_peer(body)


class RemoteNotifierContract(NotifierContract):
    """The contract of a notifier whose provider answers."""

    def test_one_refused_recipient_costs_the_others_nothing(self) -> None:
        async def body(peer: Peer) -> None:
            first, refused, last = self.addresses
            peer.refuse(refused)

            answers = await self.answers(peer)

            error = answers[refused]
            assert isinstance(error, Permanent)
            assert error.reason is FailureReason.RECIPIENT_REFUSED
            assert (answers[first], answers[last]) == (None, None)
            assert sorted(peer.accepted()) == sorted((first, last))

        self.with_peer(body)

    @pytest.mark.parametrize(
        ("trouble", "kind"),
        [
            (Trouble.BUSY, Transient),
            (Trouble.REFUSES_THE_MESSAGE, Permanent),
            (Trouble.VANISHES_HALF_WAY, InDoubt),
        ],
    )
    def test_trouble_with_one_message_is_told_apart_and_the_next_is_served(
        self, trouble: Trouble, kind: type[DeliveryError]
    ) -> None:
        async def body(peer: Peer) -> None:
            peer.trouble(trouble)

            first = await self.answers(peer)
            second = await self.answers(peer)

            assert {type(error) for error in first.values()} == {kind}
            assert second == dict.fromkeys(self.addresses)
            assert sorted(peer.accepted()) == sorted(self.addresses)

        self.with_peer(body)

    def test_refused_credentials_pause_the_channel_and_are_not_tried_again_at_once(self) -> None:
        async def body(peer: Peer) -> None:
            peer.trouble(Trouble.REFUSES_OUR_CREDENTIALS)

            answers = await self.answers(peer)

            for error in answers.values():
                assert isinstance(error, Unavailable)
                assert not error.safe_to_repeat

        self.with_peer(body)

    @pytest.mark.parametrize("trouble", list(Trouble))
    def test_no_secret_and_no_body_is_in_an_error_or_a_log_line(
        self, trouble: Trouble, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        told: list[str] = []

        async def body(peer: Peer) -> None:
            peer.trouble(trouble)
            answers = await self.answers(peer)
            told.extend(text for error in answers.values() for text in _everything_told(error))
            told.append(repr(peer.notifier))

        self.with_peer(body)

        assert told[0]
        for text in (*told, caplog.text):
            assert SECRET not in text
            assert BODY not in text


def _everything_told(error: BaseException | None) -> list[str]:
    """The texts of an error and of all it leads back to."""
    told: list[str] = []
    while error is not None:
        told += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return told
