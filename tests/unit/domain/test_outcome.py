"""An outcome sorts its results by what became of each recipient."""

from datetime import timedelta

import pytest

from domain.errors import FailureReason, MalformedMessage
from domain.ledger import Claim, RecipientState, Start
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


def test_refusals_become_one_with_the_first_reason() -> None:
    refused = Rejected(recipient=ANN, reason=FailureReason.TEMPLATE_MISSING, error="no template")
    other = Rejected(recipient=BOB, reason=FailureReason.RECIPIENT_INVALID, error="no address")
    outcome = Outcome(attempt=2, results=(refused, other))

    assert outcome.is_refused_for_good
    assert outcome.explained("email: no; slack: no") == Outcome.all_rejected(
        (ANN, BOB), FailureReason.TEMPLATE_MISSING, "email: no; slack: no", attempt=2
    )


def test_what_may_have_arrived_or_may_still_arrive_is_not_refused_for_good() -> None:
    late = Rejected(recipient=ANN, reason=FailureReason.RETRIES_EXHAUSTED, error="busy")
    waits = Deferred(recipient=ANN, delay=timedelta(minutes=1), error="busy")

    for result in (late, waits, Sent(recipient=ANN)):
        assert not Outcome(attempt=1, results=(result,)).is_refused_for_good


@pytest.mark.parametrize(
    "reason", [FailureReason.SUPPRESSED, FailureReason.RECIPIENT_REFUSED], ids=str
)
def test_a_refusal_after_doubt_is_not_for_good(reason: FailureReason) -> None:
    refused = Rejected(recipient=ANN, reason=reason, error="no")
    claim = Claim("1", has_id=True)
    doubt = Start(claim=claim, states={ANN.address: RecipientState.IN_DOUBT})

    assert Outcome(attempt=2, results=(refused,)).is_refused_for_good
    assert not Outcome(attempt=2, results=(refused,), start=doubt).is_refused_for_good


@pytest.mark.parametrize("has_id", [True, False])
def test_a_claim_is_kept_until_the_ack_without_an_id_or_with_a_doubt(*, has_id: bool) -> None:
    claim = Claim("1", has_id=has_id)
    clear = Start(claim=claim, states={ANN.address: RecipientState.CLEAR})
    doubt = Start(claim=claim, states={ANN.address: RecipientState.IN_DOUBT})
    sent = Sent(recipient=ANN)
    busy = Deferred(recipient=ANN, delay=timedelta(minutes=1), error="busy")
    cut = Deferred(recipient=ANN, delay=timedelta(minutes=1), error="cut", in_doubt=True)
    held = Rejected(recipient=ANN, reason=FailureReason.IN_DOUBT, error="cut", in_doubt=True)

    for start, result, is_doubted in (
        (clear, sent, False),
        (doubt, sent, False),
        (clear, busy, False),
        (doubt, busy, True),
        (clear, cut, True),
        (doubt, held, True),
    ):
        outcome = Outcome(attempt=1, results=(result,), start=start)
        assert (outcome.kept_claim is claim) == (is_doubted or not has_id)
    assert Outcome(attempt=1, results=(held,)).kept_claim is None
