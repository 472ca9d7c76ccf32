"""What each relay turned out to take, for `status` and for the metrics."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum


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
        self.pools: list[tuple[str, Callable[[], Mapping[str, int]]]] = []
        """Relays, and what gives what their connections do now: see `Pool.use`."""

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

    def connections(self) -> Mapping[str, Mapping[str, int]]:
        """Return what is done with connections now: relay -> state -> how many."""
        found: dict[str, Counter[str]] = {}
        for relay, use in self.pools:
            found.setdefault(relay, Counter()).update(use())
        return found
