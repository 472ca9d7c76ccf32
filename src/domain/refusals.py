"""What a refusal is about: one message, one producer, or us. The messages that follow show it."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from domain.culprits import Culprits, shares
from domain.errors import (
    DeliveryError,
    InDoubt,
    Permanent,
    RefusedInARow,
    Throttled,
    Transient,
    Unavailable,
)
from domain.turns import Caller

FAULTS_IN_A_ROW = 5
_LONGEST_ROW = 80
# Tries of a message that alone was refused, before the refusal is final: nothing else was sent
# that could show what it is about.
_TRIES_ALONE = 3

_FIRST_WAIT = timedelta(seconds=10)
_MOST_REMEMBERED = 1000

# What differs between refusals of one kind: addresses, numbers, identifiers.
_VARIABLE = re.compile(r"<[^<>]*>|\S*[\d@]\S*")


class FaultStreak:
    """Counts different messages in a row that were refused although the messages are valid.

    A refusal waits, and spends no attempt, until it is known whether it is about the message or
    about us. (A passing refusal waits so only where it names us.) It is about the message if one
    that was tried later is accepted before the row is full: the refused message leaves the row, and
    its next refusal is final. It is about a sender, a domain or a template if only messages that
    share it are refused: then it is final at once. Else it is about us.

    Where refused messages are mixed with accepted ones, a row can be full by chance. Unless the
    words name us, the next row is then full with twice as many. A refusal whose words do not say
    what it is about is final, and may be about us from the fifth message in a row that met it.

    `tries`: how many have begun; count one more for each, and give `judge` its number. `is_quiet`:
    nothing was refused lately, so an accepted message shows nothing new.
    """

    def __init__(self, waits: Sequence[timedelta]) -> None:
        """`waits`: the retry delays, after which a message that stays alone is tried again."""
        self._waits = waits or (_FIRST_WAIT,)
        self.tries = 0
        self.is_quiet = True
        # When each was tried, what it is known by, and whether the refusal names us.
        self._row: dict[str, tuple[int, Caller, bool]] = {}
        self._full = FAULTS_IN_A_ROW
        self._vague = ""
        self._vague_ids: set[str] = set()
        self._alone: dict[str, None] = {}
        self._tries: dict[str, int] = {}
        self._culprits = Culprits()
        self._other_answers = 0
        self._is_tripped = self._is_certain = False

    def is_over(self) -> bool:
        """Whether the row is not full."""
        naming = sum(names_us for _, _, names_us in self._row.values())
        return len(self._row) < self._full and naming < FAULTS_IN_A_ROW

    def judge(
        self, caller: Callable[[], Caller], began: int, answers: list[DeliveryError | None]
    ) -> list[DeliveryError | None]:
        """Return one message's answers, to its try of that number, as they count.

        Raises Unavailable for the fifth message in the row: one odd message must not pause a
        channel, and a broken account must not dead-letter a whole queue. Returns the list itself
        where nothing in it changes.
        """
        try:
            if None in answers:
                if not self.is_quiet:
                    self._accepted(caller(), began)
                # Next to one accepted, a refusal is about that recipient unless its words name us.
                return self._put_off(caller, answers, _names_us)
            self._count_vague(caller, answers)
            if faults := [error for error in answers if _is_fault(error)]:
                return self._refused(caller(), answers, faults)
            self._answered(answers)
            return answers
        finally:
            self._is_tripped = self._is_tripped and bool(self._row)
            watched = self._row or self._alone or self._tries or self._culprits.watched
            self.is_quiet = not (watched or self._vague)
            if self.is_quiet:
                self._full = FAULTS_IN_A_ROW

    def _accepted(self, caller: Caller, began: int) -> None:
        self._other_answers = 0
        self._vague = ""
        if self._culprits.accepted(caller, began):  # those that never came back are others' now
            self._alone.clear()
            self._tries.clear()
        self._row.pop(caller.id, None)
        for one in [one for one, (at, _, _) in self._row.items() if at < began]:
            del self._row[one]
            if not self._is_tripped:
                self._alone[one] = None
        if self._is_tripped and not self._is_certain:  # by chance, or it began before: once a pause
            self._full = min(2 * self._full, _LONGEST_ROW)
            self._is_tripped = False
        self._forget((caller.id,))
        _bound(self._alone)

    def _answered(self, answers: Iterable[DeliveryError | None]) -> None:
        """Refusals of recipients and contents: enough of them show that the provider works."""
        if not self._row or not all(
            isinstance(e, Transient) or (isinstance(e, Permanent) and not e.is_vague)
            for e in answers
        ):
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
                self._row = {one: known for one, known in row if not shares(known[1], culprit)}
            if culprit is not None or caller.id in self._alone:
                self._take_as_it_is(caller.id, faults)
                return answers
        self._row.pop(caller.id, None)
        self._row[caller.id] = self.tries, caller, any(map(_names_us, faults))
        if self.is_over() or any(isinstance(error, InDoubt) for error in answers):
            # What may have been sent is not sent again with the others: the next message decides.
            return self._put_off(lambda: caller, answers, _can_wait)
        self._is_tripped = True
        self._is_certain = any(map(_names_us, faults))
        self._forget(self._row)
        is_final = any(isinstance(error, Permanent) for error in faults)
        kind = RefusedInARow if is_final else Unavailable
        raise kind(f"{faults[0]} ({len(self._row)} messages in a row met it)")

    def _count_vague(
        self, caller: Callable[[], Caller], answers: Iterable[DeliveryError | None]
    ) -> None:
        for error in answers:
            if isinstance(error, Permanent) and error.is_vague:
                said = _VARIABLE.sub("", str(error))
                if said != self._vague:
                    self._vague, self._vague_ids = said, set()
                if len(self._vague_ids) < FAULTS_IN_A_ROW:
                    self._vague_ids.add(caller().id)
                error.provider_fault = len(self._vague_ids) >= FAULTS_IN_A_ROW

    def _put_off(
        self,
        caller: Callable[[], Caller],
        answers: list[DeliveryError | None],
        is_meant: Callable[[DeliveryError | None], bool],
    ) -> list[DeliveryError | None]:
        """The answers; those meant wait, until the message was tried often enough."""
        faults = [error for error in answers if _is_fault(error) and is_meant(error)]
        if not faults:
            return answers
        name = caller().id
        tries = self._tries[name] = self._tries.get(name, 0) + 1
        if tries > (len(self._waits) if any(map(_names_us, faults)) else _TRIES_ALONE - 1):
            self._take_as_it_is(name, faults)
            return answers
        _bound(self._tries)
        return [self._waiting(tries, error) if error in faults else error for error in answers]

    def _waiting(self, tries: int, error: DeliveryError | None) -> Throttled:
        wait = min(self._waits[0], _FIRST_WAIT)
        if _names_us(error) and tries > 1:
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


def _names_us(error: DeliveryError | None) -> bool:
    return isinstance(error, Transient | Permanent) and error.is_certain


def _can_wait(error: DeliveryError | None) -> bool:
    """Whether it spends no attempt while it is not known what it is about."""
    return isinstance(error, Permanent) or _names_us(error)


def _bound(known: dict[str, None] | dict[str, int]) -> None:
    while len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]
