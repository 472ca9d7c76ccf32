"""The whole program on real parts: RabbitMQ in, MailHog out, the worker a process of its own."""

import json
import os
from collections import Counter
from pathlib import Path

import pika
import pytest

from tests.integration.conftest import MailHog
from tests.support.mailbox import Mailbox
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.worker import run_command, running, wait_until

HEADER = "x-dispatcher-"


@pytest.fixture
def settings(tmp_path: Path, rabbitmq: Broker, mailhog: MailHog, queue: str) -> dict[str, str]:
    return shop_settings(tmp_path, rabbitmq.url, mailhog.url, queue)


def test_a_message_becomes_a_mail_and_sigterm_ends_the_worker_with_0(
    tmp_path: Path, broker: Broker, mailhog: MailHog, mailbox: Mailbox, queue: str
) -> None:
    settings = shop_settings(tmp_path, broker.url, mailhog.url, queue)

    with running(tmp_path, settings) as worker, Peer(broker.url) as producer:
        worker.wait_for("consuming")
        producer.publish(queue, an_order(1))
        producer.publish(queue, an_order(2), exchange="dispatcher")
        wait_until(lambda: mailbox.count() == 2, on_failure=lambda: worker.output)
        code = worker.terminate()

    assert code == 0, worker.output
    assert sorted(mailbox.recipients()) == ["user1@example.com", "user2@example.com"]
    body = next(mailbox.mails())["Content"]["Body"]
    assert "<h1>Hello Customer" in body
    with Peer(broker.url) as observer:
        assert observer.ready(queue) == 0


def test_each_bad_input_is_dead_lettered_untouched_and_the_next_good_one_is_served(
    tmp_path: Path, settings: dict[str, str], rabbitmq: Broker, mailbox: Mailbox, queue: str
) -> None:
    templates = Path(settings["templates_dir"])
    (templates / "endless.jinja2").write_text(
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    )
    (templates / "growing.jinja2").write_text(
        "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}"
    )
    cases: dict[bytes, tuple[str, str]] = {
        b"not json at all": ("malformed", "JSON"),
        b'{"to": "a@example.com", "template": "welcome", "parameters": [1]}': (
            "malformed",
            "parameters",
        ),
        b'{"subject": "no recipient"}': ("malformed", "to: is required"),
        b"[" * 2000 + b"]" * 2000: ("malformed", "nested deeper"),
        b'{"to": "a@example.com", "template": "welcome", "parameters": {"n": NaN}}': (
            "malformed",
            "NaN",
        ),
        b'{"to": "a@example.com", "to": "b@example.com", "template": "welcome"}': (
            "malformed",
            "duplicate key 'to'",
        ),
        b'{"to": "\xff\xfe", "template": "welcome"}': ("malformed", "UTF-8"),
        an_order(10, subject="a\r\nBcc: evil@example.com"): ("malformed", "subject"),
        an_order(11, to="x@example.com\r\nBcc: evil@example.com"): ("malformed", "to"),
        an_order(12, reply_to="x@example.com\nX: y"): ("malformed", "reply_to"),
        an_order(13, template="../../etc/passwd"): ("malformed", "template"),
        an_order(14, template="/etc/passwd"): ("malformed", "template"),
        an_order(15, template="welcome\0"): ("malformed", "template"),
        an_order(16, template="nowhere"): ("template_missing", "nowhere"),
        an_order(17, parameters={}): ("template_undefined", "name"),
        an_order(18, template="endless"): ("template_limit", "endless"),
        an_order(19, template="growing"): ("template_limit", "growing"),
        an_order(20, to="not an address"): ("recipient_invalid", "not an address"),
        an_order(21, subject="x" * 70_000): ("malformed", "DISPATCHER_MAX_BODY"),
    }
    dead = f"{queue}.dead"
    settings |= {"max_body": "64KiB", "render_timeout": "500ms", "max_output": "1MiB"}

    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        for body in cases:
            peer.publish(queue, body, exchange="dispatcher")
        peer.publish(queue, an_order(99), exchange="dispatcher")
        wait_until(lambda: peer.ready(dead) == len(cases), on_failure=lambda: worker.output)
        wait_until(lambda: mailbox.count() == 1, on_failure=lambda: worker.output)
        assert worker.terminate() == 0
        letters = peer.take_all(dead)

    assert mailbox.recipients() == ["user99@example.com"]
    assert {body for _, body in letters} == set(cases)
    for properties, body in letters:
        headers = properties.headers or {}
        reason, word = cases[body]
        assert (headers[f"{HEADER}reason"], headers[f"{HEADER}attempt"]) == (reason, 1), body[:80]
        assert word in headers[f"{HEADER}error"]
        assert headers[f"{HEADER}queue"] == queue
        assert properties.delivery_mode == 2


