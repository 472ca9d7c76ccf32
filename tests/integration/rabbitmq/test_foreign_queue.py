"""The queue `webgui` belongs to another program: whatever is configured, it is left alone."""

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path

import pika
import pytest

from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.worker import run_command, running, wait_until

FOREIGN = "webgui"
BODIES = [b"one", b"two", b"three"]
OWN_ARGUMENTS = {"x-queue-type": "classic", "x-max-length": 99}


@pytest.fixture
def producer(broker: Broker) -> Iterator[Peer]:
    """The other program's producer; its queue and exchange are gone afterwards."""
    with Peer(broker.url) as peer:
        peer.delete(FOREIGN)
        yield peer
        peer.delete(FOREIGN)


@pytest.fixture
def settings(tmp_path: Path, broker: Broker, queue: str) -> dict[str, str]:
    base = shop_settings(tmp_path, broker.url, f"maildir:{tmp_path}/mail", queue)
    return {
        **base,
        "queues": f"email={queue},telegram={queue}-telegram",
        "telegram_token": "1:t",
        "bindings": f"{queue}-events:mails={queue}",
        "http": "127.0.0.1:0",
    }


def everything(
    folder: Path, settings: Mapping[str, str], producer: Peer, queue: str
) -> tuple[str, str]:
    """Do all that there is to do with queues; the metrics, and what was printed."""
    commands = [
        ["topology", "apply"],
        ["topology", "check"],
        ["failed", "list", "--json"],
        ["failed", "retry", "--all", "--yes"],
        ["failed", "remove", "--all", "--yes"],
    ]
    printed = [text_of(folder, settings, command) for command in commands[:2]]
    with running(folder, settings) as worker:
        port = worker.wait_for("probes are served")["port"]
        worker.wait_for("consuming")
        producer.publish(queue, an_order(1), an_order(2, template="nowhere"))
        producer.publish("mails", an_order(3), exchange=f"{queue}-events")
        worker.wait_for("notification dead-lettered")
        wait_until(
            lambda: len(worker.events("notification sent")) == 2, on_failure=lambda: worker.output
        )
        metrics = metrics_of(port)
        printed += [text_of(folder, settings, command) for command in commands[2:]]
        assert worker.terminate() == 0
        printed.append(worker.output)
    return metrics, "\n".join(printed)


def text_of(folder: Path, settings: Mapping[str, str], command: list[str]) -> str:
    done = run_command(*command, settings=settings, cwd=folder)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def metrics_of(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def untouched(url: str) -> list[tuple[bytes, bool]]:
    """What waits in the other program's queue: each body, and whether anybody had it before."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        found: list[tuple[bytes, bool]] = []
        while True:
            method, _, body = channel.basic_get(FOREIGN, auto_ack=True)
            if method is None or body is None:
                return found
            found.append((body, method.redelivered))
    finally:
        connection.close()


@pytest.mark.parametrize("topology", ["adopt", "own", "none"])
def test_it_is_neither_consumed_nor_counted_nor_changed(
    tmp_path: Path,
    settings: dict[str, str],
    broker: Broker,
    producer: Peer,
    queue: str,
    topology: str,
) -> None:
    producer.declare_exchange(f"{queue}-events", "direct")
    producer.declare(FOREIGN, OWN_ARGUMENTS)
    producer.bind(FOREIGN, f"{queue}-events", "pages")
    producer.publish("pages", *BODIES, exchange=f"{queue}-events")
    if topology == "none":
        producer.declare(queue)
        producer.declare(f"{queue}-telegram")
        producer.bind(queue, f"{queue}-events", "mails")

    metrics, printed = everything(tmp_path, {**settings, "topology": topology}, producer, queue)

    producer.declare(FOREIGN, OWN_ARGUMENTS)  # refused, had its arguments changed
    assert untouched(broker.url) == [(body, False) for body in BODIES]
    assert producer.ready(f"{FOREIGN}.dead") is None
    assert 'channel="telegram"' in metrics
    assert FOREIGN not in metrics
    assert FOREIGN not in printed


def test_it_is_never_declared(
    tmp_path: Path, settings: dict[str, str], producer: Peer, queue: str
) -> None:
    everything(tmp_path, settings, producer, queue)

    assert producer.ready(FOREIGN) is None


def test_a_message_that_asks_for_it_is_a_dead_letter_of_ours_that_says_so(
    tmp_path: Path, settings: dict[str, str], broker: Broker, producer: Peer, queue: str
) -> None:
    producer.declare(FOREIGN)
    with running(tmp_path, settings) as worker:
        worker.wait_for("consuming")
        producer.publish(queue, an_order(1, channel=FOREIGN))
        worker.wait_for("notification dead-lettered")
        assert worker.terminate() == 0

    assert untouched(broker.url) == []
    [(properties, _body)] = producer.take_all(f"{queue}.dead")
    assert properties.headers["x-dispatcher-reason"] == "channel_unknown"
    assert FOREIGN in properties.headers["x-dispatcher-error"]


@pytest.mark.parametrize(
    "asked",
    [
        {"channels": "email,webgui"},
        {"queues": "email=email,email=webgui"},
        {"queues": "email=email,webgui=gui"},
        {"bindings": "shop:key=webgui"},
        {"alerts_to": "webgui:ops"},
        {"redirect_to": "webgui:me"},
        {"targets__webgui": "json://127.0.0.1"},
    ],
    ids=lambda asked: "=".join(*asked.items()),
)
def test_a_configuration_that_asks_for_it_starts_nothing_and_says_why(
    tmp_path: Path, asked: dict[str, str]
) -> None:
    base = shop_settings(tmp_path, "amqp://127.0.0.1:1/", f"maildir:{tmp_path}/mail", "email")

    done = run_command("worker", settings={**base, **asked}, cwd=tmp_path)

    variable = f"DISPATCHER_{next(iter(asked)).upper()}"
    assert done.returncode == 78
    assert f"{variable}: 'webgui' belongs to another program" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "command",
    [
        ["worker", "--channels", "webgui"],
        ["send", "welcome", "--to", "ann", "--channel", "webgui"],
        ["failed", "list", "--channel", "webgui"],
        ["failed", "retry", "--channel", "webgui"],
    ],
    ids=" ".join,
)
def test_a_command_that_asks_for_it_does_nothing_and_says_why(
    tmp_path: Path, command: list[str]
) -> None:
    base = shop_settings(tmp_path, "amqp://127.0.0.1:1/", f"maildir:{tmp_path}/mail", "email")

    done = run_command(*command, settings=base, cwd=tmp_path)

    assert done.returncode == 78
    assert "'webgui' belongs to another program" in done.stderr


def test_a_target_of_that_name_is_refused_in_the_file_too(tmp_path: Path) -> None:
    base = shop_settings(tmp_path, "amqp://127.0.0.1:1/", f"maildir:{tmp_path}/mail", "email")
    (tmp_path / "dispatcher.toml").write_text('[targets]\nwebgui = "json://127.0.0.1"\n')

    done = run_command("config", "show", "--json", settings=base, cwd=tmp_path)

    assert done.returncode == 78
    assert "belongs to another program" in done.stderr
    assert "json" not in json.dumps(done.stdout)
