"""SIGTERM at any moment (faults 10 to 12), and workers that come and go (fault 47)."""

import signal
import time
from collections import Counter

import pytest

from tests.integration.faults.scene import Scene
from tests.support.orders import an_order
from tests.support.smtp_script import Hang, Say
from tests.support.worker import Worker, wait_until

ORDERS = 100


def test_fault_10_sigterm_while_idle_ends_with_0(scene: Scene) -> None:
    with scene.worker() as worker:
        assert worker.terminate() == 0


def test_fault_10_sigterm_while_a_message_waits_for_its_time_hands_it_back(scene: Scene) -> None:
    with scene.worker() as worker:
        scene.publish(an_order(1, delay=6))
        time.sleep(1)
        began = time.monotonic()
        assert worker.terminate() == 0
        assert time.monotonic() - began < 20

    account = scene.account()
    assert (account.sent, account.waiting) == ({}, Counter({"id-1": 1}))


@pytest.mark.parametrize("phase", ["rcpt", "dot"])
def test_fault_10_sigterm_in_mid_send_ends_what_is_under_way_and_hands_back_the_rest(
    scene: Scene, phase: str
) -> None:
    slow = {"rcpt": "250 2.1.5 ok", "dot": "250 2.0.0 queued"}[phase]
    scene.server.on(phase, Say(slow, delay=0.5))
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        wait_until(lambda: scene.sent_so_far() > 0, on_failure=lambda: worker.output)
        assert worker.terminate() == 0, worker.output
    before = scene.sent_so_far()
    scene.server.rules.clear()

    scene.finish()

    assert 0 < before < ORDERS
    scene.all_sent()


def test_fault_11_sigterm_beside_a_hung_server_ends_within_the_grace_and_5_s(scene: Scene) -> None:
    worker = _stopped_beside_a_hung_server(scene)

    assert worker.process.returncode == 0, worker.output
    scene.finish()
    scene.all_sent()


def test_fault_11_what_hung_beyond_the_grace_is_held_where_doubt_holds(scene: Scene) -> None:
    scene.settings["in_doubt"] = "hold"
    _stopped_beside_a_hung_server(scene)

    scene.finish(dead=1)

    account = scene.account()
    assert list(account.dead.values()) == ["in_doubt"]
    assert (len(account.sent), account.duplicates) == (ORDERS - 1, 0)


def _stopped_beside_a_hung_server(scene: Scene) -> Worker:
    scene.settings["grace"] = "2s"
    scene.server.on("dot", Hang(), times=1)
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        wait_until(
            lambda: scene.sent_so_far() == ORDERS - 1,
            on_failure=lambda: f"{scene.sent_so_far()}\n{worker.output}",
        )
        began = time.monotonic()
        worker.terminate()
        assert time.monotonic() - began < 2 + 20
    return worker


def test_fault_12_a_second_sigterm_ends_at_once_and_loses_nothing(scene: Scene) -> None:
    scene.server.on("dot", Hang(), times=1)
    scene.publish_orders(ORDERS)
    with scene.worker(grace="60s") as worker:
        wait_until(lambda: scene.sent_so_far() >= 30, on_failure=lambda: worker.output)
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for("stopping")
        began = time.monotonic()
        assert worker.terminate() == 1
        assert time.monotonic() - began < 20  # and not the grace of 60
    scene.finish()

    # Those whose reply had come and was not yet recorded when the process left without a word.
    scene.all_sent(duplicates=10)


@pytest.mark.slow
def test_fault_47_workers_that_stop_fifteen_times_with_messages_in_hand_bury_none(
    scene: Scene,
) -> None:
    """Each stop hands a prefetch of messages back, which costs each one delivery count."""
    scene.server.on("connect", Say("421 4.3.2 not now"))
    scene.publish_orders(ORDERS)
    for _ in range(15):
        with scene.worker(grace="100ms") as worker:
            worker.wait_for("channel is paused: what it needs is away")
            assert worker.terminate() == 0
    scene.server.rules.clear()

    scene.finish()

    scene.all_sent()
