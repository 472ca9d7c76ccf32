"""The Python helper, in a folder with nothing of ours, publishes what a worker delivers."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.producers import CHOSEN, ODD, delivered, helper, odd_templates, run_python
from tests.support.rabbit import Broker, Peer
from tests.support.tools import run, tool
from tests.support.worker import run_command

PRODUCER = """
import sys
from messages import Message, NotStored, Publisher, publish

order: Message = {
    "id": "order-1",
    "to": ["Ann <ann@example.com>"],
    "from": "Shop <shop@example.com>",
    "template": "order-confirmation",
    "locale": "it",
    "parameters": {
        "name": "Zoë",
        "delivery": "venerdì",
        "link": "https://example.com/1",
        "order": {
            "number": "HV-1",
            "total": "19,00 €",
            "lines": [{"name": "Tè", "quantity": 2, "price": "19,00 €"}],
        },
    },
}
url, queue = sys.argv[1:3]
with Publisher(url) as publisher:
    print(publisher.publish(order, queue=queue))
    print(publisher.publish(order, queue=queue))
print(
    publish(
        {
            "to": "bob@example.com",
            "from": "shop@example.com",
            "subject": "Hello",
            "template": "welcome",
            "parameters": {"name": "Bob", "link": "https://example.com/2"},
        },
        url,
        queue=queue,
    )
)
for absent in sys.argv[3:]:
    try:
        publish(order, url, queue=absent)
    except NotStored as error:
        print(error)
"""
MISTAKES = """
from messages import Message

