"""What senders share: what was learned of each relay, for `status` and the metrics; the turns that
all processes with one account take together, so that a fleet keeps one limit; and a memory of what
came last."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import TypeVar

from domain.errors import Throttled, Unavailable
from domain.ledger import LedgerUnavailable
from domain.pace import PaceStore, Spacing


class Fact(StrEnum):
    """A number that is learned about a relay."""

    RATE = "rate"
    """Mails a second."""
    CONNECTIONS = "connections"
    """Connections at once."""
    SESSION_MAILS = "session_mails"
    """Mails over one connection."""
    MAIL_RECIPIENTS = "mail_recipients"
    """Recipients of one mail."""
    CLOSED_UNTIL = "closed_until"
    """Seconds since the epoch: no mail goes before, since the pace leaves no room."""


class Learned:
    """Numbers by relay and fact. One for the process: the container makes it and gives it to the
    notifiers, which write; `status` and the metrics read.

    A relay is named by host and port. A relay without a number for a fact takes all that was tried.
    """

    def __init__(self) -> None:
        self._facts: dict[str, dict[Fact, float]] = {}
        self.sharers: list[Callable[[], Awaitable[object]]] = []
        """Await each to take over what other processes have learned."""

    def note(self, relay: str, fact: Fact, value: float | None) -> None:
        """Write a number down; None: this limit is not known any more."""
        facts = self._facts.setdefault(relay, {})
        if value is None:
            facts.pop(fact, None)
        else:
            facts[fact] = value

    def get(self, relay: str, fact: Fact) -> float | None:
        """Return the number, or None where none is known."""
        return self._facts.get(relay, {}).get(fact)

    def snapshot(self) -> Mapping[str, Mapping[str, float]]:
        """Return a copy: relay -> name of the fact -> number."""
        return {
            relay: {str(fact): value for fact, value in facts.items()}
            for relay, facts in self._facts.items()
            if facts
        }


_K = TypeVar("_K")
_V = TypeVar("_V")


class Recent(OrderedDict[_K, _V]):
    """At most `most` entries: those that were written last."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: _K, value: _V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)


class SharedTurns:
    """The turns of one account. `store` None: there is no other process. `account` gives what names
    it, such as a token; neither that nor the names of chats are stored, only a digest of both."""

    def __init__(self, store: PaceStore | None, account: Callable[[], str]) -> None:
        self._store = store
        self._account = account

    async def wait(self, name: object, spacing: Spacing, longest: float) -> None:
        """Wait for the next turn of what is named so. Raises Throttled where it is more than
        `longest` seconds away, Unavailable where the store is away."""
        if self._store is None:
            return
        try:
            turn = await self._store.take(self._key(name), spacing, longest)
        except LedgerUnavailable as error:
            raise Unavailable(f"the pace is in the ledger: {error}") from error
        if not turn.taken:
            raise Throttled(
                "other processes with this account are before this message",
                retry_after=timedelta(seconds=turn.wait),
            )
        if turn.wait > 0:
            await asyncio.sleep(turn.wait)

    async def pause(self, name: object, wait: timedelta) -> None:
        """The provider asked for a wait: all processes keep to it."""
        if self._store is None:
            return
        with suppress(LedgerUnavailable):  # then nothing is sent anyway
            await self._store.hold(self._key(name), wait.total_seconds())

    def _key(self, name: object) -> str:
        text = f"{self._account()}\n{name}"
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def loop_time() -> float:
    """The time of the event loop, in seconds."""
    return asyncio.get_running_loop().time()
