"""What a worker knows of itself reaches log, probes and alerts alike."""

from structlog.testing import capture_logs

from adapters.templates import SetReport
from domain.alerts import PATIENCE, AlertPolicy, Trouble
from entrypoints.vitals import Vitals
from tests.fakes import FakeClock


def test_a_worker_that_consumes_and_misses_nothing_has_no_troubles() -> None:
    vitals = Vitals(AlertPolicy(FakeClock()))

    assert vitals.troubles(is_consuming=True) == {}
    assert list(vitals.troubles(is_consuming=False)) == ["queues"]


def test_a_pause_is_a_trouble_with_its_last_error_until_it_ends() -> None:
    vitals = Vitals(AlertPolicy(FakeClock()))
    with capture_logs() as logs:
        vitals.pause("email", "first")
        vitals.pause("email", "second")
        vitals.pause("ledger", "disk is full")

        assert vitals.troubles(is_consuming=True) == {"email": "second", "ledger": "disk is full"}
        assert vitals.paused() == {"email", "ledger"}
        vitals.pause("email", None)

    assert vitals.paused() == {"ledger"}
    assert [entry["log_level"] for entry in logs] == ["error", "error", "error", "info"]


def test_trouble_with_the_broker_is_a_cause_with_its_last_error_until_it_ends() -> None:
    vitals = Vitals(AlertPolicy(FakeClock()))
    vitals.trouble("queues", "refused")
    vitals.trouble("queue email.dead", "it is full")

    assert vitals.troubles(is_consuming=False) == {
        "queues": "refused",
        "queue email.dead": "it is full",
    }
    assert vitals.paused() == frozenset()
    vitals.trouble("queues", None)
    vitals.trouble("queue email.dead", None)

    assert vitals.troubles(is_consuming=True) == {}


def test_a_trouble_that_nobody_waits_for_is_no_cause_and_gets_no_all_clear() -> None:
    clock = FakeClock()
    policy = AlertPolicy(clock)
    vitals = Vitals(policy)
    vitals.trouble("queue email.dead", "it is full")
    clock.time += PATIENCE
    assert len(policy.due()) == 1

    vitals.unsure("queue email.dead")

    assert vitals.troubles(is_consuming=True) == {}
    assert policy.due() == []


def test_a_refused_template_set_is_a_trouble_until_a_good_one_is_taken() -> None:
    vitals = Vitals(AlertPolicy(FakeClock()))

    with capture_logs() as logs:
        vitals.templates(
            SetReport(version="v1", faults=("a.jinja2 line 1", "b.jinja2 line 2"), is_refused=True)
        )
    broken = vitals.troubles(is_consuming=True)
    vitals.templates(SetReport(version="v2"))

    assert [(entry["log_level"], entry["fault"]) for entry in logs] == [
        ("error", "a.jinja2 line 1; b.jinja2 line 2")
    ]
    assert "the last good set stays in use" in logs[0]["event"]
    assert broken == {"templates": "a.jinja2 line 1; b.jinja2 line 2"}
    assert vitals.troubles(is_consuming=True) == {}


def test_alerts_hear_of_it_without_addresses() -> None:
    clock = FakeClock()
    policy = AlertPolicy(clock)
    vitals = Vitals(policy)

    vitals.pause("email", "refused for bob@example.com")
    vitals.templates(SetReport(version="v1", faults=("line 1",)))
    vitals.trouble("queues", "no answer")
    vitals.recreated("email.dead")
    at_once = policy.due()
    clock.time += PATIENCE
    later = policy.due()

    assert [alert.error for alert in at_once] == ["line 1"]
    assert [alert.error for alert in later] == [
        "refused for ***@example.com",
        "no answer",
        "it was deleted, with whatever was in it",
    ]


def test_field_3_8_a_template_left_out_at_the_start_is_one_error_and_an_alert() -> None:
    policy = AlertPolicy(FakeClock())
    vitals = Vitals(policy)

    with capture_logs() as logs:
        vitals.templates(SetReport(version="v1", faults=("a.jinja2 line 1: x",)))

    assert [entry["event"] for entry in logs] == [
        "a template is broken; its messages are dead-lettered until it is fixed"
    ]
    assert [alert.error for alert in policy.due()] == ["a.jinja2 line 1: x"]


def test_field_3_9_a_file_that_is_not_used_is_an_error_in_the_log() -> None:
    with capture_logs() as logs:
        Vitals(AlertPolicy(FakeClock())).templates(
            SetReport(version="v1", unknown=("t/htlm.jinja2: unknown file",))
        )

    assert (logs[-1]["log_level"], logs[-1]["fault"]) == ("error", "t/htlm.jinja2: unknown file")


def test_field_1_3_a_stalled_settlement_is_a_trouble_and_an_alert_at_once_until_it_ends() -> None:
    clock = FakeClock()
    alerts = AlertPolicy(clock)
    vitals = Vitals(alerts)
    with capture_logs() as logs:
        vitals.stalled("80 messages are in hand and no message was settled for 120 seconds")
        stalled = [vitals.is_stalled]
        assert list(vitals.troubles(is_consuming=True)) == ["settlement"]
        assert [alert.cause for alert in alerts.due()] == [Trouble(name="settlement")]
        vitals.stalled(None)

    stalled.append(vitals.is_stalled)
    assert stalled == [True, False]
    assert vitals.troubles(is_consuming=True) == {}
    assert [alert.is_over for alert in alerts.due(is_last=True)] == [True]
    assert [entry["log_level"] for entry in logs] == ["error", "info"]


def test_what_is_reported_as_paused_or_as_trouble_of_the_broker_holds_messages_up() -> None:
    vitals = Vitals(AlertPolicy(FakeClock()))
    with capture_logs():
        held_up = [vitals.is_held_up]
        vitals.pause("email", "refused")
        held_up.append(vitals.is_held_up)
        vitals.pause("email", None)
        vitals.trouble("broker alarm", "memory")
        held_up.append(vitals.is_held_up)

    assert held_up == [False, True, True]
