"""One notification in, one outcome out."""

import pytest

from domain.errors import (
    DeliveryError,
    FailureReason,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.outcome import Deferred, Outcome, Rejected, Sent
from tests.fakes import (
    NOON,
    a_notification,
    recipients,
)
from tests.unit.domain.house import ANN, BOB, CY, DEE, SECOND, House


def test_everybody_gets_one_mail() -> None:
    house = House()

    outcome = house.dispatch(a_notification(to=("ann@example.com",), cc=(BOB,), bcc=(CY,)))

    assert outcome == Outcome(attempt=1, results=tuple(Sent(recipient=r) for r in (ANN, BOB, CY)))
    (mail,) = house.notifier.delivered
    assert mail.recipients == (ANN, BOB, CY)
    assert mail.content.parts == {"text": "Hello Ann"}


def test_the_template_hears_of_a_single_recipient_by_address() -> None:
    house = House()

    house.dispatch(a_notification(to="Ann <ann@example.com>", locale="it"))

    (request,) = house.renderer.requests
    assert (request.recipient, request.locale, request.now) == ("ann@example.com", "it", NOON)
    assert (request.subject, request.channel) == ("Hello", "email")


def test_the_template_hears_of_no_recipient_in_a_mail_to_several() -> None:
    house = House()
    to_both = a_notification(to=("ann@example.com", "bob@example.com"))

    house.dispatch(to_both, remaining=(ANN,))

    assert house.renderer.requests[0].recipient is None


def test_individually_means_one_mail_each() -> None:
    house = House()
    to_both = a_notification(to=("ann@example.com", "bob@example.com"), individually=True)

    outcome = house.dispatch(to_both)

    assert [mail.recipients for mail in house.notifier.delivered] == [(ANN,), (BOB,)]
    assert [mail.notification.to for mail in house.notifier.delivered] == [(ANN,), (BOB,)]
    assert [r.recipient for r in house.renderer.requests] == ["ann@example.com", "bob@example.com"]
    assert len(outcome.sent) == 2


def test_individually_one_failure_costs_the_others_nothing() -> None:
    house = House()
    house.notifier.failures = [Transient("busy"), None]
    to_both = a_notification(to=("ann@example.com", "bob@example.com"), individually=True)

    outcome = house.dispatch(to_both)

    assert outcome.deferred == (Deferred(recipient=ANN, delay=10 * SECOND, error="busy"),)
    assert outcome.sent == (Sent(recipient=BOB),)


def test_one_refused_address_costs_the_others_nothing() -> None:
    house = House()
    reason = FailureReason.RECIPIENT_REFUSED
    house.notifier.refusals = {
        BOB.address: Permanent("550 unknown", reason=reason),
        CY.address: Transient("451 later"),
        DEE.address: Throttled("slow down", retry_after=7 * SECOND),
    }

    outcome = house.dispatch(a_notification(to=(ANN, BOB, CY, DEE)))

    assert outcome.results == (
        Sent(recipient=ANN),
        Rejected(recipient=BOB, reason=reason, error="550 unknown"),
        Deferred(recipient=CY, delay=10 * SECOND, error="451 later"),
        Deferred(
            recipient=DEE, delay=7 * SECOND, error="slow down", attempt_spent=False, exact=True
        ),
    )


def test_only_the_remainder_is_owed() -> None:
    house = House()

    outcome = house.dispatch(a_notification(to=(ANN, BOB, CY)), remaining=(CY, ANN))

    assert house.notifier.addresses == [ANN.address, CY.address]
    assert [r.recipient for r in outcome.results] == [ANN, CY]


@pytest.mark.parametrize(
    "remaining", [(), recipients("mallory@example.com")], ids=["nobody", "a stranger"]
)
def test_a_remainder_that_names_none_of_the_recipients_means_all(remaining: object) -> None:
    house = House()

    house.dispatch(a_notification(to=(ANN, BOB)), remaining=remaining)

    assert house.notifier.addresses == [ANN.address, BOB.address]


def test_a_stranger_in_the_remainder_gets_nothing() -> None:
    house = House()

    house.dispatch(
        a_notification(to=(ANN, BOB)), remaining=(BOB, *recipients("mallory@example.com"))
    )

    assert house.notifier.addresses == [BOB.address]


def test_how_far_a_try_came_is_told_to_the_next() -> None:
    house = House()
    house.notifier.failures = [half_way("2:ab", Transient("busy"))]

    outcome = house.dispatch(a_notification(to="ann@example.com"))

    assert [d.recipient.resume for d in outcome.deferred] == ["2:ab"]
    house.dispatch(a_notification(to="ann@example.com"), remaining=(outcome.deferred[0].recipient,))
    assert [r.resume for r in house.notifier.delivered[0].recipients] == ["2:ab"]


def test_what_is_half_sent_is_not_held_while_its_provider_is_away() -> None:
    house = House()
    house.notifier.failures = [half_way("2:ab", Unavailable("away"))]

    outcome = house.dispatch(a_notification(to="ann@example.com"))

    (deferred,) = outcome.deferred
    assert (deferred.recipient.resume, deferred.attempt_spent) == ("2:ab", False)
    assert house.notifier.calls == 1


def test_the_fifth_of_a_providers_faults_does_not_forget_how_far_it_came() -> None:
    house = House()
    fault = Transient("busy", provider_fault=True)
    house.notifier.failures = [fault] * 4 + [half_way("2:ab", Transient("x", provider_fault=True))]
    for number in range(4):
        house.dispatch(a_notification(id=f"n-{number}", to="ann@example.com"))

    outcome = house.dispatch(a_notification(id="n-4", to="ann@example.com"))

    (deferred,) = outcome.deferred
    assert (deferred.recipient.resume, deferred.attempt_spent) == ("2:ab", False)


def test_one_by_one_everybody_gets_a_message_of_their_own() -> None:
    house = House()
    house.notifier.one_by_one = True

    house.dispatch(a_notification(to=("ann@example.com", "bob@example.com")))

    assert [mail.recipients for mail in house.notifier.delivered] == [(ANN,), (BOB,)]
    assert [r.recipient for r in house.renderer.requests] == ["ann@example.com", "bob@example.com"]


def half_way(resume: str, error: DeliveryError) -> DeliveryError:
    error.resume = resume
    return error
