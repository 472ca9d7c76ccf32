from collections.abc import Iterator

import pytest

from tests.support.rabbit import Broker, Peer


@pytest.fixture
def exchange(rabbitmq: Broker, queue: str) -> Iterator[str]:
    """The name of an exchange that is deleted afterwards."""
    name = f"{queue}.events"
    yield name
    with Peer(rabbitmq.url) as peer:
        peer.delete_exchange(name)
