"""deploy/rabbitmq/definitions.json in a RabbitMQ of its own: each user can do what it is for."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pika
import pytest

from tests.integration.faults.scene import Scene
from tests.support.brokers import start_rabbitmq
from tests.support.containers import RABBITMQ
from tests.support.orders import an_order
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Say
from tests.support.tools import ROOT
from tests.support.worker import run_command, wait_until

DEFINITIONS = ROOT / "deploy/rabbitmq/definitions.json"
USERS = ("dispatcher", "dispatcher-setup", "producer")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """As the page there says: the file is imported, then each user gets a password: its name."""
    with ExitStack() as stack:
        broker = start_rabbitmq(stack, RABBITMQ, "4.0")
        assert broker.control is not None
        broker.api("POST", "definitions", json.loads(DEFINITIONS.read_text()))
        for user in USERS:
            broker.control("change_password", user, user)
        yield broker


def test_a_worker_sends_puts_off_and_dead_letters_what_a_producer_published(
    tmp_path: Path, broker: Broker
) -> None:
    with Scene(tmp_path, broker, "email").playing() as scene:
        scene.server.on("rcpt", Say("450 4.2.1 later"), address="user2@example.com", times=99)
        scene.server.on("rcpt", Say("550 5.1.1 unknown"), address="user3@example.com", times=99)
        del scene.settings["retry_delays"]
        with Peer(broker.with_(user="producer")) as producer:
            orders = [an_order(number) for number in (1, 2, 3)]
            producer.publish("email", *orders, exchange="dispatcher")
        with scene.worker(broker_url=broker.with_(user="dispatcher")) as worker:
            with Peer(broker.url) as peer:
                wait_until(
                    lambda: (
                        scene.server.deliveries == ["user1@example.com"]
                        and peer.ready("email.retry.10000") == 1
                        and peer.ready("email.dead") == 1
                    ),
                    on_failure=lambda: worker.output,
                )
            assert worker.terminate() == 0

    assert "ACCESS_REFUSED" not in worker.output


def test_a_producer_can_neither_read_nor_publish_elsewhere(broker: Broker) -> None:
    url = broker.with_(user="producer")

    with Peer(url) as peer, pytest.raises(pika.exceptions.ChannelClosedByBroker, match="403"):
        peer.take_all("email")
    with Peer(url) as peer, pytest.raises(pika.exceptions.ChannelClosedByBroker, match="403"):
        peer.publish("email", an_order(1))


@pytest.mark.parametrize("command", ["check", "apply"])
def test_the_user_for_the_setup_finds_everything_in_its_place(
    tmp_path: Path, broker: Broker, command: str
) -> None:
    with Scene(tmp_path, broker, "email").playing() as scene:
        settings = {**scene.settings, "broker_url": broker.with_(user="dispatcher-setup")}
        del settings["retry_delays"]
        done = run_command("topology", command, settings=settings, cwd=tmp_path)

    assert done.returncode == 0, done


def test_with_a_list_of_suppressions_the_file_has_its_queues_and_the_same_rights(
    tmp_path: Path,
) -> None:
    settings = {"broker_url": "amqp://127.0.0.1:1/", "suppressions": str(tmp_path / "list.txt")}
    shown = run_command("topology", "show", "--json", settings=settings, cwd=tmp_path)
    command = [sys.executable, str(DEFINITIONS.with_suffix(".py"))]
    made = subprocess.run(command, input=shown.stdout, capture_output=True, text=True, check=True)

    given, before = json.loads(made.stdout), json.loads(DEFINITIONS.read_text())

    queues = {one["name"] for one in given["queues"]} - {one["name"] for one in before["queues"]}
    names = ("email", "telegram", "slack")
    assert queues == {f"{name}.suppress{end}" for name in names for end in ("", ".dead")}
    assert given["permissions"] == before["permissions"]
    (worker,) = [one for one in given["permissions"] if one["user"] == "dispatcher"]
    assert all(re.search(worker[right], "email.suppress") for right in ("read", "write"))
