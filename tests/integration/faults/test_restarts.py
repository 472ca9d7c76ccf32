"""A broker that restarts, and one that loses patience, on its own container (faults 13, 27)."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.scene import Scene
from tests.support.rabbit import Broker
from tests.support.smtp_script import Say
from tests.support.worker import wait_until

ORDERS = 1200
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("mistreated_broker", ["current"], indirect=True),
]


@pytest.fixture
def scene(tmp_path: Path, mistreated_broker: Broker, queue: str) -> Iterator[Scene]:
    with Scene(tmp_path, mistreated_broker, queue).playing() as playing:
        yield playing


def test_fault_13_a_broker_that_restarts_twice_in_mid_flow_is_found_again(scene: Scene) -> None:
    control = scene.broker.control
    assert control is not None
    scene.server.on("dot", Say("250 2.0.0 queued", delay=0.05))
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        for part in (ORDERS // 3, ORDERS // 2):
            wait_until(scene.has_sent(part), on_failure=lambda: worker.output)
            control("stop_app")
            control("start_app")
        scene.await_settled(worker, seconds=120)
        assert worker.terminate() == 0

    scene.all_sent()


def test_field_7_8_a_broker_that_was_away_for_ten_seconds_is_consumed_within_five_of_its_return(
    scene: Scene,
) -> None:
    control = scene.broker.control
    assert control is not None
    with scene.worker() as worker:
        control("stop_app")
        worker.wait_for("broker is unreachable; waiting")
        time.sleep(10)
        control("start_app")
        wait_until(lambda: len(worker.events("consuming")) == 2, seconds=5)
        assert worker.terminate() == 0


def test_fault_27_what_is_held_beyond_the_brokers_patience_is_sent_once(scene: Scene) -> None:
    """The broker closes the channel of a consumer that owes an ack too long; 30 minutes in life."""
    control = scene.broker.control
    assert control is not None
    control("eval", "application:set_env(rabbit, channel_tick_interval, 1000).")
    control("eval", "application:set_env(rabbit, consumer_timeout, 3000).")
    scene.server.on("dot", Say("250 2.0.0 queued", delay=8), times=10)
    scene.publish_orders(200)
    with scene.worker() as worker:
        worker.wait_for("queue cannot be used; waiting")
        control("eval", "application:set_env(rabbit, consumer_timeout, 1800000).")
        scene.await_settled(worker)
        assert worker.terminate() == 0

    scene.all_sent()
