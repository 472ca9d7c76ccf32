"""Trouble with the broker while the real worker sends (faults 14 to 17, 36, 48)."""

import os
import signal
import time
import urllib.error
import urllib.parse
from collections.abc import Callable

import pytest

from tests.integration.faults.scene import Scene
from tests.support.rabbit import Broker
from tests.support.smtp_script import Say
from tests.support.worker import wait_until

ORDERS = 300


def test_fault_14_retry_copies_cut_off_before_their_confirm_are_stored_again(scene: Scene) -> None:
    scene.server.on("rcpt", Say("450 4.2.1 later"), times=ORDERS)
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:

        def refused(count: int) -> Callable[[], bool]:
            return lambda: scene.server.rules[0].used >= count

        for part in range(1, 10):
            wait_until(
                refused(part * ORDERS // 10),
                seconds=60,
                on_failure=lambda: worker.output,
            )
            scene.in_loop(scene.proxy.cut)
        scene.await_settled(worker, seconds=120)
        assert worker.terminate() == 0

    assert scene.proxy.accepted > 5
    scene.all_sent()


@pytest.mark.slow
def test_fault_16_connections_closed_by_the_operator_are_made_anew(scene: Scene) -> None:
    scene.server.on("dot", Say("250 2.0.0 queued", delay=0.5))
    scene.publish_orders(ORDERS)
    closed = 0
    with scene.worker() as worker:
        while scene.sent_so_far() < ORDERS * 2 // 3:
            closed += _close_connections_of_workers(scene.broker)
            time.sleep(0.5)
        scene.await_settled(worker)
        assert worker.terminate() == 0
        assert "PRECONDITION_FAILED" not in worker.output

    assert closed >= 1
    scene.all_sent()


def _close_connections_of_workers(broker: Broker) -> int:
    closed = 0
    for connection in broker.api("GET", f"vhosts/{broker.virtual_host}/connections"):
        name = urllib.parse.quote(connection["name"], safe="")
        properties = connection.get("client_properties") or {}
        if str(properties.get("connection_name", "")).startswith("dispatcher"):
            try:
                broker.api("DELETE", f"connections/{name}")
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    continue  # it has gone meanwhile
                raise
            closed += 1
    return closed


@pytest.mark.slow
def test_fault_17_a_freeze_without_fin_is_noticed_and_nothing_sent_twice(scene: Scene) -> None:
    scene.settings["broker_url"] = scene.broker_url("heartbeat=4")
    scene.server.on("dot", Say("250 2.0.0 queued", delay=0.05))
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        wait_until(lambda: scene.sent_so_far() > 50, on_failure=lambda: worker.output)
        scene.in_loop(scene.proxy.freeze)
        began = time.monotonic()
        worker.wait_for("broker is unreachable; waiting")
        assert time.monotonic() - began < 2 * (4 + 5) + 2  # pika adds five seconds to each interval
        scene.in_loop(scene.proxy.cut)
        scene.in_loop(scene.proxy.thaw)
        scene.await_settled(worker)
        assert worker.terminate() == 0

    scene.all_sent()


@pytest.mark.slow
def test_fault_36_a_slow_reply_is_waited_for_with_heartbeats_alive(scene: Scene) -> None:
    scene.settings["broker_url"] = scene.broker_url("heartbeat=2")
    scene.server.on("dot", Say("250 2.0.0 queued", delay=15), times=5)
    scene.publish_orders(50)
    with scene.worker() as worker:
        scene.await_settled(worker)
        assert worker.terminate() == 0
        assert worker.events("broker is unreachable; waiting") == []

    scene.all_sent()


def test_fault_48_a_process_that_stood_still_for_two_heartbeats_goes_on(scene: Scene) -> None:
    scene.settings["broker_url"] = scene.broker_url("heartbeat=2")
    scene.server.on("dot", Say("250 2.0.0 queued", delay=0.05))
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        wait_until(lambda: scene.sent_so_far() > 50, on_failure=lambda: worker.output)
        os.kill(worker.process.pid, signal.SIGSTOP)
        time.sleep(6)
        os.kill(worker.process.pid, signal.SIGCONT)
        scene.await_settled(worker)
        assert worker.terminate() == 0
        assert worker.events("broker is unreachable; waiting") != []

    scene.all_sent(duplicates=0)
