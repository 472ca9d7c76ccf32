"""Whether a worker is ready, and what keeps it from being so."""

from adapters.observers.health import Readiness
from domain.events import (
    ALARM,
    BROKER,
    LEDGER,
    SETTLEMENT,
    TEMPLATES,
    Event,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    TroubleUncertain,
    channel_trouble,
    queue_trouble,
)
from tests.support.events import EMAIL

DEAD = queue_trouble("email.dead")


def after(*events: Event) -> Readiness:
    readiness = Readiness()
    for event in events:
        readiness.emit(event)
    return readiness


def test_a_worker_that_consumes_and_misses_nothing_is_ready() -> None:
    assert after().causes(is_consuming=True) == {}
    assert list(after().causes(is_consuming=False)) == ["queues"]


def test_a_trouble_is_a_cause_with_its_last_error_until_it_ends() -> None:
    began = (TroubleBegan(EMAIL, "first"), TroubleBegan(EMAIL, "second"), TroubleBegan(LEDGER, "x"))

    assert after(*began).causes(is_consuming=True) == {"email": "second", "ledger": "x"}
    assert after(*began, TroubleEnded(EMAIL)).causes(is_consuming=True) == {"ledger": "x"}


def test_trouble_with_the_broker_is_a_cause_by_its_own_name() -> None:
    readiness = after(
        TroubleBegan(BROKER, "refused"), TroubleBegan(DEAD, "full"), TroubleBegan(ALARM, "memory")
    )

    assert readiness.causes(is_consuming=False) == {
        "queues": "refused",
        "queue email.dead": "full",
        "broker alarm": "memory",
    }


def test_a_trouble_that_no_message_waits_for_is_no_cause() -> None:
    readiness = after(TroubleBegan(DEAD, "full"), TroubleUncertain(DEAD))

    assert readiness.causes(is_consuming=True) == {}


def test_a_broken_template_set_is_a_cause_until_a_good_one_is_taken() -> None:
    broken = TemplatesChanged(version="v1", faults=("a line 1", "b line 2"), is_refused=True)

    assert after(broken).causes(is_consuming=True) == {"templates": "a line 1; b line 2"}
    assert after(broken, TemplatesChanged(version="v2")).causes(is_consuming=True) == {}


def test_field_1_3_a_stalled_settlement_is_a_cause_until_it_ends() -> None:
    stalled = TroubleBegan(SETTLEMENT, "80 messages are in hand")

    assert list(after(stalled).causes(is_consuming=True)) == ["settlement"]
    assert after(stalled, TroubleEnded(SETTLEMENT)).causes(is_consuming=True) == {}


def test_pauses_and_trouble_with_the_broker_hold_messages_up_and_nothing_else_does() -> None:
    for trouble in (EMAIL, LEDGER, BROKER, ALARM, DEAD):
        assert after(TroubleBegan(trouble, "no")).is_held_up
        assert not after(TroubleBegan(trouble, "no"), TroubleEnded(trouble)).is_held_up
    for trouble in (SETTLEMENT, TEMPLATES):
        assert not after(TroubleBegan(trouble, "no")).is_held_up


def test_only_channels_are_paused_channels() -> None:
    readiness = after(
        TroubleBegan(EMAIL, "no"),
        TroubleBegan(channel_trouble("slack"), "no"),
        TroubleBegan(LEDGER, "no"),
        TroubleBegan(DEAD, "no"),
    )

    assert readiness.paused_channels() == {"email", "slack"}
