"""The Python helper, in a folder with nothing of ours, publishes what a worker delivers."""

import sqlite3
from pathlib import Path

import pytest

from tests.support.producers import PYTHON_PRODUCER, delivered, run_python
from tests.support.rabbit import Broker, Peer

MAILS = {"Ann <ann@example.com>": "Il tuo ordine HV-1 è confermato", "bob@example.com": "Hello"}


def test_messages_for_the_embedded_queue_are_delivered(
    tmp_path: Path, python_project: Path
) -> None:
    url = f"sqlite:///{tmp_path}/home/queue.db"

    first, again, other = run_python(PYTHON_PRODUCER, url, "email", cwd=python_project).splitlines()

    assert (first, again, len(other)) == ("order-1", "order-1", 36)
    assert delivered(tmp_path, broker_url=url) == MAILS


def test_the_embedded_queue_may_be_there_already(tmp_path: Path, python_project: Path) -> None:
    url = f"sqlite:///{tmp_path}/home/queue.db"
    assert delivered(tmp_path, broker_url=url) == {}

    run_python(PYTHON_PRODUCER, url, "email", cwd=python_project)

    assert delivered(tmp_path, broker_url=url) == MAILS


def test_a_file_of_another_program_is_left_as_it_is(tmp_path: Path, python_project: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE other (x)")
    other.close()
    text = PYTHON_PRODUCER.replace("with Publisher", "publish(order, url)\nwith Publisher")

    with pytest.raises(AssertionError, match="belongs to another program"):
        run_python(text, f"sqlite:///{path}", "email", cwd=python_project)


def test_messages_for_rabbitmq_are_delivered(
    tmp_path: Path, python_project: Path, broker: Broker, queue: str
) -> None:
    with Peer(broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "quorum"})

    printed = run_python(PYTHON_PRODUCER, broker.url, queue, f"{queue}-absent", cwd=python_project)

    first, again, other, error = printed.splitlines()
    assert (first, again, len(other)) == ("order-1", "order-1", 36)
    assert error == f"RabbitMQ has no queue for {queue}-absent"
    assert delivered(tmp_path, broker_url=broker.url, queues=f"email={queue}") == MAILS


def test_what_is_published_is_persistent_with_an_id_and_a_type(
    python_project: Path, rabbitmq: Broker, queue: str
) -> None:
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        run_python(PYTHON_PRODUCER, rabbitmq.url, queue, cwd=python_project)

        (properties, _body), *others = peer.take_all(queue)
    assert len(others) == 2
    assert properties.delivery_mode == 2
    assert properties.message_id == "order-1"
    assert properties.content_type == "application/json"
    assert properties.timestamp is not None


def test_a_broker_that_is_away_is_said(python_project: Path) -> None:
    text = PYTHON_PRODUCER.replace("with Publisher", "publish(order, url)\nwith Publisher")

    with pytest.raises(AssertionError, match=r"NotStored: RabbitMQ: AMQP.*Connection refused"):
        run_python(
            text, "amqp://guest:guest@127.0.0.1:9/?connection_attempts=1", "x", cwd=python_project
        )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("localhost", "must begin with amqp://, amqps:// or sqlite:///"),
        ("", "must begin with amqp://, amqps:// or sqlite:///"),
        ("http://guest:secret@localhost/", "must begin with amqp://, amqps:// or sqlite:///"),
        ("amqp://localhost, guest:secret@other", "must begin with amqp://, amqps:// or sqlite:///"),
        ("sqlite://queue.db", "must be sqlite:///relative.db or sqlite:////absolute.db"),
        ("sqlite:///", "must be sqlite:///relative.db or sqlite:////absolute.db"),
        ("sqlite:///folder/", "must be sqlite:///relative.db or sqlite:////absolute.db"),
        ("sqlite:///:memory:", "must be sqlite:///relative.db or sqlite:////absolute.db"),
        ("sqlite:///queue.db?timeout=1", "must be sqlite:///relative.db or sqlite:////absolute"),
    ],
)
def test_a_url_that_a_worker_refuses_is_refused(
    python_project: Path, url: str, expected: str
) -> None:
    before = sorted(python_project.iterdir())

    with pytest.raises(AssertionError, match=f"ValueError: url: {expected}") as caught:
        run_python(PYTHON_PRODUCER, url, "email", cwd=python_project)

    assert "secret" not in str(caught.value)
    assert {one.name for one in {*python_project.iterdir()} - {*before}} <= {
        "producer.py",
        "__pycache__",
    }


@pytest.mark.parametrize("identity", ["5", "['a']", "'x' * 256"])
def test_an_id_that_a_worker_refuses_is_refused(python_project: Path, identity: str) -> None:
    text = f"""
from messages import publish

publish({{"id": {identity}, "to": "a@example.com", "template": "welcome"}}, "sqlite:///queue.db")
"""

    with pytest.raises(AssertionError, match="ValueError: id: must be a text of at most 255"):
        run_python(text, cwd=python_project)


def test_the_next_broker_of_a_list_is_taken(
    python_project: Path, rabbitmq: Broker, queue: str
) -> None:
    away = "amqp://guest:guest@127.0.0.1:9/?connection_attempts=1"
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        run_python(PYTHON_PRODUCER, f"{away}, {rabbitmq.url}", queue, cwd=python_project)

        assert len(peer.take_all(queue)) == 3


def test_an_exchange_that_is_not_there_is_said_and_the_next_message_is_stored(
    python_project: Path, rabbitmq: Broker, queue: str
) -> None:
    text = PYTHON_PRODUCER.replace(
        "    print(publisher",
        "    try:\n        publisher.publish(order, queue=queue, exchange='absent')\n"
        "    except NotStored as error:\n        print(error)\n    print(publisher",
        1,
    )
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        error, *ids = run_python(text, rabbitmq.url, queue, cwd=python_project).splitlines()

        assert "NOT_FOUND - no exchange 'absent'" in error
        assert len(ids) == len(peer.take_all(queue)) == 3


def test_a_queue_that_is_full_is_said(python_project: Path, rabbitmq: Broker, queue: str) -> None:
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue, {"x-max-length": 1, "x-overflow": "reject-publish"})

        with pytest.raises(AssertionError, match=f"NotStored: RabbitMQ .* is {queue} full"):
            run_python(PYTHON_PRODUCER, rabbitmq.url, queue, cwd=python_project)


def test_a_broker_without_memory_is_not_waited_for_without_end(
    python_project: Path, mistreated_broker: Broker, queue: str
) -> None:
    broker, control = mistreated_broker, mistreated_broker.control
    assert control is not None
    text = "import messages\nmessages._LONGEST_BLOCK = 2\n" + PYTHON_PRODUCER
    with Peer(broker.url) as peer:
        peer.declare(queue)
    control("set_vm_memory_high_watermark", "0.000001")
    try:
        with pytest.raises(AssertionError, match="NotStored: RabbitMQ: ConnectionBlockedTimeout"):
            run_python(text, broker.url, queue, cwd=python_project)
    finally:
        control("set_vm_memory_high_watermark", "0.6")


def test_a_connection_that_was_lost_is_opened_again(
    python_project: Path, rabbitmq: Broker, queue: str
) -> None:
    cut = "    publisher._store._channel.connection._impl._transport._sock.shutdown(2)\n    print"
    text = PYTHON_PRODUCER.replace("    print", cut).replace(cut, "    print", 1)
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        run_python(text, rabbitmq.url, queue, cwd=python_project)

        assert len(peer.take_all(queue)) == 3
