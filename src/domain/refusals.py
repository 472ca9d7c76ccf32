"""Whom a refusal is about: one message, one producer, or us. The messages that follow show it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from domain.culprits import Culprits, has
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
that could show whom it is about."""

_FIRST_WAIT = timedelta(seconds=10)
_MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A refusal of this message, when so many tries had begun."""

    caller: Caller
    at: int


class FaultStreak:
    """Counts different messages in a row that the provider refused for no fault of theirs.

    Until it is known whom a final refusal is about, or a passing one that speaks of us, it waits
    without spending an attempt. It is
    about the message where a try that began later is accepted before the row is full: the message
    leaves the row, and its next refusal is final. It is about a sender, a domain or a template
    where only what shares it is refused; then it is final at once. Else it is about us.
    """

    def __init__(self, waits: Sequence[timedelta]) -> None:
        """`waits`: the retry delays, after which a message that stays alone is tried again."""
        self._waits = waits or (_FIRST_WAIT,)
        self.tries = 0
        """How many have begun: count one more for each, and give `judge` its number."""
        self.is_quiet = True
        """Nothing was refused lately, so that what is accepted now says nothing."""
        self._row: dict[str, _Refusal] = {}
        self._alone: dict[str, None] = {}
        self._tries: dict[str, int] = {}
        self._culprits = Culprits()
        self._other_answers = 0
        self._is_tripped = False

    def is_over(self) -> bool:
        """Whether no row of refusals stands."""
        return len(self._row) < FAULTS_IN_A_ROW

    def judge(
        self, caller: Callable[[], Caller], began: int, answers: list[DeliveryError | None]
    ) -> list[DeliveryError | None]:
        """One message's answers, to its try of that number, as they are to be taken.

        Raises Unavailable when it is the fifth in the row: one odd message must not pause a
        channel, and a broken account must not cost a backlog. The list itself is returned where
        nothing in it changes.
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
        for one in [one for one, refusal in self._row.items() if refusal.at < began]:
            del self._row[one]
            if not self._is_tripped:
                self._alone[one] = None
        self._forget((caller.id,))
        _bound(self._alone)

    def _answered(self, answers: Iterable[DeliveryError | None]) -> None:
        """Refusals of recipients and contents: enough of them show that all is as usual."""
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
                self._row = {one: r for one, r in row if not has(r.caller, culprit)}
            if culprit is not None or caller.id in self._alone:
                self._take_as_it_is(caller.id, faults)
                return answers
        self._row.pop(caller.id, None)
        self._row[caller.id] = _Refusal(caller, self.tries)
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
        """It is about this message. One that comes back spends an attempt each time from now on."""
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
    """Whether it spends no attempt while it is not known whom it is about."""
    return isinstance(error, Permanent) or (isinstance(error, Transient) and error.is_certain)


def _bound(known: dict[str, None] | dict[str, int]) -> None:
    while len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]
