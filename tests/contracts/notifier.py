"""What every Notifier keeps, the fake included.

A provider is reached through a `Peer`: an async context manager, made by the subclass's `peer`,
that has a notifier and can make its provider misbehave. What a channel cannot meet or tells apart
in its own way, it declares in `verdicts`.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain

import pytest

from domain.content import Content
from domain.errors import (
    DeliveryError,
    FailureReason,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, proceed
from tests.contracts.notifier_troubles import (
    BODY,
    HASTY,
    LOCAL,
    NAMED_WAIT,
    OF_ONE_MESSAGE,
    PATIENT,
    REMOTE,
    SECRET,
    Peer,
    Trouble,
    Verdicts,
    everything_told,
)
from tests.fakes import a_notification

__all__ = [
    "LOCAL",
    "NAMED_WAIT",
    "REMOTE",
    "SECRET",
    "NotifierContract",
    "Peer",
    "RemoteNotifierContract",
    "Trouble",
    "Verdicts",
]

Body = Callable[[Peer], Awaitable[None]]


class NotifierContract(ABC):
    """Subclass it beside a `peer`; `addresses` are three that this channel can serve.

    As it stands it is the contract of a notifier without a counterpart, which nobody can refuse or
    cut. One with a provider subclasses `RemoteNotifierContract`.
    """

    addresses: tuple[str, str, str] = ("ann@example.com", "bob@example.com", "eve@example.com")
    content = Content(subject="Hello", parts={"text": BODY}, version="v1")
    channel = "email"
    verdicts: Verdicts = LOCAL

    @abstractmethod
    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        """A peer whose notifier waits `timeout` seconds for an answer."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        met = [trouble for trouble, kind in self.verdicts.items() if kind is not None]
        if "trouble" in metafunc.fixturenames:
            metafunc.parametrize("trouble", met, ids=_name)
        if "passing_trouble" in metafunc.fixturenames:
            passing = [trouble for trouble in met if trouble in OF_ONE_MESSAGE]
            metafunc.parametrize("passing_trouble", passing, ids=_name)

    def with_peer(self, body: Body, timeout: float = PATIENT) -> None:
        async def main() -> None:
            async with self.peer(timeout) as peer:
                await body(peer)

        asyncio.run(main())

    def notification(self, number: int = 0) -> Notification:
        return a_notification(id=f"n-{number}", channel=self.channel, to=list(self.addresses))

    async def answers(
        self,
        peer: Peer,
        notification: Notification | None = None,
        recipients: Sequence[Recipient] | None = None,
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[str, DeliveryError | None]:
        """The answer for each address, asked for as the Dispatcher does: an error that was raised
        concerns them all, and one by one each has a message of their own."""
        notification = notification or self.notification()
        recipients = notification.recipients if recipients is None else recipients
        groups = [(notification, recipients)]
        if peer.notifier.one_by_one:
            groups = [(notification.for_one(one), [one]) for one in recipients]
        answers: dict[str, DeliveryError | None] = {}
        for message, group in groups:
            try:
                found = await peer.notifier.notify(message, self.content, group, about_to_send)
            except DeliveryError as error:
                answers |= {recipient.address: error for recipient in group}
                continue
            assert set(found) == set(group), "one entry for each recipient, and no other"
            answers |= {recipient.address: error for recipient, error in found.items()}
        return answers

    async def errors_met(self, peer: Peer, trouble: Trouble) -> list[DeliveryError]:
        """What one message's recipients are told that meets this trouble."""
        notification = self.notification()
        if peer.notifier.one_by_one:
            notification = notification.for_one(notification.to[0])
        peer.trouble(trouble)
        answers = await self.answers(peer, notification)
        return [error for error in answers.values() if error is not None]

    def test_every_trouble_is_expected_or_declared_away(self) -> None:
        assert set(self.verdicts) == set(Trouble)

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

    def test_it_says_so_before_anything_leaves(self) -> None:
        async def body(peer: Peer) -> None:
            accepted_by_then: list[list[str]] = []

            async def about_to_send(*_: object) -> None:
                accepted_by_then.append(peer.accepted())

            notification = self.notification()
            await self.answers(peer, notification, notification.to[:1], about_to_send)

            assert accepted_by_then[0] == []
            assert peer.accepted() == [self.addresses[0]]

        self.with_peer(body)

    def test_what_cannot_be_written_down_is_kept_back(self) -> None:
        async def body(peer: Peer) -> None:
            async def ledger_is_away(*_: object) -> None:
                raise Unavailable("the ledger is away")

            kept_back = await self.answers(peer, about_to_send=ledger_is_away)
            arrived = peer.accepted()
            served = await self.answers(peer, self.notification(1))

            assert [str(error) for error in kept_back.values()] == ["the ledger is away"] * 3
            assert arrived == []
            assert served == dict.fromkeys(self.addresses)

        self.with_peer(body)

    def test_each_trouble_is_told_apart(self, trouble: Trouble) -> None:
        async def body(peer: Peer) -> None:
            errors = await self.errors_met(peer, trouble)

            assert {type(error) for error in errors} == {self.verdicts[trouble]}
            assert peer.accepted() == []
            for error in errors:
                if isinstance(error, Throttled):
                    assert error.retry_after == NAMED_WAIT
                if trouble is not Trouble.AWAY:  # something had left, or it would help nobody
                    assert not getattr(error, "safe_to_repeat", False)

        self.with_peer(body, timeout=HASTY if trouble is Trouble.SILENT else PATIENT)

    def test_no_secret_and_no_body_is_in_an_error_a_letter_or_a_log_line(
        self, trouble: Trouble, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        told: list[str] = []

        async def body(peer: Peer) -> None:
            errors = await self.errors_met(peer, trouble)
            told.extend(text for error in errors for text in everything_told(error))
            told.append(repr(peer.notifier))

        self.with_peer(body, timeout=HASTY if trouble is Trouble.SILENT else PATIENT)

        assert told[0]
        for text in (*told, caplog.text):
            assert SECRET not in text
            assert BODY not in text

    def test_it_may_be_closed_twice(self) -> None:
        async def body(peer: Peer) -> None:
            await self.answers(peer)

            await peer.notifier.close()
            await peer.notifier.close()

        self.with_peer(body)


class RemoteNotifierContract(NotifierContract):
    """The contract of a notifier whose provider answers."""

    verdicts = REMOTE

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

    def test_nobody_listening_is_safe_to_try_again_at_once(self) -> None:
        async def body(peer: Peer) -> None:
            errors = await self.errors_met(peer, Trouble.AWAY)

            assert errors
            for error in errors:
                assert isinstance(error, Transient | Unavailable)
                assert error.safe_to_repeat

        self.with_peer(body)

    def test_after_trouble_with_one_message_the_next_is_served(
        self, passing_trouble: Trouble
    ) -> None:
        async def body(peer: Peer) -> None:
            await self.errors_met(peer, passing_trouble)

            answers = await self.answers(peer, self.notification(1))

            assert answers == dict.fromkeys(self.addresses)
            assert sorted(peer.accepted()) == sorted(self.addresses)

        self.with_peer(body, timeout=HASTY if passing_trouble is Trouble.SILENT else PATIENT)


def _name(trouble: Trouble) -> str:
    return trouble.name.lower()
