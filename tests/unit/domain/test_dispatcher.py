"""One notification in, one outcome out."""

import asyncio
from datetime import timedelta

import pytest

from domain.content import Envelope, InDoubtPolicy
from domain.dispatcher import Dispatcher, Progress
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.notification import Notification
from domain.outcome import Deferred, Outcome, Rejected, Sent
from domain.retry_policy import RetryPolicy
from tests.fakes import (
    NOON,
    FakeClock,
    FakeNotifier,
    FakeTemplateRenderer,
    a_notification,
    recipients,
)

SECOND = timedelta(seconds=1)
ANN, BOB, CY, DEE = recipients(*(f"{name}@example.com" for name in ("ann", "bob", "cy", "dee")))


class House:
    """A dispatcher with one channel, email, and fakes all around."""

    def __init__(self, **settings: object) -> None:
        self.clock = FakeClock()
        self.renderer = FakeTemplateRenderer()
        self.notifier = FakeNotifier()
        self.pauses: list[tuple[str, str | None]] = []
        self.dispatcher = Dispatcher(
            renderer=self.renderer,
            notifiers={"email": self.notifier},
            retry_policy=RetryPolicy((10 * SECOND, 60 * SECOND)),
            clock=self.clock,
            on_pause=lambda channel, error: self.pauses.append((channel, error)),
            **settings,
        )

    def dispatch(self, notification: Notification, **progress: object) -> Outcome:
        return asyncio.run(self.dispatcher.dispatch(notification, Progress(**progress)))

    def fail(self, error: DeliveryError, **progress: object) -> Outcome:
        self.notifier.failures = [error]
        return self.dispatch(a_notification(to=("ann@example.com", "bob@example.com")), **progress)


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


@pytest.mark.parametrize(
    ("attempts_made", "delay"), [(0, 10 * SECOND), (1, 60 * SECOND)], ids=["first", "second"]
)
def test_a_transient_failure_waits_its_tier(attempts_made: int, delay: timedelta) -> None:
    outcome = House().fail(Transient("busy"), attempts_made=attempts_made)

    assert outcome == Outcome(
        attempt=attempts_made + 1,
        results=tuple(Deferred(recipient=r, delay=delay, error="busy") for r in (ANN, BOB)),
    )


def test_a_transient_failure_may_ask_for_a_longer_tier() -> None:
    outcome = House().fail(Transient("greylisted", at_least=30 * SECOND))

    assert {r.delay for r in outcome.deferred} == {60 * SECOND}


def test_after_the_last_tier_the_delivery_is_given_up() -> None:
    outcome = House().fail(Transient("busy"), attempts_made=2)

    reason = FailureReason.RETRIES_EXHAUSTED
    assert outcome == Outcome.all_rejected((ANN, BOB), reason, "busy", attempt=3)


def test_a_permanent_failure_is_final_at_once() -> None:
    reason = FailureReason.CONTENT_REFUSED

    outcome = House().fail(Permanent("554 spam", reason=reason))

    assert outcome == Outcome.all_rejected((ANN, BOB), reason, "554 spam", attempt=1)


@pytest.mark.parametrize("attempts_made", [0, 2, 50])
def test_a_throttled_delivery_waits_what_the_provider_said_and_spends_no_attempt(
    attempts_made: int,
) -> None:
    error = Throttled("429", retry_after=17 * SECOND)

    outcome = House().fail(error, attempts_made=attempts_made)

    assert outcome.results == tuple(
        Deferred(recipient=r, delay=17 * SECOND, error="429", attempt_spent=False, exact=True)
        for r in (ANN, BOB)
    )


def test_an_absent_provider_is_waited_for_and_costs_no_attempt() -> None:
    house = House()
    house.notifier.failures = [Unavailable("refused"), Unavailable("refused"), None]

    outcome = house.dispatch(a_notification())

    assert outcome == Outcome(attempt=1, results=(Sent(recipient=ANN),))
    assert house.clock.slept == [1, 2]
    assert house.pauses == [("email", "refused"), ("email", "refused"), ("email", None)]
    assert house.dispatcher.paused_channels == ()


