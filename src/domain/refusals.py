"""What a refusal is about: one message, one producer, or us. The messages that follow show it."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from domain.errors import (
    DeliveryError,
    Permanent,
    RefusedInARow,
    Throttled,
    Transient,
    Unavailable,
)
from domain.turns import Caller

FAULTS_IN_A_ROW = 5
TRIES_ALONE = 3
"""Tries of a message that alone was refused, before the refusal is final: nothing else was sent
that could show what it is about."""

_FIRST_WAIT = timedelta(seconds=10)
_MOST_REMEMBERED = 1000

_FEW = 3
"""Different messages that must have been refused before what they share can be the cause."""

_ENOUGH = 3
"""Accepted messages, in a row and without that trait, that show it to be the cause."""

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
    """

    def __init__(self) -> None:
        self.watched: dict[Trait, _Refusals] = {}
        """Traits refused lately; while there are any, `accepted` must be called."""
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

    def accepted(self, caller: Caller, began: int) -> None:
        """Take that this message was accepted. `began`: the number of its try."""
        self._accepted.append((began, caller))
        for trait in enumerate(caller.traits):
            self.watched.pop(trait, None)
        self._accepted_since += 1
        if self._accepted_since >= _FORGOTTEN_AFTER:
            self.watched.clear()

    def blame(self, caller: Caller) -> Trait | None:
        """Return the trait of this message that is the cause of its refusal, or None. It is the
        cause if a few messages with it were refused, and since then several in a row without it
        were accepted and not one with it."""
        return next((t for t in enumerate(caller.traits) if self._is_culprit(t)), None)

    def _is_culprit(self, trait: Trait) -> bool:
        known = self.watched.get(trait)
        if known is None or len(known.ids) < _FEW:
            return False
        refused = (at for at, caller in self._refused if not _shares(caller, trait))
        since = max(known.since, max(refused, default=0))
        passed = (began > since and not _shares(caller, trait) for began, caller in self._accepted)
        return sum(passed) >= _ENOUGH


def _shares(caller: Caller, trait: Trait) -> bool:
    """Whether the message shares the trait, in part at least."""
    kind, values = trait
    return kind < len(caller.traits) and not values.isdisjoint(caller.traits[kind])


