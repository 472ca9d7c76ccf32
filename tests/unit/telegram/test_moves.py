"""Groups that have moved are remembered, and not for ever."""

from adapters.channels.telegram.delivery import Moves


def test_a_move_is_remembered() -> None:
    moves = Moves()

    moves.remember(-1, -1001)

    assert moves.now(-1) == -1001
    assert moves.now(-2) == -2


def test_only_the_latest_moves_are_remembered() -> None:
    moves = Moves()

    for chat in range(1, 5001):
        moves.remember(-chat, -1000 - chat)

    assert moves.now(-1) == -1
    assert moves.now(-5000) == -6000