def test_a_paused_channel_is_named_while_it_is_paused() -> None:
    house = House()
    house.notifier.failures = [Unavailable("refused")] * 1_000_000

    async def scenario() -> tuple[str, ...]:
        delivery = asyncio.create_task(house.dispatcher.dispatch(a_notification()))
        await asyncio.sleep(0.01)
        paused = house.dispatcher.paused_channels
        delivery.cancel()
        await asyncio.gather(delivery, return_exceptions=True)
        return paused

    assert asyncio.run(scenario()) == ("email",)


@pytest.mark.parametrize(
    ("setting", "template", "reason"),
    [
        (InDoubtPolicy.RESEND, None, None),
        (InDoubtPolicy.HOLD, None, FailureReason.IN_DOUBT),
        (InDoubtPolicy.RESEND, InDoubtPolicy.HOLD, FailureReason.IN_DOUBT),
        (InDoubtPolicy.HOLD, InDoubtPolicy.RESEND, None),
    ],
    ids=["resend", "hold", "the template holds", "the template resends"],
)
def test_the_template_then_the_setting_say_what_to_do_in_doubt(
    setting: InDoubtPolicy, template: InDoubtPolicy | None, reason: FailureReason | None
) -> None:
    house = House(in_doubt=setting)
    house.renderer.envelope = Envelope(in_doubt=template)

    outcome = house.fail(InDoubt("cut"))

    held = tuple(Rejected(recipient=r, reason=reason, error="cut") for r in (ANN, BOB) if reason)
    again = tuple(Deferred(recipient=r, delay=10 * SECOND, error="cut") for r in (ANN, BOB))
    assert outcome.results == (held or again)


def test_a_resend_in_doubt_spends_attempts_like_any_other() -> None:
    outcome = House().fail(InDoubt("cut"), attempts_made=2)

    assert {r.reason for r in outcome.rejected} == {FailureReason.RETRIES_EXHAUSTED}


@pytest.mark.parametrize(
    ("late", "sent"), [(-SECOND, 0), (0 * SECOND, 0), (SECOND, 1)], ids=["past", "now", "future"]
)
def test_an_expired_notification_is_not_sent(late: timedelta, sent: int) -> None:
    house = House()

    outcome = house.dispatch(a_notification(expires_at=NOON + late))

    assert house.notifier.calls == len(outcome.sent) == sent
    assert all(r.reason is FailureReason.EXPIRED for r in outcome.rejected)


@pytest.mark.parametrize(
    ("age", "sent"),
    [(59 * SECOND, 1), (60 * SECOND, 0), (None, 1)],
    ids=["younger", "as old", "age unknown"],
)
def test_a_template_may_say_how_long_its_notifications_last(
    age: timedelta | None, sent: int
) -> None:
    house = House()
    house.renderer.envelope = Envelope(expires_after=60 * SECOND)

    outcome = house.dispatch(a_notification(), first_seen=NOON - age if age else None)

    assert house.notifier.calls == len(outcome.sent) == sent
    assert all(r.reason is FailureReason.EXPIRED for r in outcome.rejected)


def test_an_unknown_channel_is_said_so() -> None:
    house = House()

    outcome = house.dispatch(a_notification(channel="pigeon"))

    (result,) = outcome.rejected
    assert result.reason is FailureReason.CHANNEL_UNKNOWN
    assert "'pigeon' is not configured" in result.error
    assert house.renderer.requests == []


@pytest.mark.parametrize(
    ("change", "reason", "word"),
    [
        ({"template": "nowhere"}, FailureReason.TEMPLATE_MISSING, "'nowhere'"),
        ({"parameters": {}}, FailureReason.TEMPLATE_UNDEFINED, "'name'"),
    ],
    ids=["missing", "undefined"],
)
def test_a_template_that_fails_rejects_everybody_and_sends_nothing(
    change: dict[str, object], reason: FailureReason, word: str
) -> None:
    house = House()

    outcome = house.dispatch(a_notification(to=(ANN, BOB), **change), attempts_made=1)

    assert [(r.recipient, r.reason) for r in outcome.rejected] == [(ANN, reason), (BOB, reason)]
    assert all(word in r.error for r in outcome.rejected)
    assert (outcome.attempt, house.notifier.calls) == (2, 0)