class FaultStreak:
    """Counts different messages in a row that were refused although the messages are valid.

    A refusal waits, and spends no attempt, until it is known whether it is about the message or
    about us. (A passing refusal waits so only where it names us.) It is about the message if one
    that was tried later is accepted before the row is full: the refused message leaves the row, and
    its next refusal is final. It is about a sender, a domain or a template if only messages that
    share it are refused: then it is final at once. Else it is about us.
    """

    def __init__(self, waits: Sequence[timedelta]) -> None:
        """`waits`: the retry delays, after which a message that stays alone is tried again."""
        self._waits = waits or (_FIRST_WAIT,)
        self.tries = 0
        """How many have begun: count one more for each, and give `judge` its number."""
        self.is_quiet = True
        """Nothing was refused lately, so an accepted message shows nothing new."""
        self._row: dict[str, tuple[int, Caller]] = {}
        self._alone: dict[str, None] = {}
        self._tries: dict[str, int] = {}
        self._culprits = Culprits()
        self._other_answers = 0
        self._is_tripped = False

    def is_over(self) -> bool:
        """Whether fewer than `FAULTS_IN_A_ROW` messages in a row are refused."""
        return len(self._row) < FAULTS_IN_A_ROW

    def judge(
        self, caller: Callable[[], Caller], began: int, answers: list[DeliveryError | None]
    ) -> list[DeliveryError | None]:
        """Return one message's answers, to its try of that number, as they count.

        Raises Unavailable for the fifth message in the row: one odd message must not pause a
        channel, and a broken account must not dead-letter a whole queue. Returns the list itself
        where nothing in it changes.
        """
        try:
            if None in answers:  # a recipient refused next to one accepted is refused for good
                if not self.is_quiet:
                    self._accepted(caller(), began)
                return answers
            if faults := [error for error in answers if _is_fault(error)]:
                return self._refused(caller(), answers, faults)
            self._answered(answers)
            return answers
        finally:
            self._is_tripped = self._is_tripped and bool(self._row)
            watched = self._row or self._alone or self._tries or self._culprits.watched
            self.is_quiet = not watched

    def _accepted(self, caller: Caller, began: int) -> None:
        self._other_answers = 0
        self._culprits.accepted(caller, began)
        self._row.pop(caller.id, None)
        for one in [one for one, (at, _) in self._row.items() if at < began]:
            del self._row[one]
            if not self._is_tripped:
                self._alone[one] = None
        self._forget((caller.id,))
        _bound(self._alone)

    def _answered(self, answers: Iterable[DeliveryError | None]) -> None:
        """Refusals of recipients and contents: enough of them show that the provider works."""
        if not self._row or not all(isinstance(e, Transient | Permanent) for e in answers):
            return
        self._other_answers += 1
        if self._other_answers >= FAULTS_IN_A_ROW:
            self._row.clear()

    def _refused(
        self,
        caller: Caller,
        answers: list[DeliveryError | None],
        faults: Sequence[DeliveryError | None],
    ) -> list[DeliveryError | None]:
        self._other_answers = 0
        if any(_can_wait(error) for error in faults):
            self._culprits.refused(caller, self.tries)
            culprit = self._culprits.blame(caller)
            if culprit is not None:
                row = self._row.items()
                self._row = {one: known for one, known in row if not _shares(known[1], culprit)}
            if culprit is not None or caller.id in self._alone:
                self._take_as_it_is(caller.id, faults)
                return answers
        self._row.pop(caller.id, None)
        self._row[caller.id] = self.tries, caller
        if self.is_over():
            return [self._waiting(caller.id, e) if _is_fault(e) else e for e in answers]
        self._is_tripped = True
        self._forget(self._row)
        is_final = any(isinstance(error, Permanent) for error in faults)
        kind = RefusedInARow if is_final else Unavailable
        raise kind(f"{faults[0]} ({FAULTS_IN_A_ROW} messages in a row met it)")

    def _waiting(self, notification_id: str, error: DeliveryError | None) -> DeliveryError | None:
        if not (isinstance(error, Permanent | Transient) and _can_wait(error)):
            return error  # it waits and spends its attempt as any passing refusal does
        tries = self._tries[notification_id] = self._tries.get(notification_id, 0) + 1
        if tries > (len(self._waits) if error.is_certain else TRIES_ALONE - 1):
            self._take_as_it_is(notification_id, [error])
            return error
        _bound(self._tries)
        wait = min(self._waits[0], _FIRST_WAIT)
        if error.is_certain and tries > 1:
            wait = max(self._waits[tries - 1], _FIRST_WAIT)
        if isinstance(error, Transient) and error.retry_after is not None:
            wait = error.retry_after
        return Throttled(str(error), retry_after=wait)

    def _take_as_it_is(self, one: str, faults: Sequence[DeliveryError | None]) -> None:
        """It is about this message. Each passing refusal of it spends an attempt from now on."""
        self._forget((one,))
        if not any(isinstance(error, Permanent) for error in faults):
            self._alone[one] = None
            _bound(self._alone)

    def _forget(self, ids: Iterable[str]) -> None:
        for one in ids:
            self._alone.pop(one, None)
            self._tries.pop(one, None)


def _is_fault(error: DeliveryError | None) -> bool:
    return isinstance(error, Transient | Permanent) and error.provider_fault


def _can_wait(error: DeliveryError | None) -> bool:
    """Whether it spends no attempt while it is not known what it is about."""
    return isinstance(error, Permanent) or (isinstance(error, Transient) and error.is_certain)


def _bound(known: dict[str, None] | dict[str, int]) -> None:
    while len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]
