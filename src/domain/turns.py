"""Choose the next message to try while a channel is paused. The message that differs most from the
refused ones goes first."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from domain.notification import Notification
from domain.value_object import value_object


@value_object()
class Caller:
    """What a message is recognised by. `traits`: for each kind (its sender, the domains of its
    recipients, its template) what the message has of it; the kinds are in the same order for all
    messages."""

    id: str = ""
    traits: tuple[frozenset[str], ...] = ()


def caller_of(notification: Notification) -> Caller:
    """Return what the turns need to know of a notification."""
    sender = notification.sender.address if notification.sender else ""
    domains = (r.address.rpartition("@")[2].lower() for r in notification.recipients)
    traits = (frozenset({sender.lower()}), frozenset(domains), frozenset({notification.template}))
    return Caller(notification.id, traits)


@value_object(eq=False)
class ProbePlace:
    """The place of one message in the queue, since this time."""

    caller: Caller
    since: datetime


class Turns:
    """Gives the turn to one place after the other.

    The next is the place with the most kinds of traits that were not refused yet; among equals one
    that was not refused itself, then the one that waits for longest. A message that comes back goes
    to the end.
    """

    def __init__(self) -> None:
        self._holder: ProbePlace | None = None
        self._waiting: dict[ProbePlace, asyncio.Future[None]] = {}
        self._refused: defaultdict[int, set[str]] = defaultdict(set)
        self._tried: set[str] = set()

    @property
    def is_taken(self) -> bool:
        """Whether some place has its turn now."""
        return self._holder is not None

    @asynccontextmanager
    async def turn(self, place: ProbePlace) -> AsyncIterator[None]:
        """Wait for the turn of `place`, and pass it on at the end."""
        if self._holder is not None:
            turn = self._waiting[place] = asyncio.get_running_loop().create_future()
            try:
                await turn
            except BaseException:
                self._waiting.pop(place, None)
                if self._holder is place:  # cancelled just as the turn had come
                    self._release()
                raise
        self._holder = place
        try:
            yield
        finally:
            self._release()

    def refused(self, caller: Caller) -> None:
        """Remember the traits of a refused message."""
        for kind, traits in enumerate(caller.traits):
            self._refused[kind].update(traits)
        self._tried.add(caller.id)

    def forget(self) -> None:
        """Begin again: nothing is refused."""
        self._refused.clear()
        self._tried.clear()

    def has_better_than(self, place: ProbePlace) -> bool:
        """Whether a message waits that differs more from the refused ones."""
        mine = self._rank(place)
        return any(self._rank(other) > mine for other in self._waiting)

    def are_all_alike(self) -> bool:
        """Whether there is a kind of which no waiting message has a new trait: then trying these
        messages cannot show whether that kind is the cause."""
        return any(not any(self._is_new(p, kind) for p in self._waiting) for kind in self._refused)

    def dismiss(
        self, is_meant: Callable[[ProbePlace], bool], error: Callable[[], Exception]
    ) -> list[ProbePlace]:
        """End the waiting of those meant, with an error each, and return them."""
        meant = [p for p, turn in self._waiting.items() if not turn.done() and is_meant(p)]
        for place in meant:
            self._waiting.pop(place).set_exception(error())
        return meant

    def _release(self) -> None:
        self._holder = None
        ready = [place for place, turn in self._waiting.items() if not turn.done()]
        if ready:
            self._holder = max(ready, key=self._rank)
            self._waiting.pop(self._holder).set_result(None)

    def _rank(self, place: ProbePlace) -> tuple[int, bool]:
        novelty = sum(self._is_new(place, kind) for kind in range(len(place.caller.traits)))
        return novelty, place.caller.id not in self._tried

    def _is_new(self, place: ProbePlace, kind: int) -> bool:
        traits = place.caller.traits
        return kind < len(traits) and not traits[kind] <= self._refused.get(kind, set())