name: Message = {"to": "a@b.org", "template": "welcom", "parameters": {"name": "A", "link": "x"}}
less: Message = {"to": "a@b.org", "template": "welcome", "parameters": {"name": "A"}}
kind: Message = {"to": "a@b.org", "template": "welcome", "parameters": {"name": 1, "link": "x"}}
more: Message = {
    "to": "a@b.org", "template": "welcome", "subjet": "Hi", "parameters": {"name": "A", "link": "x"}
}
unto: Message = {"template": "welcome", "parameters": {"name": "A", "link": "x"}}
"""
MAILS = {"Ann <ann@example.com>": "Il tuo ordine HV-1 è confermato", "bob@example.com": "Hello"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "messages.py").write_text(helper("python", folder))
    return folder


def test_messages_for_the_embedded_queue_are_delivered(tmp_path: Path, project: Path) -> None:
    url = f"sqlite:///{tmp_path}/home/queue.db"

    first, again, other = run_python(PRODUCER, url, "email", cwd=project).splitlines()

    assert (first, again, len(other)) == ("order-1", "order-1", 36)
    assert delivered(tmp_path, broker_url=url) == MAILS


def test_the_embedded_queue_may_be_there_already(tmp_path: Path, project: Path) -> None:
    url = f"sqlite:///{tmp_path}/home/queue.db"
    assert delivered(tmp_path, broker_url=url) == {}

    run_python(PRODUCER, url, "email", cwd=project)

    assert delivered(tmp_path, broker_url=url) == MAILS


def test_a_file_of_another_program_is_left_as_it_is(tmp_path: Path, project: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE other (x)")
    other.close()
    text = PRODUCER.replace("with Publisher", "publish(order, url)\nwith Publisher")

    with pytest.raises(AssertionError, match="belongs to another program"):
        run_python(text, f"sqlite:///{path}", "email", cwd=project)


def test_messages_for_rabbitmq_are_delivered(
    tmp_path: Path, project: Path, broker: Broker, queue: str
) -> None:
    with Peer(broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "quorum"})

    printed = run_python(PRODUCER, broker.url, queue, f"{queue}-absent", cwd=project)

    first, again, other, error = printed.splitlines()
    assert (first, again, len(other)) == ("order-1", "order-1", 36)
    assert error == f"RabbitMQ has no queue for {queue}-absent"
    assert delivered(tmp_path, broker_url=broker.url, queues=f"email={queue}") == MAILS


def test_what_is_published_is_persistent_with_an_id_and_a_type(
    project: Path, rabbitmq: Broker, queue: str
) -> None:
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        run_python(PRODUCER, rabbitmq.url, queue, cwd=project)

        (properties, _body), *others = peer.take_all(queue)
    assert len(others) == 2
    assert properties.delivery_mode == 2
    assert properties.message_id == "order-1"
    assert properties.content_type == "application/json"
    assert properties.timestamp is not None


def test_a_broker_that_is_away_is_said(project: Path) -> None:
    text = PRODUCER.replace("with Publisher", "publish(order, url)\nwith Publisher")

    with pytest.raises(AssertionError, match=r"NotStored: RabbitMQ: AMQP.*Connection refused"):
        run_python(text, "amqp://guest:guest@127.0.0.1:9/?connection_attempts=1", "x", cwd=project)


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
def test_a_url_that_a_worker_refuses_is_refused(project: Path, url: str, expected: str) -> None:
    before = sorted(project.iterdir())

    with pytest.raises(AssertionError, match=f"ValueError: url: {expected}") as caught:
        run_python(PRODUCER, url, "email", cwd=project)

    assert "secret" not in str(caught.value)
    assert {one.name for one in {*project.iterdir()} - {*before}} <= {"producer.py", "__pycache__"}


def test_the_next_broker_of_a_list_is_taken(project: Path, rabbitmq: Broker, queue: str) -> None:
    away = "amqp://guest:guest@127.0.0.1:9/?connection_attempts=1"
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        run_python(PRODUCER, f"{away}, {rabbitmq.url}", queue, cwd=project)

        assert len(peer.take_all(queue)) == 3


def test_an_exchange_that_is_not_there_is_said_and_the_next_message_is_stored(
    project: Path, rabbitmq: Broker, queue: str
) -> None:
    text = PRODUCER.replace(
        "    print(publisher",
        "    try:\n        publisher.publish(order, queue=queue, exchange='absent')\n"
        "    except NotStored as error:\n        print(error)\n    print(publisher",
        1,
    )
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        error, *ids = run_python(text, rabbitmq.url, queue, cwd=project).splitlines()

        assert "NOT_FOUND - no exchange 'absent'" in error
        assert len(ids) == len(peer.take_all(queue)) == 3


def test_a_queue_that_is_full_is_said(project: Path, rabbitmq: Broker, queue: str) -> None:
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue, {"x-max-length": 1, "x-overflow": "reject-publish"})

        with pytest.raises(AssertionError, match=f"NotStored: RabbitMQ .* is {queue} full"):
            run_python(PRODUCER, rabbitmq.url, queue, cwd=project)


def test_a_broker_without_memory_is_not_waited_for_without_end(
    project: Path, mistreated_broker: Broker, queue: str
) -> None:
    broker, control = mistreated_broker, mistreated_broker.control
    assert control is not None
    text = "import messages\nmessages._LONGEST_BLOCK = 2\n" + PRODUCER
    with Peer(broker.url) as peer:
        peer.declare(queue)
    control("set_vm_memory_high_watermark", "0.000001")
    try:
        with pytest.raises(AssertionError, match="NotStored: RabbitMQ: ConnectionBlockedTimeout"):
            run_python(text, broker.url, queue, cwd=project)
    finally:
        control("set_vm_memory_high_watermark", "0.6")


def test_a_connection_that_was_lost_is_opened_again(
    project: Path, rabbitmq: Broker, queue: str
) -> None:
    cut = "    publisher._store._channel.connection._impl._transport._sock.shutdown(2)\n    print"
    text = PRODUCER.replace("    print", cut).replace(cut, "    print", 1)
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        run_python(text, rabbitmq.url, queue, cwd=project)

        assert len(peer.take_all(queue)) == 3


def check(folder: Path, *modules: str) -> None:
    """Types, rules and format, as strict as the tools are by themselves."""
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    run(tool("mypy"), *modules, cwd=folder)
    run(tool("ruff"), "check", "--isolated", "messages.py", cwd=folder)
    run(tool("ruff"), "format", "--isolated", "--check", "--diff", "messages.py", cwd=folder)


def test_it_is_typed_and_formatted(project: Path) -> None:
    (project / "producer.py").write_text(PRODUCER)

    check(project, "messages.py", "producer.py")


def test_without_templates_any_name_is_taken(tmp_path: Path) -> None:
    (tmp_path / "messages.py").write_text(helper("python", tmp_path, templates=None))
    text = PRODUCER.replace('"template": "welcome"', '"template": "any"')
    (tmp_path / "producer.py").write_text(text)

    check(tmp_path, "messages.py", "producer.py")


def test_a_folder_of_templates_that_was_named_must_be_there(tmp_path: Path) -> None:
    printed = run_command("schema", "--python", settings={"templates_dir": "absent"}, cwd=tmp_path)

    assert (printed.returncode, printed.stdout) == (78, "")
    assert printed.stderr.startswith("DISPATCHER_TEMPLATES_DIR: ")


def test_odd_names_and_values_are_typed_too(tmp_path: Path) -> None:
    text = helper("python", tmp_path, templates=odd_templates(tmp_path))
    (tmp_path / "messages.py").write_text(text)
    (tmp_path / "producer.py").write_text(
        "from messages import Message\n\nmessage: Message = "
        + repr({"to": "a@example.com", "template": "2fa", "parameters": ODD})
        + "\nother: Message = "
        + repr({"to": "a@example.com", "template": "chosen", "parameters": CHOSEN})
    )

    check(tmp_path, "messages.py", "producer.py")
    run_python("import messages", cwd=tmp_path)


def test_mistakes_of_a_producer_are_found(project: Path) -> None:
    (project / "mistakes.py").write_text(MISTAKES)
    (project / "mypy.ini").write_text("[mypy]\nstrict = True\n")

    done = subprocess.run(
        [tool("mypy"), "mistakes.py"], cwd=project, capture_output=True, text=True, timeout=60
    )

    lines = {line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line}
    assert lines == {"4", "5", "6", "7", "10"}, done.stdout


def test_it_needs_no_package_of_its_own_for_the_embedded_queue(
    tmp_path: Path, project: Path
) -> None:
    run(
        sys.executable,
        *("-I", "-S", "-c", "import sys; sys.path.insert(0, '.'); import messages"),
        cwd=project,
    )
