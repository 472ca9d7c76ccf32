"""The broker's URL is read again from its file at each connect: a changed password, other
brokers."""

import json

import pytest

from tests.integration.faults.scene import Scene
from tests.support.rabbit import Peer
from tests.support.smtp_script import Say
from tests.support.worker import Worker, wait_until

OLD, NEW = "0ld-s3cret", "n3w-s3cret"
VARIABLE = "DISPATCHER_BROKER_URL_FILE"
CHANGED = "a secret has changed; the new one is used"
BAD = "a secret's file cannot be used; the last good value counts"
REFUSED = "broker refuses our login; waiting"


def give_password(scene: Scene, password: str) -> None:
    """Make the scene's own user, or change its password."""
    scene.broker.api("PUT", f"users/{scene.queue}", {"password": password, "tags": ""})
    scene.broker.permit(scene.queue, configure=".*", write=".*", read=".*")


def url(scene: Scene, password: str) -> str:
    """The broker through the proxy, for that user."""
    rest = scene.broker_url().rpartition("@")[2]
    return f"amqp://{scene.queue}:{password}@{rest}"


def said(worker: Worker) -> list[str]:
    """What the log says of the secret, in order; never a piece of it."""
    assert "s3cret" not in worker.output
    about = [*worker.events(CHANGED), *worker.events(BAD)]
    assert {line["setting"] for line in about} <= {VARIABLE}
    return [line["event"] for line in sorted(about, key=lambda line: str(line["timestamp"]))]


def test_after_a_refused_login_all_connections_come_back_with_the_new_password(
    scene: Scene,
) -> None:
    if scene.broker.management is None:
        pytest.skip("needs the management API to make a user")
    file = scene.folder / "broker-url"
    give_password(scene, OLD)
    file.write_text(url(scene, OLD))
    exchange, audit = f"{scene.queue}.events", f"{scene.queue}.audit"
    changes = {"broker_url": "", "broker_url_file": str(file), "events": exchange}
    with Peer(scene.broker.url) as peer, scene.worker(**changes) as worker:
        peer.declare(audit)
        peer.bind(audit, exchange, "#")
        scene.publish_orders(10)
        scene.await_settled(worker)

        give_password(scene, NEW)
        scene.in_loop(scene.proxy.cut)
        refused = worker.wait_for(REFUSED)
        assert "refuses the login" in refused["error"]
        file.write_text("")
        worker.wait_until(lambda: said(worker) == [BAD])
        file.write_text("no URL: n3w-s3cret")
        worker.wait_until(lambda: said(worker) == [BAD, BAD])
        file.write_text(url(scene, NEW))
        # A mail that is deferred at first needs the connection that publishes.
        scene.server.on("rcpt", Say("450 4.2.0 later"), address="user15", times=1)
        scene.publish_orders(10, first=10)

        scene.await_settled(worker)
        wait_until(lambda: (peer.ready(audit) or 0) >= 20, on_failure=lambda: worker.output)
        assert said(worker) == [BAD, BAD, CHANGED]
        assert worker.terminate() == 0
        subjects = {json.loads(body)["subject"] for _, body in peer.take_all(audit)}
        peer.delete_exchange(exchange)
    scene.broker.api("DELETE", f"users/{scene.queue}")
    assert subjects >= set(scene.published)
    assert "s3cret" not in worker.output
    scene.all_sent()


def test_brokers_that_are_new_in_the_list_are_used_once_those_in_use_are_away(
    scene: Scene,
) -> None:
    file = scene.folder / "broker-url"
    file.write_text(scene.broker_url())
    with scene.worker(broker_url="", broker_url_file=str(file)) as worker:
        scene.publish_orders(5)
        scene.await_settled(worker)
        through = scene.proxy.accepted

        file.write_text(f"amqp://guest:guest@127.0.0.1:1/%2F,{scene.broker.url}")
        scene.in_loop(scene.proxy.cut)
        scene.publish_orders(5, first=5)
        scene.await_settled(worker)

        assert scene.proxy.accepted == through
        assert said(worker) == [CHANGED]
        assert worker.terminate() == 0
    scene.all_sent()


def test_a_queue_of_another_kind_is_not_taken_while_the_worker_runs(scene: Scene) -> None:
    file = scene.folder / "broker-url"
    file.write_text(scene.broker_url())
    with scene.worker(broker_url="", broker_url_file=str(file)) as worker:
        file.write_text(f"sqlite:///{scene.folder}/queue.db")
        scene.in_loop(scene.proxy.cut)
        scene.publish_orders(5)
        scene.await_settled(worker)

        assert said(worker) == [BAD]
        assert worker.terminate() == 0
    scene.all_sent()
