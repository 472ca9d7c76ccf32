"""How many connections are tried: fewer after a refusal, one more at a time."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.bounds import Width


def test_it_begins_small_and_grows_by_half_up_to_its_size() -> None:
    width = Width(50, patience=1.0)
    seen = []
    while not width.is_full:
        seen.append(width.now)
        width.grow()

    assert seen == [4, 6, 9, 13, 19, 28, 42]
    assert not width.is_narrowed


def test_each_refusal_takes_a_quarter_and_doubles_the_wait() -> None:
    width = Width(20, patience=1.0)
    widths, steps = [], []
    for count in (16, 13, 10, 3, 1):
        width.refused(count)
        widths.append(width.now)
        steps.append(width.step)
        width.grow()

    assert widths == [12, 10, 8, 3, 1]
    assert steps == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert width.is_narrowed


def test_refusals_of_the_same_moment_are_one() -> None:
    width = Width(10, patience=1.0)
    for _ in range(6):
        width.refused(4)

    assert (width.now, width.step) == (3, 1.0)


def test_full_again_it_forgets_the_refusals() -> None:
    width = Width(5, patience=1.0)
    width.refused(4)

    width.accepted(5)

    assert not width.is_narrowed
    assert width.step < 1


@given(
    size=st.integers(1, 60),
    events=st.lists(st.tuples(st.sampled_from("gar"), st.integers(1, 60))),
)
def test_it_stays_between_one_and_its_size(size: int, events: list[tuple[str, int]]) -> None:
    width = Width(size, patience=1.0)
    for kind, count in events:
        if kind == "g":
            width.grow()
        elif kind == "a":
            width.accepted(min(count, size))
        else:
            width.refused(min(count, size))
        assert 1 <= width.now <= size
        assert 0 < width.step <= 30
