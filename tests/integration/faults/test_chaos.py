"""A short run of `make chaos`."""

from pathlib import Path

import pytest

from tests.support.chaos import Chaos
from tests.support.rabbit import Broker


@pytest.mark.slow
def test_half_a_minute_of_chaos_loses_nothing_and_explains_each_duplicate(
    tmp_path: Path, rabbitmq: Broker, queue: str
) -> None:
    result = Chaos(tmp_path, rabbitmq, queue, seed=1, seconds=30).run()

    print(f"\n{result}")
    assert (result.lost, result.unexplained) == ([], [])
    assert result.published > 100
    assert result.strokes["kill"] > 0


@pytest.mark.slow
def test_half_a_minute_of_chaos_sends_nothing_twice_where_doubts_are_held(
    tmp_path: Path, rabbitmq: Broker, queue: str
) -> None:
    result = Chaos(tmp_path, rabbitmq, queue, seed=2, seconds=30, holds=True).run()

    print(f"\n{result}")
    assert (result.lost, result.unexplained) == ([], [])
    assert not result.duplicates
    assert result.dead["in_doubt"] > 0
