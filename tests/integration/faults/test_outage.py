"""A short run of `make outage`."""

from pathlib import Path

from tests.support.outage import Outage
from tests.support.rabbit import Broker


def test_fault_31_mails_queued_while_the_server_is_away_flow_once_it_is_back(
    tmp_path: Path, rabbitmq: Broker, queue: str
) -> None:
    result = Outage(tmp_path, rabbitmq, queue, minutes=0.05, mails=400).run()

    print(f"\n{result}")
    assert result.published == 500
    assert result.holds
