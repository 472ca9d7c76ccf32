"""A relay that answers as it is told, and the count of its refusals."""

from collections.abc import Sequence
from datetime import timedelta

from domain.errors import DeliveryError, FailureReason, Permanent, Throttled, Transient
from domain.refusals import FaultStreak
from domain.turns import Caller

WAITS = tuple(timedelta(seconds=s) for s in (5, 60, 300))
TEN = timedelta(seconds=10)
SENDER = Permanent("553 sender", reason=FailureReason.SENDER_REFUSED, provider_fault=True)
QUOTA = Permanent(
    "550 quota", reason=FailureReason.CONTENT_REFUSED, provider_fault=True, is_certain=True
)
LEAVES = Transient("421 closing", provider_fault=True, is_certain=True)
BUSY = Transient("451 busy", provider_fault=True)
NO_USER = Permanent("550 no such user", reason=FailureReason.RECIPIENT_REFUSED)


class Relay:
    """Asks about one message after the other, each with traits of its own."""

    def __init__(self, waits: Sequence[timedelta] = WAITS) -> None:
        self.streak = FaultStreak(waits)

    def begin(self) -> int:
        self.streak.tries += 1
        return self.streak.tries

    def answer(self, name: str, *answers: DeliveryError | None) -> list[DeliveryError | None]:
        return self.end(self.begin(), name, *answers)

    def end(
        self, began: int, name: str, *answers: DeliveryError | None
    ) -> list[DeliveryError | None]:
        caller = Caller(name, (frozenset({f"{name}@example.com"}),))
        return self.streak.judge(lambda: caller, began, list(answers))

    def row(self, error: DeliveryError, *names: str) -> None:
        for name in names:
            self.answer(name, error)

    def wait_of(self, name: str, error: DeliveryError) -> timedelta | None:
        (answer,) = self.answer(name, error)
        return answer.retry_after if isinstance(answer, Throttled) else None
