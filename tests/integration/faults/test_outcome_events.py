"""Whatever becomes of the outcome events, no delivery pays for it, and each event is published or
counted."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.faults.scene import Scene
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Say
from tests.support.worker import wait_until

AWAY = "outcome events cannot be published; deliveries go on"
BACK = "outcome events are published again"
ORDERS = 120


class Audit:
    """A queue that gets all events of the scene's exchange."""

    def __init__(self, scene: Scene) -> None:
        self.exchange, self.queue = f"{scene.queue}.events", f"{scene.queue}.audit"
        self._url = scene.broker.url
        with Peer(self._url) as peer:
            peer.declare_exchange(self.exchange, "topic")
            peer.declare(self.queue)
        self.bind()

    def bind(self) -> None:
        with Peer(self._url) as peer:
            peer.bind(self.queue, self.exchange, "#")

    def delete_exchange(self) -> None:
        with Peer(self._url) as peer:
            peer.delete_exchange(self.exchange)

    def count(self) -> int:
        with Peer(self._url) as peer:
            return peer.ready(self.queue) or 0

    def subjects(self) -> Counter[str]:
        """How many different events are about each message."""
        with Peer(self._url) as peer:
            events = [json.loads(body) for _, body in peer.take_all(self.queue)]
        return Counter({event["id"]: event["subject"] for event in events}.values())


@contextmanager
def audited(scene: Scene) -> Iterator[Audit]:
    audit = Audit(scene)
    scene.settings |= {"events": audit.exchange}
    yield audit
    audit.delete_exchange()


def test_connections_that_are_cut_cost_no_mail_and_no_event(scene: Scene) -> None:
    scene.server.on("dot", Say("250 2.0.0 queued", delay=0.02))
    with audited(scene) as audit, scene.worker() as worker:
        for part in range(4):
            scene.publish_orders(ORDERS // 4, first=part * ORDERS // 4)
            wait_until(scene.has_sent((2 * part + 1) * ORDERS // 8))
            scene.in_loop(scene.proxy.cut)
        scene.await_settled(worker, seconds=90)
        wait_until(lambda: audit.count() >= ORDERS, on_failure=lambda: worker.output)
        assert worker.terminate() == 0
        about = audit.subjects()
    scene.all_sent()
    assert set(about) == set(scene.published)


def test_an_exchange_that_is_deleted_costs_no_mail_and_is_created_again(scene: Scene) -> None:
    scene.server.on("rcpt", Say("550 5.1.1 no such user"), address="user77")
    with audited(scene) as audit, scene.worker() as worker:
        audit.delete_exchange()
        scene.publish_orders(ORDERS)
        scene.await_settled(worker, dead=1)
        wait_until(lambda: bool(worker.events("outcome events are published again")))
        audit.bind()
        scene.publish_orders(10, first=ORDERS)
        scene.await_settled(worker, dead=1)
        wait_until(lambda: audit.count() >= 10)
        assert worker.terminate() == 0
        assert len(worker.events(AWAY)) == 1
        assert set(audit.subjects()) >= {f"id-{n}" for n in range(ORDERS, ORDERS + 10)}
    account = scene.account()
    assert (len(account.sent), account.dead) == (ORDERS + 9, {"id-77": "recipient_refused"})
    assert account.duplicates == 0


def test_without_the_right_on_the_exchange_the_mails_go_out(scene: Scene) -> None:
    if scene.broker.management is None:
        pytest.skip("needs the management API to make a user")
    queue = scene.queue
    ours = f"^(dispatcher|{queue}|{queue}\\.(dead|retry\\.\\d+))$"
    scene.broker.add_user(queue, configure=ours, write=ours, read=ours)
    with audited(scene) as audit:
        url = scene.broker.with_(user=queue, port=scene.proxy.port)
        with scene.worker(broker_url=url) as worker:
            scene.publish_orders(ORDERS)
            scene.await_settled(worker)
            worker.wait_for(AWAY)
            assert worker.terminate() == 0
        [dropped] = worker.events("outcome events are dropped")
        assert (dropped["events"], audit.count()) == (ORDERS, 0)
    scene.all_sent()
    scene.broker.api("DELETE", f"users/{queue}")


@pytest.mark.slow
@pytest.mark.parametrize("mistreated_broker", ["current"], indirect=True)
def test_while_the_broker_takes_nothing_in_mails_go_out_and_their_events_wait(
    tmp_path: Path, mistreated_broker: Broker, queue: str
) -> None:
    control = mistreated_broker.control
    assert control is not None
    with (
        Scene(tmp_path, mistreated_broker, queue).playing() as scene,
        audited(scene) as audit,
    ):
        with scene.worker() as first:  # it makes the queue
            assert first.terminate() == 0
        scene.publish_orders(ORDERS)
        control("set_vm_memory_high_watermark", "0.000001")
        try:
            with scene.worker() as worker:
                scene.await_settled(worker)
                away = worker.wait_for(AWAY)
                assert "the broker takes no messages in: low on memory" in away["error"]
                assert audit.count() < ORDERS
                assert worker.events(BACK) == []
                control("set_vm_memory_high_watermark", "0.6")
                wait_until(lambda: audit.count() >= ORDERS, on_failure=lambda: worker.output)
                worker.wait_for(BACK)
                assert len(worker.events(AWAY)) == 1
                assert worker.terminate() == 0
        finally:
            control("set_vm_memory_high_watermark", "0.6")
        about = audit.subjects()
    scene.all_sent()
    assert about == Counter(scene.published)
