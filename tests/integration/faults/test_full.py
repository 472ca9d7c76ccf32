"""Something is full: the broker's memory or disk, a queue, the ledger's disk (faults 22, 23, 44).

Each time the worker does what it still can, keeps the rest unacked, and goes on by itself."""

import asyncio
import json
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest

from domain.events import queue_trouble
from tests.fakes import eventually
from tests.integration.faults.scene import Scene
from tests.support.consuming import Recorder, Troubles, consuming, settings_for
from tests.support.containers import unavailable
from tests.support.oracle import mixed
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Say
from tests.support.worker import Worker, wait_until

ORDERS = 300
REFUSED = 60
ALARMS = {
    "memory": (("set_vm_memory_high_watermark", "0.000001"), "0.6"),
    "disk": (("set_disk_free_limit", "100000GB"), "50MB"),
}
NOT_STORED = "queue cannot be used; waiting"


@pytest.mark.slow
@pytest.mark.parametrize("mistreated_broker", ["current"], indirect=True)
@pytest.mark.parametrize("alarm", ALARMS)
def test_fault_22_beside_an_alarm_successes_are_acked_and_copies_wait(
    tmp_path: Path, mistreated_broker: Broker, queue: str, alarm: str
) -> None:
    control = mistreated_broker.control
    assert control is not None
    starve, enough = ALARMS[alarm]
    with Scene(tmp_path, mistreated_broker, queue).playing() as scene:
        scene.server.on("dot", Say("250 2.0.0 queued", delay=0.05))
        scene.server.on("rcpt", Say("450 4.2.1 later"), address="user2", times=REFUSED)
        scene.publish_orders(ORDERS)
        control(*starve)
        try:
            with scene.worker() as worker:
                worker.wait_for("broker takes no messages in; waiting")
                wait_until(
                    lambda: scene.sent_so_far() >= ORDERS // 2, on_failure=lambda: worker.output
                )
                time.sleep(2)
                with Peer(mistreated_broker.url) as peer:
                    assert not any(peer.ready(name) for name in scene.tiers())
                waiting = scene.sent_so_far()
                assert waiting <= ORDERS - REFUSED
                assert len(worker.output.splitlines()) < 2 * ORDERS  # it does not spin
                control(starve[0], enough)
                scene.await_settled(worker)
                assert worker.terminate() == 0
        finally:
            control(starve[0], enough)
        scene.all_sent()


@pytest.mark.parametrize("suffix", ["dead", "retry.6000"])
def test_fault_23_what_a_full_queue_does_not_take_stays_in_the_work_queue(
    scene: Scene, suffix: str
) -> None:
    if scene.broker.management is None:
        pytest.skip("needs the management API to set a policy")
    is_dead = suffix == "dead"
    reply = "550 5.1.1 no such user" if is_dead else "450 4.2.1 later"
    scene.settings |= {"retry_delays": "6000ms", "http": "127.0.0.1:0"}
    scene.server.on("rcpt", Say(reply), address="user1", times=None if is_dead else 10)
    full = f"{scene.queue}.{suffix}"
    with scene.worker() as worker, Peer(scene.broker.url) as peer, _full(scene.broker, full):
        scene.publish_orders(5, first=10)
        # RabbitMQ is a little late to refuse: a burst may all be taken.
        wait_until(lambda: bool(peer.ready(full)), on_failure=lambda: worker.output)
        scene.publish_orders(35, first=15)
        wait_until(lambda: scene.sent_so_far() >= 30, on_failure=lambda: worker.output)
        worker.wait_for(NOT_STORED)
        time.sleep(1)
        assert (peer.ready(full) or 0) <= 5
        assert peer.ready(scene.queue) == 0  # in hand, and not acked
        assert len(worker.events(NOT_STORED)) < 10
        assert worker.events(NOT_STORED)[0]["queue"] == full
        assert list(_causes(worker)) == [f"queue {full}"]
        worker.kill()
        wait_until(lambda: (peer.ready(scene.queue) or 0) >= 5)

    scene.finish(dead=10 if is_dead else 0)
    account = scene.account()
    assert (len(account.sent), account.duplicates) == ((30, 0) if is_dead else (40, 0))
    assert set(account.dead.values()) == ({"recipient_refused"} if is_dead else set())


def test_a_worker_that_stops_beside_a_full_queue_does_not_call_it_well(
    rabbitmq: Broker, queue: str
) -> None:
    if rabbitmq.management is None:
        pytest.skip("needs the management API to set a policy")
    troubles = Troubles()
    settings = settings_for(rabbitmq, queue, grace=timedelta(seconds=0.5))
    trouble = queue_trouble(f"{queue}.dead")

    async def scenario() -> None:
        with Peer(rabbitmq.url) as peer, _full(rabbitmq, f"{queue}.dead"):
            async with consuming(settings, Recorder(mixed), events=troubles):
                peer.publish(queue, b"m0", b"m3")
                await eventually(lambda: peer.ready(f"{queue}.dead") == 2)
                peer.publish(queue, b"m6")
                await eventually(lambda: trouble in troubles.now)

    asyncio.run(scenario())
    assert troubles.changes == [(trouble, True)]
    assert troubles.given_up == [trouble]


def _causes(worker: Worker) -> dict[str, str]:
    """Why the worker is not ready, cause by name."""
    port = worker.wait_for("probes are served")["port"]
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    with closing(connection):
        connection.request("GET", "/readyz")
        answer = json.load(connection.getresponse())
    return {cause["name"]: cause["cause"] for cause in answer["causes"]}


@contextmanager
def _full(broker: Broker, queue: str) -> Iterator[None]:
    """The queue takes one message meanwhile, by a policy as an operator would set."""
    policy = f"policies/{broker.virtual_host}/{urllib.parse.quote(queue)}"
    pattern = f"^{queue.replace('.', chr(92) + '.')}$"
    definition = {"max-length": 1, "overflow": "reject-publish"}
    broker.api("PUT", policy, {"pattern": pattern, "definition": definition, "apply-to": "queues"})
    try:
        yield
    finally:
        broker.api("DELETE", policy)


def test_fault_44_while_the_ledgers_disk_is_full_nothing_is_sent_and_then_all_is(
    scene: Scene, small_disk: Path
) -> None:
    scene.settings["ledger_url"] = f"sqlite:///{small_disk}/ledger.db"
    scene.server.on("dot", Say("250 2.0.0 queued", delay=0.05))
    scene.publish_orders(ORDERS)
    ballast = small_disk / "ballast"
    with scene.worker() as worker:
        wait_until(lambda: scene.sent_so_far() > 20, on_failure=lambda: worker.output)
        _fill(ballast)
        worker.wait_for("ledger is away; nothing is sent")
        time.sleep(1)
        before = scene.sent_so_far()
        time.sleep(2)
        assert scene.sent_so_far() == before < ORDERS
        ballast.unlink()
        scene.await_settled(worker)
        assert worker.terminate() == 0

    pauses = worker.events("ledger is away; nothing is sent")
    assert {"the disk is full" in pause["error"] for pause in pauses} == {True}
    scene.all_sent()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB, of which SQLite's log alone may take four; only root can make it."""
    disk = tmp_path / "small"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode != 0:
        unavailable(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            return
