"""Whom a refusal is about: one message, or us. The messages that follow show it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
that could show whom it is about."""

MAJORITY = 3
"""Of a row, how many must have a sender or a domain in common for that to be the cause."""

_FIRST_WAIT = timedelta(seconds=10)
_MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A refusal of this message, when so many tries had begun."""

    caller: Caller
    at: int


class FaultStreak:
    """Counts different messages in a row that the provider refused for no fault of theirs.

    Until it is known whom a final refusal is about, it waits without spending an attempt. A try
    that began after it and is accepted shows that it was not about us: the message leaves the row,
    and its next refusal is final. After a whole row in a row that is so only for those that have a
    sender or a domain in common, which what was accepted has not, and only where the first other
    message to be tried was accepted: a quota lets one mail pass now and then, whoever sends it.
    """

    def __init__(self, waits: Sequence[timedelta]) -> None:
        """`waits`: the retry delays, after which a message that stays alone is tried again."""
        self._waits = waits or (_FIRST_WAIT,)
        self._serial = 0
        self._row: dict[str, _Refusal] = {}
        self._alone: dict[str, None] = {}
        self._tries: dict[str, int] = {}
        self._other_answers = 0
        self._tripped_at: int | None = None
        self._is_proven = False

    def begin(self) -> int:
        """The number of a try that begins now; for `judge`."""
        self._serial += 1
        return self._serial

    def is_over(self) -> bool:
        """Whether no row of refusals stands."""
        return len(self._row) < FAULTS_IN_A_ROW

    def judge(
        self,
        notification_id: str,
        began: int,
        answers: list[DeliveryError | None],
        caller: Callable[[], Caller] = Caller,
    ) -> list[DeliveryError | None]:
        """One message's answers, to its try of that number, as they are to be taken. `caller` says
        more about the message.

        Raises Unavailable when it is the fifth in the row: one odd message must not pause a
        channel, and a broken account must not cost a backlog. The list itself is returned where
        nothing in it changes.
        """
        if None in answers:  # a recipient refused beside one accepted is refused for good
            self._accepted(notification_id, began, caller)
            return answers
        faults = [error for error in answers if _is_fault(error)]
        if not faults:
            self._answered(answers)
            return answers
        self._other_answers = 0
        if notification_id in self._alone:
            self._forget((notification_id,))
            return answers
        self._row.pop(notification_id, None)
        self._row[notification_id] = _Refusal(caller(), self._serial)
        if not self.is_over():
            self._trip(began, faults)
        return [self._waiting(notification_id, e) if _is_fault(e) else e for e in answers]

    def _accepted(self, notification_id: str, began: int, caller: Callable[[], Caller]) -> None:
        self._other_answers = 0
        if not (self._row or self._alone or self._tries):
            return
        self._row.pop(notification_id, None)
        passed = {one: refusal for one, refusal in self._row.items() if refusal.at < began}
        accepted = caller()
        for one, refusal in passed.items():
            del self._row[one]
            if self._tripped_at is None or (
                not self._is_proven and _stands_out(refusal.caller, passed.values(), accepted)
            ):
                self._alone[one] = None
        self._forget((notification_id,))
        _bound(self._alone)
        self._end_row()

    def _answered(self, answers: Iterable[DeliveryError | None]) -> None:
        """Refusals of recipients and contents: enough of them show that all is as usual."""
        if not self._row or not all(isinstance(e, Transient | Permanent) for e in answers):
            return
        self._other_answers += 1
        if self._other_answers >= FAULTS_IN_A_ROW:
            self._row.clear()
            self._end_row()

    def _trip(self, began: int, faults: Sequence[DeliveryError | None]) -> None:
        if self._tripped_at is None:
            self._tripped_at = self._serial
        elif began > self._tripped_at:
            self._is_proven = True  # it refuses the probes, too
        self._forget(self._row)
        text = f"{faults[0]} ({FAULTS_IN_A_ROW} messages in a row met it)"
        if any(isinstance(error, Permanent) for error in faults):
            raise RefusedInARow(text)
        raise Unavailable(text)

    def _end_row(self) -> None:
        if self.is_over():
            self._tripped_at = None
        if not self._row:
            self._is_proven = False

    def _waiting(self, notification_id: str, error: DeliveryError | None) -> DeliveryError | None:
        if not isinstance(error, Permanent):
            return error  # it waits and spends its attempt as any passing refusal does
        tries = self._tries[notification_id] = self._tries.get(notification_id, 0) + 1
        if tries > (len(self._waits) if error.is_certain else TRIES_ALONE - 1):
            self._forget((notification_id,))
            return error
        _bound(self._tries)
        wait = self._waits[tries - 1] if error.is_certain else min(self._waits[0], _FIRST_WAIT)
        return Throttled(str(error), retry_after=wait)

    def _forget(self, ids: Iterable[str]) -> None:
        for one in ids:
            self._alone.pop(one, None)
            self._tries.pop(one, None)


def _stands_out(caller: Caller, row: Iterable[_Refusal], accepted: Caller) -> bool:
    """Whether it shares with most of the row what the accepted one has not."""
    others = [refusal.caller.traits for refusal in row]
    return any(
        mine.isdisjoint(theirs) and sum(mine == other[kind] for other in others) >= MAJORITY
        for kind, (mine, theirs) in enumerate(zip(caller.traits, accepted.traits, strict=False))
    )


def _is_fault(error: DeliveryError | None) -> bool:
    return isinstance(error, Transient | Permanent) and error.provider_fault


def _bound(known: dict[str, None] | dict[str, int]) -> None:
    while len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]
