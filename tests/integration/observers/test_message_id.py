"""From a mail's Message-ID to its log line and its event."""

import json
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Say
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import running

PEOPLE = ["ann@example.com", "bob@example.com"]


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    with in_thread(SmtpServer()) as server:
        yield server


def message_ids(relay: SmtpServer) -> dict[str, str]:
    """Recipient -> Message-ID, of the mails that were accepted."""
    return {
        address: str(message_from_bytes(mail.data)["Message-ID"])
        for mail in relay.accepted
        for address in mail.recipients
    }


def test_the_line_and_the_event_have_the_message_id_of_the_mail(
    tmp_path: Path, rabbitmq: Broker, queue: str, relay: SmtpServer
) -> None:
    exchange, audit = f"{queue}.events", f"{queue}.audit"
    settings = shop_settings(tmp_path, rabbitmq.url, f"smtp://127.0.0.1:{relay.port}", queue)
    settings |= {"events": exchange, "retry_delays": "200ms"}
    relay.on("dot", Say("451 4.3.0 later"), times=1)
    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        peer.declare(audit)
        peer.bind(audit, exchange, "email.*")
        peer.publish(queue, an_order(1))
        worker.wait_for("notification sent")
        peer.publish(queue, an_order(2, to=PEOPLE, individually=True))
        worker.wait_until(lambda: peer.ready(audit) == 3)
        assert worker.terminate() == 0
        bodies = [body for _, body in peer.take_all(audit)]
        peer.delete_exchange(exchange)

    mails = message_ids(relay)
    first, both = mails["user1@example.com"], [mails[address] for address in PEOPLE]
    assert first != both[0] != both[1]
    [deferred] = worker.events("notification deferred")
    sent = {line["id"]: line for line in worker.events("notification sent")}
    assert deferred["message_id"] == sent["id-1"]["message_id"] == first
    assert sent["id-2"]["message_id"] == both
    data = [(event["subject"], event["data"]) for event in map(json.loads, bodies)]
    assert [(subject, one["message_ids"]) for subject, one in data] == [
        ("id-1", [first]),
        ("id-1", [first]),
        ("id-2", both),
    ]
    assert not any(address in worker.output for address in PEOPLE)


def test_a_mail_that_did_not_leave_has_no_message_id_in_the_log(
    tmp_path: Path, rabbitmq: Broker, queue: str, relay: SmtpServer
) -> None:
    settings = shop_settings(tmp_path, rabbitmq.url, f"smtp://127.0.0.1:{relay.port}", queue)
    relay.on("rcpt", Say("550 5.1.1 no such user"))
    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        peer.publish(queue, an_order(1))
        assert "message_id" not in worker.wait_for("notification dead-lettered")
        assert worker.terminate() == 0