def test_an_edited_template_shows_once_it_rests_and_a_broken_one_is_not_used(
    tmp_path: Path, settings: dict[str, str], rabbitmq: Broker, mailbox: Mailbox, queue: str
) -> None:
    template = Path(settings["templates_dir"]) / "welcome.jinja2"

    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        template.write_text("<h1>Goodbye {{ name }}</h1>")
        worker.wait_for("templates changed")
        peer.publish(queue, an_order(1))
        wait_until(lambda: mailbox.count() == 1, on_failure=lambda: worker.output)
        template.write_text("<h1>{{ name </h1>")
        told = worker.wait_for("templates are broken; the last good set stays in use")
        peer.publish(queue, an_order(2))
        wait_until(lambda: mailbox.count() == 2, on_failure=lambda: worker.output)

    assert "welcome.jinja2" in told["fault"]
    bodies = [mail["Content"]["Body"] for mail in mailbox.mails()]
    assert all("<h1>Goodbye Customer" in body for body in bodies)


def test_a_producer_that_declared_the_queue_itself_is_served_in_either_order(
    tmp_path: Path, settings: dict[str, str], rabbitmq: Broker, mailbox: Mailbox, queue: str
) -> None:
    theirs = {"x-max-priority": 5}
    with Peer(rabbitmq.url) as producer:
        producer.declare(queue, theirs)
        producer.publish(queue, an_order(1))
        with running(tmp_path, settings) as adopting:
            wait_until(lambda: mailbox.count() == 1, on_failure=lambda: adopting.output)

    late = f"{queue}-late"
    settings |= {"topology": "none", "queues": f"email={late}"}
    with running(tmp_path, settings) as waiting, Peer(rabbitmq.url) as producer:
        wait_until(lambda: late in waiting.output, on_failure=lambda: waiting.output)
        producer.declare(late, theirs)
        producer.publish(late, an_order(2))
        wait_until(lambda: mailbox.count() == 2, on_failure=lambda: waiting.output)

    with pika.BlockingConnection(pika.URLParameters(rabbitmq.url)) as connection:
        channel = connection.channel()
        for name in (late, f"{late}.dead"):
            channel.queue_delete(name)


def test_dead_letters_are_listed_shown_retried_and_removed_while_they_stay_in_the_broker(
    tmp_path: Path, settings: dict[str, str], rabbitmq: Broker, mailbox: Mailbox, queue: str
) -> None:
    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        peer.publish(queue, an_order(1, template="later"), an_order(2, template="later"), b"junk")
        wait_until(lambda: peer.ready(f"{queue}.dead") == 3, on_failure=lambda: worker.output)

        listed = run_command("failed", "list", "--json", settings=settings, cwd=tmp_path)
        letters = json.loads(listed.stdout)
        shown = run_command("failed", "show", "id-2", settings=settings, cwd=tmp_path)
        unknown = run_command("failed", "show", "id-7", settings=settings, cwd=tmp_path)
        refused = run_command("failed", "retry", "id-1", settings=settings, cwd=tmp_path)
        (Path(settings["templates_dir"]) / "later.jinja2").write_text("Later, {{ name }}")
        worker.wait_for("templates changed")
        one = run_command("failed", "retry", "id-1", "--yes", settings=settings, cwd=tmp_path)
        wait_until(lambda: mailbox.count() == 1, on_failure=lambda: worker.output)
        gone = run_command(
            "failed", "remove", "--reason", "malformed", "--yes", settings=settings, cwd=tmp_path
        )
        left = run_command("failed", "list", "--json", settings=settings, cwd=tmp_path)

    reasons = Counter(letter["reason"] for letter in letters)
    assert reasons == {"template_missing": 2, "malformed": 1}
    expected = {"id", "queue", "channel", "template", "reason", "error", "attempt"}
    assert expected | {"first_seen", "failed_at"} == set(letters[0])
    assert "template_missing" in shown.stdout
    assert (unknown.returncode, refused.returncode) == (1, 2)
    assert (one.returncode, gone.returncode) == (0, 0), one.stderr + gone.stderr
    assert mailbox.recipients() == ["user1@example.com"]
    assert [letter["id"] for letter in json.loads(left.stdout)] == ["id-2"]


def test_sigterm_during_start_up_ends_with_0(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")  # reading it blocks, as slow imports would
    settings = {"email_url_file": str(tmp_path / "never")}

    with running(tmp_path, settings) as worker:
        wait_until(lambda: b"entrypoints" in _command_line(worker.process.pid))
        wait_until(lambda: _handles_sigterm(worker.process.pid))
        code = worker.terminate()

    assert code == 0


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _handles_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> 14 & 1)
