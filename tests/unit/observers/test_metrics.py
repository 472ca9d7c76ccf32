"""What Prometheus reads: bounded labels, and no address or id among them."""

import asyncio
from datetime import timedelta

from adapters.observers.metrics import Metrics
from domain.errors import FailureReason, MalformedMessage
from domain.outcome import Deferred, Outcome, Rejected, Result, Sent
from tests.fakes import a_notification, recipients

ANN, BOB, CEM = recipients("ann@example.com", "bob@example.com", "cem@example.com")


def some_metrics() -> Metrics:
    return Metrics(
        channels=("email",),
        queue_channels={"mails": "email"},
        has_template=lambda name: name == "welcome",
    )


def samples(metrics: Metrics, *paused: str) -> dict[str, int]:
    text = metrics.render(paused=paused, templates_version="v1")
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: int(value) for name, value in lines}


def counter(channel: str, template: str, outcome: str, reason: str = "") -> str:
    labels = f'channel="{channel}",template="{template}",outcome="{outcome}",reason="{reason}"'
    return f"dispatcher_notifications_total{{{labels}}}"


def outcome(*results: Result) -> Outcome:
    return Outcome(attempt=1, results=results)


def test_a_notification_counts_once_for_each_thing_that_became_of_it() -> None:
    metrics = some_metrics()
    refused = FailureReason.RECIPIENT_REFUSED
    results = (
        Sent(recipient=ANN),
        Sent(recipient=BOB),
        Rejected(recipient=CEM, reason=refused, error="no cem@example.com"),
    )

    metrics.delivered("mails", a_notification(), outcome(*results))
    metrics.delivered("mails", a_notification(), outcome(Sent(recipient=ANN, earlier=True)))
    later = Deferred(recipient=ANN, delay=timedelta(seconds=1), error="later")
    metrics.delivered("mails", a_notification(), outcome(later))
    metrics.malformed("mails", "key-1", MalformedMessage(["to: is required"]))

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
        metrics.delivered("mails", notification, outcome(Sent(recipient=ANN)))

    assert samples(metrics)[counter("other", "other", "sent")] == 100


def test_no_address_and_no_id_is_shown() -> None:
    metrics = some_metrics()
    failed = Rejected(recipient=ANN, reason=FailureReason.POISON, error="ann@example.com")
    metrics.delivered("mails", a_notification(id="secret-id"), outcome(failed))

    text = metrics.render(paused=(), templates_version="v1")

    assert "ann@" not in text
    assert "secret-id" not in text


def test_pauses_and_the_template_set_are_gauges() -> None:
    metrics = some_metrics()

    assert samples(metrics)['dispatcher_channel_paused{channel="email"}'] == 0
    assert samples(metrics, "email")['dispatcher_channel_paused{channel="email"}'] == 1
    assert samples(metrics, "email")["dispatcher_ledger_paused"] == 0
    assert samples(metrics, "ledger")["dispatcher_ledger_paused"] == 1
    assert samples(metrics)['dispatcher_templates_version{version="v1"}'] == 1


def test_messages_in_hand_are_counted_while_they_are() -> None:
    metrics = some_metrics()

    async def handle(number: int) -> int:
        assert samples(metrics)["dispatcher_in_flight"] == 2
        await asyncio.sleep(0)
        return number * 2

    async def run() -> list[int]:
        async def first(_number: int) -> int:
            started.set()
            await release.wait()
            return 0

        started, release = asyncio.Event(), asyncio.Event()
        holding = asyncio.ensure_future(metrics.counting(first)(1))
        await started.wait()
        second = await metrics.counting(handle)(21)
        release.set()
        return [await holding, second]

    assert asyncio.run(run()) == [0, 42]
    assert samples(metrics)["dispatcher_in_flight"] == 0


def test_every_metric_has_its_type_and_every_label_is_escaped() -> None:
    text = some_metrics().render(paused=(), templates_version='a"b\\c\nd')

    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[0] != "#"}
    typed = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert names <= typed
    assert all(name.startswith("dispatcher_") for name in typed)
    assert r'version="a\"b\\c\nd"' in text


def test_what_is_learned_about_a_relay_is_a_gauge_with_its_name() -> None:
    facts = {"mail.example.com:587": {"rate": 13.5, "session_mails": 100}}
    metrics = Metrics(
        channels=("email",), queue_channels={}, has_template=lambda _: True, relays=lambda: facts
    )

    lines = metrics.render(paused=(), templates_version="v1").splitlines()

    assert 'dispatcher_relay_rate{relay="mail.example.com:587"} 13.5' in lines
    assert 'dispatcher_relay_session_mails{relay="mail.example.com:587"} 100' in lines
    assert "# TYPE dispatcher_relay_rate gauge" in lines
    assert not [line for line in lines if "relay_connections" in line]


def test_a_relay_that_takes_all_has_no_gauge() -> None:
    assert "dispatcher_relay" not in some_metrics().render(paused=(), templates_version="v1")
