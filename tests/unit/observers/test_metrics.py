"""What Prometheus reads: bounded labels, and no address or id among them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from adapters.observers.health import Readiness
from adapters.observers.metrics import Metrics
from domain.errors import FailureReason
from domain.events import (
    LEDGER,
    SETTLEMENT,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    UnknownCodeReceived,
)
from domain.outcome import Deferred, Rejected, Sent
from tests.fakes import a_notification
from tests.support.events import ANN, BOB, CEM, EMAIL, dispatched, malformed


def some_metrics(**sources: Any) -> Metrics:
    values = {
        "has_template": lambda name: name == "welcome",
        "templates_version": lambda: "v1",
        **sources,
    }
    return Metrics(channels=("email",), queue_channels={"mails": "email"}, **values)


def samples(metrics: Metrics) -> dict[str, int]:
    lines = [line.rsplit(" ", 1) for line in metrics.render().splitlines() if line[0] != "#"]
    return {name: int(value) for name, value in lines}


def counter(channel: str, template: str, outcome: str, reason: str = "") -> str:
    labels = f'channel="{channel}",template="{template}",outcome="{outcome}",reason="{reason}"'
    return f"dispatcher_notifications_total{{{labels}}}"


def test_a_notification_counts_once_for_each_thing_that_became_of_it() -> None:
    metrics = some_metrics()
    refused = FailureReason.RECIPIENT_REFUSED
    results = (
        Sent(recipient=ANN),
        Sent(recipient=BOB),
        Rejected(recipient=CEM, reason=refused, error="no cem@example.com"),
    )

    metrics.emit(dispatched(*results))
    metrics.emit(dispatched(Sent(recipient=ANN, earlier=True)))
    later = Deferred(recipient=ANN, delay=timedelta(seconds=1), error="later")
    metrics.emit(dispatched(later))
    metrics.emit(malformed())

    found = samples(metrics)
    assert found[counter("email", "welcome", "sent")] == 1
    assert found[counter("email", "welcome", "dead_lettered", "recipient_refused")] == 1
    assert found[counter("email", "welcome", "sent_earlier")] == 1
    assert found[counter("email", "welcome", "deferred")] == 1
    assert found[counter("email", "", "dead_lettered", "malformed")] == 1


def test_what_a_producer_invents_makes_no_labels() -> None:
    metrics = some_metrics()
    for number in range(100):
        notification = a_notification(template=f"order-{number}", channel=f"c{number}")
        metrics.emit(dispatched(Sent(recipient=ANN), notification=notification))

    assert samples(metrics)[counter("other", "other", "sent")] == 100


def test_no_address_and_no_id_is_shown() -> None:
    metrics = some_metrics()
    failed = Rejected(recipient=ANN, reason=FailureReason.POISON, error="ann@example.com")
    metrics.emit(dispatched(failed, notification=a_notification(id="secret-id")))

    text = metrics.render()

    assert "ann@" not in text
    assert "secret-id" not in text


def test_pauses_and_the_template_set_are_gauges() -> None:
    readiness = Readiness()
    metrics = some_metrics(troubles=lambda: readiness.troubles)
    paused = 'dispatcher_channel_paused{channel="email"}'
    found = []
    for event in (
        TroubleBegan(EMAIL, "no"),
        TroubleBegan(LEDGER, "no"),
        TroubleEnded(EMAIL),
        TroubleEnded(LEDGER),
    ):
        readiness.emit(event)
        now = samples(metrics)
        found.append((now[paused], now["dispatcher_ledger_paused"]))

    assert found == [(1, 0), (1, 1), (0, 1), (0, 0)]
    assert samples(metrics)['dispatcher_templates_version{version="v1"}'] == 1


def test_messages_in_hand_and_lines_that_were_dropped_are_numbers() -> None:
    metrics = some_metrics(in_hand=lambda: (2, 300), dropped_lines=lambda: 4)

    found = samples(metrics)

    assert found["dispatcher_in_flight"] == 2
    assert found["dispatcher_in_hand_bytes"] == 300
    assert found["dispatcher_log_lines_dropped_total"] == 4
    assert "dispatcher_log_lines_dropped_total" not in samples(some_metrics())


@dataclass
class _Counts:
    published: int = 5
    dropped: int = 2
    waiting: int = 3


def test_outcome_events_are_numbers_where_they_are_published() -> None:
    found = samples(some_metrics(outcome_events=_Counts()))

    assert found["dispatcher_outcome_events_published_total"] == 5
    assert found["dispatcher_outcome_events_dropped_total"] == 2
    assert found["dispatcher_outcome_events_waiting"] == 3
    assert not [name for name in samples(some_metrics()) if "outcome_events" in name]


def test_a_stalled_settlement_is_a_gauge() -> None:
    readiness = Readiness()
    metrics = some_metrics(troubles=lambda: readiness.troubles)
    found = [samples(metrics)["dispatcher_settlement_stalled"]]
    for event in (TroubleBegan(SETTLEMENT, "no"), TroubleEnded(SETTLEMENT)):
        readiness.emit(event)
        found.append(samples(metrics)["dispatcher_settlement_stalled"])

    assert found == [0, 1, 0]


def test_unknown_codes_are_counted_those_beyond_a_handful_together() -> None:
    metrics = some_metrics()
    for number in range(30):
        metrics.emit(UnknownCodeReceived("slack", f"code_{number:02}"))
    metrics.emit(UnknownCodeReceived("slack", "code_00"))

    found = samples(metrics)

    def codes(code: str) -> int:
        return found[f'dispatcher_unknown_codes_total{{channel="slack",code="{code}"}}']

    assert (codes("code_00"), codes("code_19"), codes("other")) == (2, 1, 10)


def test_a_template_that_comes_later_has_its_own_label_from_then_on() -> None:
    known: set[str] = set()
    metrics = some_metrics(has_template=known.__contains__)
    metrics.emit(dispatched(Sent(recipient=ANN)))
    known.add("welcome")
    metrics.emit(dispatched(Sent(recipient=ANN)))
    known.clear()
    metrics.emit(TemplatesChanged(version="v2"))
    metrics.emit(dispatched(Sent(recipient=ANN)))

    found = samples(metrics)
    assert found[counter("email", "other", "sent")] == 2
    assert found[counter("email", "welcome", "sent")] == 1


def test_every_metric_has_its_type_and_every_label_is_escaped() -> None:
    text = some_metrics(templates_version=lambda: 'a"b\\c\nd').render()

    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[0] != "#"}
    typed = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert names <= typed
    assert all(name.startswith("dispatcher_") for name in typed)
    assert r'version="a\"b\\c\nd"' in text


def test_what_is_learned_about_a_relay_is_a_gauge_with_its_name() -> None:
    facts = {"mail.example.com:587": {"rate": 13.5, "session_mails": 100}}
    metrics = some_metrics(relays=lambda: facts)

    lines = metrics.render().splitlines()

    assert 'dispatcher_relay_rate{relay="mail.example.com:587"} 13.5' in lines
    assert 'dispatcher_relay_session_mails{relay="mail.example.com:587"} 100' in lines
    assert "# TYPE dispatcher_relay_rate gauge" in lines
    assert not [line for line in lines if "relay_connections" in line]


def test_a_relay_that_takes_all_has_no_gauge() -> None:
    assert "dispatcher_relay" not in some_metrics().render()
