"""An outcome sorts its results by what became of each recipient."""

from datetime import timedelta

from domain.errors import FailureReason, MalformedMessage
from domain.outcome import Deferred, Outcome, Rejected, Sent
from tests.fakes import recipients

ANN, BOB, CY = recipients("ann@example.com", "bob@example.com", "cy@example.com")


def test_an_outcome_tells_its_results_apart() -> None:
    sent = Sent(recipient=ANN)
    deferred = Deferred(recipient=BOB, delay=timedelta(minutes=1), error="busy")
    rejected = Rejected(recipient=CY, reason=FailureReason.RECIPIENT_REFUSED, error="unknown")

    outcome = Outcome(attempt=2, results=(rejected, sent, deferred))

    assert outcome.sent == (sent,)
    assert outcome.deferred == (deferred,)
    assert outcome.rejected == (rejected,)


def test_everybody_can_be_rejected_for_one_reason() -> None:
    reason = FailureReason.CHANNEL_UNKNOWN

    outcome = Outcome.all_rejected((ANN, BOB), reason, "no such channel", attempt=3)

    assert outcome.attempt == 3
    assert outcome.results == tuple(
        Rejected(recipient=r, reason=reason, error="no such channel") for r in (ANN, BOB)
    )


def test_a_malformed_message_keeps_its_faults_apart_and_reads_as_one_line() -> None:
    error = MalformedMessage(["to: is required", "template: is required"])

    assert error.faults == ("to: is required", "template: is required")
    assert str(error) == "to: is required; template: is required"
    assert error.reason is FailureReason.MALFORMED
