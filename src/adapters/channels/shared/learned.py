"""What was learned: of each relay, for `status` and the metrics; and a memory of what came last."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TypeVar


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
        self._sharers: list[Callable[[], Awaitable[object]]] = []

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

    def shared_by(self, refresh: Callable[[], Awaitable[object]]) -> None:
        """Name who takes over what other processes learn, when `refresh` is awaited."""
        self._sharers.append(refresh)

    async def refresh(self) -> None:
        """Take over what other processes have learned."""
        for refresh in self._sharers:
            await refresh()

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
