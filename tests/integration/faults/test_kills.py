"""kill -9 in each phase of a delivery (faults 1 to 9). One SMTP connection, so that exactly one
mail is under way when the kill comes; the others of the prefetch are claimed and wait."""

import pytest

from tests.integration.faults.scene import Scene
from tests.support.orders import an_order
from tests.support.rabbit import Peer
from tests.support.smtp_script import Call
from tests.support.worker import wait_until

ORDERS = 100
VICTIM = "user20@"


@pytest.fixture(autouse=True)
def one_connection(scene: Scene) -> None:
    scene.settings["email_pool"] = "1"


def _killed_then_finished(scene: Scene) -> None:
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        assert scene.await_end(worker) == -9
    scene.finish()


def test_fault_01_kill_9_before_the_claim_sends_each_once(scene: Scene) -> None:
    with scene.worker() as worker:
        with scene.ledger_held():
            scene.publish_orders(ORDERS)
            worker.wait_for("ledger is away; nothing is sent")
            scene.kill()
            scene.await_end(worker)
        assert scene.sent_so_far() == 0
    scene.finish()

    scene.all_sent()


def test_fault_02_kill_9_between_claim_and_mail_sends_each_once(scene: Scene) -> None:
    scene.kill_at("connect")

    _killed_then_finished(scene)

    scene.all_sent()


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
def test_fault_03_kill_9_before_the_payload_sends_each_once(scene: Scene, phase: str) -> None:
    scene.kill_at(phase, address=VICTIM if phase == "rcpt" else None)

    _killed_then_finished(scene)

    scene.all_sent()


def test_fault_04_kill_9_mid_payload_sends_each_once(scene: Scene) -> None:
    scene.kill_in_payload(200)

    _killed_then_finished(scene)

    scene.all_sent()  # what was cut short is no mail to the server


def test_fault_04_kill_9_mid_payload_with_hold_waits_for_a_person(scene: Scene) -> None:
    scene.settings["in_doubt"] = "hold"
    scene.kill_in_payload(200)
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        scene.await_end(worker)

    scene.finish(dead=1)

    account = scene.account()
    assert list(account.dead.values()) == ["in_doubt"]
    assert (len(account.sent), account.duplicates) == (ORDERS - 1, 0)


def test_fault_04_without_ids_too_what_was_cut_off_waits_for_a_person(scene: Scene) -> None:
    scene.settings["in_doubt"] = "hold"
    scene.kill_in_payload(200)
    with Peer(scene.broker.url) as peer:
        peer.declare(scene.queue, {"x-queue-type": "quorum"})
        peer.publish(scene.queue, *(an_order(number, id=None) for number in range(ORDERS)))
        with scene.worker() as worker:
            scene.await_end(worker)

        with scene.worker() as worker:  # at once: the ledger takes the dead one for alive yet
            wait_until(
                lambda: (
                    peer.ready(f"{scene.queue}.dead") == 1 and scene.sent_so_far() == ORDERS - 1
                ),
                on_failure=lambda: worker.output,
            )
            assert worker.terminate() == 0

        [(dead, _body)] = peer.take_all(f"{scene.queue}.dead")
    assert (dead.headers or {})["x-dispatcher-reason"] == "in_doubt"
    assert len(set(scene.server.deliveries)) == len(scene.server.deliveries) == ORDERS - 1


def test_fault_05_kill_9_after_the_final_dot_may_send_that_one_twice(scene: Scene) -> None:
    scene.kill_at("dot")

    _killed_then_finished(scene)

    scene.all_sent(duplicates=1)


def test_fault_06_kill_9_before_the_reply_is_recorded_may_send_that_one_twice(
    scene: Scene,
) -> None:
    holding = scene.ledger_held()
    scene.server.on("dot", Call(holding.__enter__, "250 2.0.0 queued"), times=1)
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        worker.wait_for("channel is paused: what it needs is away")
        assert scene.sent_so_far() == 1
        scene.kill()
        scene.await_end(worker)
    scene.in_loop(lambda: holding.__exit__(None, None, None))

    scene.finish()

    scene.all_sent(duplicates=1)


def test_fault_07_kill_9_between_record_and_ack_sends_none_twice(scene: Scene) -> None:
    with scene.worker() as worker:
        scene.server.on("dot", Call(scene.proxy.freeze, "250 2.0.0 queued"), times=1)
        scene.publish_orders(ORDERS)
        worker.wait_for("notification sent")
        scene.kill()
        scene.await_end(worker)
    recorded = scene.sent_so_far()
    scene.in_loop(scene.proxy.cut)
    scene.in_loop(scene.proxy.thaw)

    scene.finish()

    assert recorded > 0
    scene.all_sent()


def test_fault_08_kill_9_between_retry_copy_and_ack_leaves_one_live_copy(scene: Scene) -> None:
    consuming = 0  # the first connection consumes, the second publishes the copies
    scene.settings["retry_delays"] = "3000ms"
    with scene.worker() as worker, Peer(scene.broker.url) as peer:

        def freeze_the_acks() -> None:
            scene.proxy.freeze(only=consuming)

        scene.server.on("rcpt", Call(freeze_the_acks, "450 4.2.1 later"), address=VICTIM, times=1)
        scene.publish_orders(ORDERS)
        wait_until(lambda: peer.ready(f"{scene.queue}.retry.3000") == 1)
        scene.kill()
        scene.await_end(worker)
    scene.in_loop(scene.proxy.cut)
    scene.in_loop(scene.proxy.thaw)

    scene.finish()
    with Peer(scene.broker.url) as peer, scene.worker() as worker:  # the second copy comes later
        wait_until(lambda: peer.ready(f"{scene.queue}.retry.3000") == 0)
        wait_until(lambda: peer.ready(scene.queue) == 0)
        assert worker.terminate() == 0

    scene.all_sent()


def test_fault_09_a_message_that_kills_each_worker_is_poison_and_its_neighbours_arrive(
    scene: Scene,
) -> None:
    lives = 0
    scene.server.on("rcpt", Call(scene.kill, "250 2.0.0 ok"), address="poison@")
    scene.publish(*(an_order(n) for n in range(ORDERS // 2)))
    scene.publish(an_order(999, to="poison@example.com"))
    scene.publish_orders(ORDERS // 2, first=ORDERS // 2)

    with Peer(scene.broker.url) as peer:
        while not peer.ready(f"{scene.queue}.dead"):
            lives += 1
            assert lives <= 4, scene.workers[-1].output
            with scene.worker() as worker:
                worker.wait_until(
                    lambda: scene.has_ended() or bool(peer.ready(f"{scene.queue}.dead"))
                )
                if not scene.has_ended():  # killed before the ack it would meet the message again
                    assert worker.terminate() == 0, worker.output
    scene.finish(dead=1)

    account = scene.account()
    assert account.dead == {"id-999": "poison"}
    assert len(account.sent) == ORDERS
    # A kill may fall between the final reply to a neighbour and our record of it.
    assert account.duplicates <= lives
    print(f"poison after {lives} lives")
