"""What several processes report is shown as that of one, and no sum ever falls."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge

from adapters.observers.metrics import text_of
from adapters.observers.totals import Families, Totals, families_of
from domain.outcome import Sent
from tests.support.events import ANN, dispatched
from tests.support.metrics import sample, samples, samples_of, some_metrics

SENT = sample(
    "notifications_total",
    {"channel": "email", "template": "welcome", "outcome": "sent", "reason": ""},
)


def totals() -> Totals:
    """Of a parent that has nothing to show."""
    return Totals(CollectorRegistry())


def shown(sums: Totals) -> Mapping[str, float]:
    return samples_of(text_of(sums))


def a_report(sent: int = 0, wait: float = 0.5, **sources: object) -> Families:
    metrics = some_metrics(**sources)  # type: ignore[arg-type]
    for _ in range(sent):
        metrics.emit(dispatched(Sent(recipient=ANN), waited=wait))
    return metrics.families()


def test_one_process_is_shown_as_it_shows_itself() -> None:
    metrics = some_metrics(in_hand=lambda: (3, 7), relays=lambda: {"relay": {"rate": 1.25}})
    metrics.emit(dispatched(Sent(recipient=ANN), waited=4.0))
    sums = totals()
    sums.report(1, metrics.families())

    assert shown(sums) == samples(metrics)
    assert sorted(text_of(sums).splitlines()) == sorted(metrics.text().splitlines())


def test_counters_and_histograms_are_added_up() -> None:
    sums = totals()
    sums.report(1, a_report(sent=2, wait=4.0))
    sums.report(2, a_report(sent=3, wait=40.0))

    found, channel = shown(sums), {"channel": "email"}

    assert found[SENT] == 5
    assert found[sample("end_to_end_seconds_count", channel)] == 5
    assert found[sample("end_to_end_seconds_sum", channel)] == 128
    assert found[sample("end_to_end_seconds_bucket", {**channel, "le": "5.0"})] == 2
    assert found[sample("end_to_end_seconds_bucket", {**channel, "le": "60.0"})] == 5


def test_what_is_in_hand_is_added_up_and_of_states_and_ages_the_worst_counts() -> None:
    pool = {"in_use": 2, "idle": 1, "opening": 0, "waiting": 4, "opened": 5}
    sums = totals()
    for life, factor in ((1, 1), (2, 2)):
        report = a_report(
            in_hand=lambda factor=factor: (factor, 10 * factor),
            ages=lambda factor=factor: {"mails": (5.0 * factor, 1.0 * factor)},
            breakers=lambda factor=factor: {"email": (factor, 3.0 * factor)},
            pools=lambda: {"relay": pool},
            relays=lambda factor=factor: {"relay": {"rate": 14.0 * factor}},
            dropped_lines=lambda: 1,
        )
        sums.report(life, report)

    found = shown(sums)

    assert [found[f"dispatcher_{name}"] for name in ("in_flight", "in_hand_bytes")] == [3, 30]
    assert found["dispatcher_log_lines_dropped_total"] == 2
    assert found[sample("pool_connections", {"relay": "relay", "state": "in_use"})] == 4
    assert found[sample("pool_opened_total", {"relay": "relay"})] == 10
    assert found[sample("queue_age_seconds", {"queue": "mails"})] == 10
    assert found[sample("oldest_in_hand_seconds", {"queue": "mails"})] == 2
    assert found[sample("breaker_state", {"breaker": "email"})] == 2
    assert found[sample("relay_rate", {"relay": "relay"})] == 28
    assert found[sample("templates_version", {"version": "v1"})] == 1


def test_what_a_process_that_died_has_counted_stays_and_what_it_had_in_hand_is_gone() -> None:
    sums = totals()
    sums.report(1, a_report(sent=2, in_hand=lambda: (9, 90)))
    sums.end(1)
    before = shown(sums)
    sums.report(2, a_report(sent=1, in_hand=lambda: (1, 10)))

    after = shown(sums)

    assert (before[SENT], after[SENT]) == (2, 3)
    assert "dispatcher_in_flight" not in before
    assert after["dispatcher_in_flight"] == 1


def test_a_process_that_ended_without_a_report_changes_nothing() -> None:
    sums = totals()
    sums.report(1, a_report(sent=2))
    sums.end(2)
    sums.end(1)
    sums.end(1)

    assert shown(sums)[SENT] == 2


def test_the_parent_s_own_metrics_are_among_them() -> None:
    own = CollectorRegistry()
    Gauge("dispatcher_processes", "Processes.", registry=own).set(2)
    Counter("dispatcher_log_lines_dropped_total", "Lines.", registry=own).inc(4)
    sums = Totals(own)
    sums.report(1, a_report(dropped_lines=lambda: 3))

    found = shown(sums)

    assert found["dispatcher_processes"] == 2
    assert found["dispatcher_log_lines_dropped_total"] == 7
    assert families_of(sums) == [
        [one[0], one[1], one[2], [list(sample) for sample in one[3]]] for one in families_of(sums)
    ]


STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["work", "report", "die"])), max_size=40
)


@given(STEPS)
def test_whatever_the_processes_do_no_sum_falls_or_goes_beyond_the_truth(
    steps: list[tuple[int, str]],
) -> None:
    sums, own = totals(), {}
    lives = dict(enumerate(range(3)))
    sent, lost_at_most, before = 0, 0, 0.0
    counted = dict.fromkeys(range(3), 0)
    for process, step in steps:
        if step == "work":
            counted[process] += 1
            sent += 1
        elif step == "report":
            sums.report(lives[process], _counter(counted[process]))
            own[process] = counted[process]
        else:
            lost_at_most += counted[process] - own.pop(process, 0)
            sums.end(lives[process])
            lives[process], counted[process] = max(lives.values()) + 1, 0
        now = sum(one.samples[0].value for one in sums.collect())
        assert before <= now <= sent
        before = now
    for process, life in lives.items():
        sums.report(life, _counter(counted[process]))
    assert sum(one.samples[0].value for one in sums.collect()) == sent - lost_at_most


def _counter(value: int) -> Families:
    return [["x", "counter", "X.", [["x_total", {}, value]]]]
