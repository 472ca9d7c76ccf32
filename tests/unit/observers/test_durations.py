"""Histograms whose values are put into their buckets late."""

from adapters.observers.durations import Durations


def buckets(durations: Durations) -> dict[str, float]:
    [family] = durations.collect()
    return {
        sample.labels.get("le", sample.name.rpartition("_")[2]): sample.value
        for sample in family.samples
    }


def test_a_value_counts_within_each_bound_that_is_not_below_it() -> None:
    durations = Durations("wait", "Seconds.", (0.5, 1, 2))
    for seconds in (2.5, 1, 0.25, 0.5, 1.5):
        durations.of()(seconds)

    expected = {"0.5": 2, "1.0": 3, "2.0": 4, "+Inf": 5, "count": 5, "sum": 5.75}
    assert buckets(durations) == expected
    assert buckets(durations) == expected, "reading changes nothing"


def test_no_value_is_lost_where_many_wait() -> None:
    durations = Durations("wait", "Seconds.", (1, 2))
    observe = durations.of()
    for number in range(3000):
        observe(number % 3 + 0.5)
        if number == 2000:
            assert buckets(durations)["count"] == 2001

    assert buckets(durations) == {
        "1.0": 1000,
        "2.0": 2000,
        "+Inf": 3000,
        "count": 3000,
        "sum": 4500,
    }
