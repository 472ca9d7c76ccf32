"""What becomes of messages while the relay refuses us rather than them: the worker process, a real
broker, and a scripted server whose log is the truth."""

import time
from pathlib import Path

import pytest

from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_server import Say, SmtpServer
from tests.support.worker import Worker, running, wait_until

HEADER = "x-dispatcher-"
PAUSED = "channel is paused: what it needs is away"


@pytest.fixture
def settings(tmp_path: Path, rabbitmq: Broker, server: SmtpServer, queue: str) -> dict[str, str]:
    relay = f"smtp://127.0.0.1:{server.port}"
    tiers = "200ms,210ms,220ms,230ms,240ms,250ms,260ms,270ms"
    return {**shop_settings(tmp_path, rabbitmq.url, relay, queue), "retry_delays": tiers}


def settled(worker: Worker, peer: Peer, queue: str, server: SmtpServer, count: int) -> None:
    wait_until(
        lambda: len(server.accepted) == count and peer.ready(queue) == 0,
        seconds=40,
        on_failure=lambda: worker.output,
    )


@pytest.mark.parametrize(
    ("phase", "reply"),
    [
        ("dot", "550 5.4.5 Daily user sending limit exceeded."),
        ("rcpt", "504 5.5.2 <25aea30808b2>: Helo command rejected: need fully-qualified hostname"),
    ],
    ids=["quota", "helo"],
)
def test_field_5_1_a_refusal_that_is_about_us_pauses_the_channel_and_kills_none(
    tmp_path: Path,
    settings: dict[str, str],
    rabbitmq: Broker,
    server: SmtpServer,
    queue: str,
    phase: str,
    reply: str,
) -> None:
    server.on(phase, Say(reply))

    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        peer.publish(queue, *(an_order(n) for n in range(60)))
        paused = worker.wait_for(PAUSED)
        time.sleep(1)
        assert peer.ready(f"{queue}.dead") == 0
        server.rules.clear()
        settled(worker, peer, queue, server, 60)
        sent = worker.events("notification sent")
        assert worker.terminate() == 0
        assert peer.ready(f"{queue}.dead") == 0

    assert reply in paused["error"]
    assert ("DISPATCHER_EMAIL_EHLO" in paused["error"]) is ("Helo" in reply)
    assert {entry["attempt"] for entry in sent} == {1}
    assert len(set(server.deliveries)) == len(server.deliveries) == 60


@pytest.mark.parametrize(
    ("phase", "reply", "reason"),
    [
        ("rcpt", "554 5.7.1 <user30@example.com>: Relay access denied", "recipient_refused"),
        ("rcpt", "504 5.5.2 <x>: Helo command rejected: need fully-qualified", "recipient_refused"),
        ("mail", "553 5.7.1 <odd@example.com>: Sender address rejected", "sender_refused"),
    ],
)
def test_field_5_14_one_such_mail_among_good_ones_dies_alone(
    tmp_path: Path,
    settings: dict[str, str],
    rabbitmq: Broker,
    server: SmtpServer,
    queue: str,
    phase: str,
    reply: str,
    reason: str,
) -> None:
    server.on(phase, Say(reply), address="user30@" if phase == "rcpt" else "odd@")

    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        for number in range(60):
            sender = "odd@example.com" if number == 30 else "shop@example.com"
            peer.publish(queue, an_order(number, **{"from": sender}))
        dead = f"{queue}.dead"
        wait_until(lambda: peer.ready(dead) == 1, on_failure=lambda: worker.output)
        settled(worker, peer, queue, server, 59)
        assert worker.events(PAUSED) == []
        assert worker.terminate() == 0
        [(properties, body)] = peer.take_all(dead)

    headers = properties.headers or {}
    assert headers[f"{HEADER}reason"] == reason
    assert reply in headers[f"{HEADER}error"]
    assert b'"id-30"' in body


def test_field_5_9_a_relay_that_wants_starttls_pauses_with_the_scheme_to_write(
    tmp_path: Path, settings: dict[str, str], rabbitmq: Broker, server: SmtpServer, queue: str
) -> None:
    server.on("mail", Say("530 Must issue a STARTTLS command first"))

    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        peer.publish(queue, an_order(1))
        paused = worker.wait_for(PAUSED)
        assert worker.terminate() == 0

    assert "530 Must issue a STARTTLS command first" in paused["error"]
    assert "smtp+starttls://" in paused["error"]
    assert "password" not in paused["error"]


def test_field_5_11_a_wrong_password_is_tried_twice_in_ten_seconds_and_a_new_one_at_once(
    tmp_path: Path, settings: dict[str, str], rabbitmq: Broker, server: SmtpServer, queue: str
) -> None:
    server.users = {"shop": "right"}
    secret = tmp_path / "relay"
    secret.write_text(f"smtp://shop:wrong@127.0.0.1:{server.port}")
    del settings["email_url"]
    settings["email_url_file"] = str(secret)

    def logins() -> int:
        return sum(c.startswith("AUTH") for s in server.sessions for c in s.commands)

    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        peer.publish(queue, *(an_order(n) for n in range(500)))
        worker.wait_for(PAUSED)
        time.sleep(10)
        assert 1 <= logins() <= 2
        secret.write_text(f"smtp://shop:right@127.0.0.1:{server.port}")
        wait_until(lambda: bool(server.accepted), seconds=14, on_failure=lambda: worker.output)
        settled(worker, peer, queue, server, 500)
        assert {entry["attempt"] for entry in worker.events("notification sent")} == {1}
        assert worker.terminate() == 0
        assert peer.ready(f"{queue}.dead") == 0
