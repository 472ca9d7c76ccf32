"""What a notifier keeps whose provider takes so many recipients of one message."""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from domain.errors import NotYet, Permanent
from domain.notification import Recipient
from tests.contracts.notifier import Peer, RemoteNotifierContract
from tests.contracts.notifier_troubles import PATIENT


class LimitedPeer(Peer, Protocol):
    """A peer whose provider may take a few recipients of one message only."""

    def limit(self, most: int) -> None:
        """From now on take `most` recipients of one message."""


class SplittingNotifierContract(RemoteNotifierContract):
    """The contract of a notifier whose provider takes so many recipients of one message.

    Its `peer` gives a LimitedPeer.
    """

    @abstractmethod
    def peer(self, timeout: float) -> AbstractAsyncContextManager[LimitedPeer]:
        """A peer whose notifier waits `timeout` seconds for an answer."""

    def with_limited_peer(self, body: Callable[[LimitedPeer], Awaitable[None]]) -> None:
        async def main() -> None:
            async with self.peer(PATIENT) as peer:
                await body(peer)

        asyncio.run(main())

    def test_those_beyond_the_limit_are_served_by_further_calls(self) -> None:
        async def body(peer: LimitedPeer) -> None:
            peer.limit(2)
            notification = self.notification()

            first = await self.answers(peer, notification)
            rest = [r for r in notification.recipients if isinstance(first[r.address], NotYet)]
            second = await self.answers(peer, notification, rest)

            assert [first[address] for address in self.addresses[:2]] == [None, None]
            assert [r.address for r in rest] == [self.addresses[2]]
            assert second == {self.addresses[2]: None}
            assert peer.accepted() == list(self.addresses)

        self.with_limited_peer(body)

    def test_it_names_those_that_the_payload_leaves_for(self) -> None:
        async def body(peer: LimitedPeer) -> None:
            named: list[list[str] | None] = []

            async def about_to_send(
                concerned: Sequence[Recipient] | None = None, _message_id: str = "", /
            ) -> None:
                named.append(None if concerned is None else [r.address for r in concerned])

            peer.limit(2)
            await self.answers(peer, about_to_send=about_to_send)
            await self.answers(peer, self.notification(1), about_to_send=about_to_send)

            assert named == [list(self.addresses[:2])] * 2

        self.with_limited_peer(body)

    def test_a_limit_with_none_accepted_leaves_some_answer_that_counts(self) -> None:
        async def body(peer: LimitedPeer) -> None:
            peer.limit(2)
            for address in self.addresses[:2]:
                peer.refuse(address)

            answers = await self.answers(peer)

            first, second, last = (answers[address] for address in self.addresses)
            assert isinstance(first, Permanent)
            assert isinstance(second, Permanent)
            assert last is None or isinstance(last, NotYet)

        self.with_limited_peer(body)
