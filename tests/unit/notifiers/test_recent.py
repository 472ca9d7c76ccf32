"""What was learned last is kept, and not for ever."""

from adapters.channels.shared.recent import Recent


def test_what_is_written_is_found() -> None:
    known = Recent[int, int](1000)

    known[-1] = -1001

    assert known[-1] == -1001
    assert known.get(-2) is None


def test_only_those_written_last_are_kept() -> None:
    known = Recent[int, int](2)

    for key in (1, 2, 1, 3):
        known[key] = -key

    assert dict(known) == {1: -1, 3: -3}
