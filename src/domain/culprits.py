"""What refused messages have in common: a sender, a domain, a template."""

from collections import deque
from dataclasses import dataclass, field

from domain.turns import Caller

# Different messages that must have been refused before what they share can be the cause.
_FEW = 3

# Accepted messages, in a row and without that trait, that show it to be the cause.
_ENOUGH = 3

_MOST_WATCHED = 1000
_FORGOTTEN_AFTER = 1000  # accepted messages in a row
_RECENT = 50

Trait = tuple[int, frozenset[str]]


@dataclass(slots=True)
class _Refusals:
    ids: set[str] = field(default_factory=set)
    since: int = 0


class Culprits:
    """What refused messages have in common and accepted ones have not: a sender, a domain, a
    template. Without it the messages of one bad producer would look like a provider that refuses
    everything.

    Remembers refusals and, after the first one, what was accepted. A time is the number of a try.
    `watched`: traits refused lately; while there are any, `accepted` must be called.
    """

    def __init__(self) -> None:
        self.watched: dict[Trait, _Refusals] = {}
        self._refused: deque[tuple[int, Caller]] = deque(maxlen=_RECENT)
        self._accepted: deque[tuple[int, Caller]] = deque(maxlen=_RECENT)
        self._accepted_since = 0

    def refused(self, caller: Caller, at: int) -> None:
        """Take that this message was refused. `at`: how many tries had begun."""
        self._accepted_since = 0
        self._refused.append((at, caller))
        for trait in enumerate(caller.traits):
            known = self.watched.pop(trait, None) or _Refusals()
            self.watched[trait] = known  # the one refused last is forgotten last
            if len(known.ids) < _FEW:
                known.ids.add(caller.id)
                known.since = at
        while len(self.watched) > _MOST_WATCHED:
            del self.watched[next(iter(self.watched))]

    def accepted(self, caller: Caller, began: int) -> bool:
        """Take that this message was accepted. `began`: the number of its try. Returns whether all
        that was refused before is so long ago that it is forgotten."""
        self._accepted.append((began, caller))
        for trait in enumerate(caller.traits):
            self.watched.pop(trait, None)
        self._accepted_since += 1
        if self._accepted_since < _FORGOTTEN_AFTER:
            return False
        self._accepted_since = 0
        self.watched.clear()
        return True

    def blame(self, caller: Caller) -> Trait | None:
        """Return the trait of this message that is the cause of its refusal, or None. It is the
        cause if a few messages with it were refused, and since then several in a row without it
        were accepted and not one with it."""
        return next((t for t in enumerate(caller.traits) if self._is_culprit(t)), None)

    def _is_culprit(self, trait: Trait) -> bool:
        known = self.watched.get(trait)
        if known is None or len(known.ids) < _FEW:
            return False
        refused = (at for at, caller in self._refused if not shares(caller, trait))
        since = max(known.since, max(refused, default=0))
        passed = (began > since and not shares(caller, trait) for began, caller in self._accepted)
        return sum(passed) >= _ENOUGH


def shares(caller: Caller, trait: Trait) -> bool:
    """Whether the message shares the trait, in part at least."""
    kind, values = trait
    return kind < len(caller.traits) and not values.isdisjoint(caller.traits[kind])
