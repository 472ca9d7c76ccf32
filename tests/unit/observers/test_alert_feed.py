"""What happens reaches the alert policy, without addresses."""

from datetime import timedelta

from adapters.observers.alert_feed import AlertFeed
from domain.alerts import GATHER, PATIENCE, Alert, AlertPolicy, DeadLetterCause
from domain.errors import FailureReason
from domain.events import (
    BROKER,
    SETTLEMENT,
    TEMPLATES,
    Event,
    QueueRecreated,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    TroubleUncertain,
    queue_trouble,
)
from domain.outcome import Sent
from tests.fakes import FakeClock
from tests.support.events import ANN, EMAIL, dead, dispatched, malformed

NOW = timedelta(0)
REFUSED = FailureReason.RECIPIENT_REFUSED


class Scene:
    """A policy that is fed."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.policy = AlertPolicy(self.clock)
        self.feed = AlertFeed(self.policy, {"mails": "email"})

    def due(self, *events: Event, after: timedelta = NOW) -> list[Alert]:
        """The alerts that are due some time after these events."""
        for event in events:
            self.feed.emit(event)
        self.clock.time += after
        return self.policy.due()


def test_dead_letters_are_one_alert_for_each_cause_without_addresses() -> None:
    alerts = Scene().due(
        dispatched(Sent(recipient=ANN)),
        dispatched(dead(REFUSED, "no cem@example.com"), dead(REFUSED, "no cem@example.com")),
        dispatched(dead(REFUSED, "no dan@example.com")),
        after=GATHER,
    )

    cause = DeadLetterCause(reason=REFUSED, template="welcome", channel="email")
    assert [(alert.cause, alert.count, alert.error, alert.queues) for alert in alerts] == [
        (cause, 2, "no ***@example.com", ("mails",))
    ]


def test_who_is_suppressed_is_so_on_purpose_and_makes_no_alert() -> None:
    suppressed = dead(FailureReason.SUPPRESSED, "the address is suppressed")

    alerts = Scene().due(dispatched(suppressed, dead(REFUSED, "no")), after=GATHER)

    assert [alert.cause for alert in alerts] == [
        DeadLetterCause(reason=REFUSED, template="welcome", channel="email")
    ]


def test_a_message_that_cannot_be_read_has_the_channel_of_its_queue_and_no_template() -> None:
    [alert] = Scene().due(malformed("to: bob@example.com is twice"), after=GATHER)

    assert alert.cause == DeadLetterCause(reason=FailureReason.MALFORMED, channel="email")
    assert alert.error == "to: ***@example.com is twice"


def test_a_trouble_is_an_alert_after_some_patience_and_so_is_its_end() -> None:
    scene = Scene()
    began = TroubleBegan(EMAIL, "refused for bob@example.com"), TroubleBegan(BROKER, "no answer")

    assert scene.due(*began) == []
    told = scene.due(after=PATIENCE)
    over = scene.due(TroubleEnded(EMAIL), TroubleEnded(BROKER))

    assert [(alert.cause, alert.error) for alert in told] == [
        (EMAIL, "refused for ***@example.com"),
        (BROKER, "no answer"),
    ]
    assert [(alert.cause, alert.is_over) for alert in over] == [(EMAIL, True), (BROKER, True)]


def test_a_trouble_that_no_message_waits_for_gets_no_all_clear() -> None:
    scene = Scene()
    full = queue_trouble("email.dead")
    assert len(scene.due(TroubleBegan(full, "it is full"), after=PATIENCE)) == 1

    assert scene.due(TroubleUncertain(full)) == []
    assert [alert.is_over for alert in scene.due(TroubleEnded(full))] == [True]


def test_field_3_8_a_broken_template_is_an_alert_at_once() -> None:
    scene = Scene()
    [alert] = scene.due(TemplatesChanged(version="v1", faults=("a line 1", "b line 2")))
    [over] = scene.due(TemplatesChanged(version="v2"))

    assert (alert.cause, alert.error) == (TEMPLATES, "a line 1; b line 2")
    assert (over.cause, over.is_over) == (TEMPLATES, True)


def test_field_1_3_a_stalled_settlement_is_an_alert_at_once() -> None:
    scene = Scene()
    [alert] = scene.due(TroubleBegan(SETTLEMENT, "80 messages are in hand"))
    [over] = scene.due(TroubleEnded(SETTLEMENT))

    assert (alert.cause, alert.error) == (SETTLEMENT, "80 messages are in hand")
    assert over.is_over


def test_a_queue_that_is_created_again_is_an_alert_without_an_all_clear() -> None:
    [alert] = Scene().due(QueueRecreated("email.dead"), after=GATHER)

    assert (alert.cause, alert.error) == (
        QueueRecreated("email.dead"),
        "it was deleted, with the messages in it",
    )
