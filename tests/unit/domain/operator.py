"""An operator who gets alerts."""

from datetime import timedelta

from domain.alerts import AlertPolicy, DeadLetterCause
from domain.errors import FailureReason
from tests.fakes import FakeClock

MISSING = DeadLetterCause(
    reason=FailureReason.TEMPLATE_MISSING, template="invoice", channel="email"
)


class Operator:
    """A policy on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.policy = AlertPolicy(self.clock)

    def letter(
        self, cause: DeadLetterCause = MISSING, *, queue: str = "email", error: str = "no"
    ) -> None:
        self.policy.dead_letter(cause, queue=queue, error=error)

    def wait(self, time: timedelta) -> None:
        self.clock.time += time
