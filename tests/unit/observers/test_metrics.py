"""What Prometheus reads: bounded labels, and no address or id among them."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.parser import text_string_to_metric_families

from adapters.observers.health import CONTENT_TYPE
from domain.errors import FailureReason
from domain.events import (
    BROKER,
    TemplatesChanged,
    TroubleBegan,
    TroubleEnded,
    TurnAwaited,
    UnknownCodeReceived,
)
from domain.outcome import Deferred, Rejected, Sent
from tests.fakes import a_notification
from tests.support.events import ANN, BOB, CEM, EMAIL, dispatched, malformed
from tests.support.metrics import sample, samples, some_metrics
from tests.support.worker import ROOT, clean_environment


def counter(channel: str, template: str, outcome: str, reason: str = "") -> str:
    labels = {"channel": channel, "template": template, "outcome": outcome, "reason": reason}
    return sample("notifications_total", labels)


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
    before = len(samples(metrics))
    for number in range(100):
        notification = a_notification(template=f"order-{number}", channel=f"c{number}")
        metrics.emit(dispatched(Sent(recipient=ANN), notification=notification, waited=1.0))
        metrics.emit(TurnAwaited(f"c{number}", 1.0))

    found = samples(metrics)
    assert found[counter("other", "other", "sent")] == 100
    assert len(found) == before + 1


def test_no_address_and_no_id_is_shown() -> None:
    metrics = some_metrics()
    failed = Rejected(recipient=ANN, reason=FailureReason.POISON, error="ann@example.com")
    metrics.emit(dispatched(failed, notification=a_notification(id="secret-id")))

    text = metrics.text()

    assert "ann@" not in text
    assert "secret-id" not in text


def test_unknown_codes_are_counted_those_beyond_a_handful_together() -> None:
    metrics = some_metrics()
    for number in range(30):
        metrics.emit(UnknownCodeReceived("slack", f"code_{number:02}"))
    metrics.emit(UnknownCodeReceived("slack", "code_00"))

    found = samples(metrics)

    def codes(code: str) -> float:
        return found[sample("unknown_codes_total", {"channel": "slack", "code": code})]

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


def test_prometheus_reads_every_metric_and_every_label_is_escaped() -> None:
    version = 'a"b\\c\nd'

    families = list(text_string_to_metric_families(some_metrics(templates_version=lambda: version)
                                                   .text()))  # fmt: skip

    assert all(family.name.startswith("dispatcher_") for family in families)
    assert all(family.type != "unknown" and family.documentation for family in families)
    [templates] = [family for family in families if family.name == "dispatcher_templates_version"]
    assert templates.samples[0].labels == {"version": version}
    assert CONTENT_TYPE == CONTENT_TYPE_PLAIN_0_0_4


def test_only_what_comes_after_a_loss_of_the_broker_is_a_reconnect() -> None:
    metrics = some_metrics()
    found = []
    for event in (
        TroubleEnded(BROKER),
        TroubleBegan(BROKER, "refused"),
        TroubleBegan(BROKER, "refused"),
        TroubleEnded(BROKER),
        TroubleBegan(EMAIL, "421"),
        TroubleEnded(EMAIL),
    ):
        metrics.emit(event)
        found.append(samples(metrics)["dispatcher_broker_reconnects_total"])

    assert found == [0, 0, 0, 1, 1, 1]


def test_the_time_from_publishing_counts_where_it_is_known_and_the_message_was_sent() -> None:
    metrics = some_metrics()
    metrics.emit(dispatched(Sent(recipient=ANN), waited=4.0))
    metrics.emit(dispatched(Sent(recipient=ANN)))
    metrics.emit(dispatched(Sent(recipient=ANN, earlier=True), waited=4.0))
    later = Deferred(recipient=ANN, delay=timedelta(seconds=1), error="later")
    metrics.emit(dispatched(later, waited=4.0))

    found = samples(metrics)

    channel = {"channel": "email"}
    assert found[sample("end_to_end_seconds_count", channel)] == 1
    assert found[sample("end_to_end_seconds_sum", channel)] == 4
    assert found[sample("end_to_end_seconds_bucket", {**channel, "le": "2.5"})] == 0
    assert found[sample("end_to_end_seconds_bucket", {**channel, "le": "5.0"})] == 1


@pytest.mark.parametrize("name", ["send", "pace_wait"])
def test_what_takes_time_on_a_channel_is_counted_by_channel(name: str) -> None:
    metrics = some_metrics()
    observe = metrics.send["email"] if name == "send" else lambda s: metrics.emit(
        TurnAwaited("email", s)
    )  # fmt: skip

    observe(0.2)

    assert samples(metrics)[sample(f"{name}_seconds_count", {"channel": "email"})] == 1
    assert samples(metrics)[sample(f"{name}_seconds_sum", {"channel": "email"})] == 0.2


def test_an_environment_for_shared_files_changes_nothing(tmp_path: Path) -> None:
    script = (
        "from tests.support.metrics import some_metrics\n"
        "metrics = some_metrics()\n"
        "metrics.send['email'](1.0)\n"
        "assert 'dispatcher_send_seconds_count{channel=\"email\"} 1' in metrics.text()\n"
    )
    environment = clean_environment() | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    environment["PYTHONPATH"] += f":{ROOT}"

    subprocess.run([sys.executable, "-c", script], env=environment, check=True)

    assert list(tmp_path.iterdir()) == []
