"""What is asked for when the metrics are read."""

from dataclasses import dataclass

from adapters.observers.health import Readiness
from domain.events import LEDGER, SETTLEMENT, TroubleBegan, TroubleEnded
from tests.support.events import EMAIL
from tests.support.metrics import sample, samples, some_metrics


def test_pauses_and_the_template_set_are_gauges() -> None:
    readiness = Readiness()
    metrics = some_metrics(troubles=lambda: readiness.troubles)
    paused = sample("channel_paused", {"channel": "email"})
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
    assert samples(metrics)[sample("templates_version", {"version": "v1"})] == 1


def test_messages_in_hand_and_lines_that_were_dropped_are_numbers() -> None:
    metrics = some_metrics(in_hand=lambda: (2, 300), dropped_lines=lambda: 4)

    found = samples(metrics)

    assert found["dispatcher_in_flight"] == 2
    assert found["dispatcher_in_hand_bytes"] == 300
    assert found["dispatcher_log_lines_dropped_total"] == 4
    assert "dispatcher_log_lines_dropped_total" not in samples(some_metrics())


def test_whole_numbers_have_no_fraction_so_that_a_script_may_compare_them() -> None:
    text = some_metrics(in_hand=lambda: (20, 0)).text()

    assert "dispatcher_in_flight 20\n" in text
    assert "dispatcher_in_hand_bytes 0\n" in text
    assert 'le="1.0"' in text


def test_each_queue_shows_its_age_and_the_oldest_message_in_hand_also_while_there_is_none() -> None:
    queue = {"queue": "mails"}
    busy = samples(some_metrics(ages=lambda: {"mails": (12.5, 3.5)}))
    idle = samples(some_metrics())

    names = ("queue_age_seconds", "oldest_in_hand_seconds")
    assert [busy[sample(name, queue)] for name in names] == [12.5, 3.5]
    assert [idle[sample(name, queue)] for name in names] == [0, 0]


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


def test_what_is_learned_about_a_relay_is_a_gauge_with_its_name() -> None:
    facts = {"mail.example.com:587": {"rate": 13.5, "session_mails": 100}}
    metrics = some_metrics(relays=lambda: facts)

    lines = metrics.text().splitlines()

    assert 'dispatcher_relay_rate{relay="mail.example.com:587"} 13.5' in lines
    assert 'dispatcher_relay_session_mails{relay="mail.example.com:587"} 100' in lines
    assert "# TYPE dispatcher_relay_rate gauge" in lines
    assert not [line for line in lines if "relay_connections" in line]


def test_a_relay_that_takes_all_has_no_gauge() -> None:
    assert "dispatcher_relay" not in some_metrics().text()


def test_a_pool_shows_what_its_connections_do() -> None:
    pool = {"in_use": 3, "idle": 1, "opening": 0, "waiting": 7, "opened": 9}
    found = samples(some_metrics(pools=lambda: {"relay:25": pool}))

    def connections(state: str) -> float:
        return found[sample("pool_connections", {"relay": "relay:25", "state": state})]

    assert [connections(state) for state in ("in_use", "idle", "opening")] == [3, 1, 0]
    assert found[sample("pool_waiting", {"relay": "relay:25"})] == 7
    assert found[sample("pool_opened_total", {"relay": "relay:25"})] == 9


def test_a_breaker_shows_its_state_and_for_how_long() -> None:
    found = samples(some_metrics(breakers=lambda: {"email": (2, 30.5), "ledger": (0, 0.0)}))

    assert found[sample("breaker_state", {"breaker": "email"})] == 2
    assert found[sample("breaker_open_seconds", {"breaker": "email"})] == 30.5
    assert found[sample("breaker_state", {"breaker": "ledger"})] == 0
