"""What becomes of a message whose mail server refuses: the worker process, a real broker, and a
scripted server whose log is the truth."""

import json
from pathlib import Path

import pytest

from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_server import Say, SmtpServer
from tests.support.worker import running, wait_until

HEADER = "x-dispatcher-"


@pytest.fixture
def settings(tmp_path: Path, broker: Broker, server: SmtpServer, queue: str) -> dict[str, str]:
    relay = f"smtp://127.0.0.1:{server.port}"
    tiers = "200ms,210ms,220ms,230ms,240ms,250ms,260ms,270ms"
    return {**shop_settings(tmp_path, broker.url, relay, queue), "retry_delays": tiers}


def test_a_passing_refusal_goes_through_a_tier_and_the_mail_arrives(
    tmp_path: Path, settings: dict[str, str], broker: Broker, server: SmtpServer, queue: str
) -> None:
    server.on("rcpt", Say("450 4.2.1 try again later"), times=1)

    with running(tmp_path, settings) as worker, Peer(broker.url) as peer:
        worker.wait_for("consuming")
        peer.publish(queue, an_order(1))
        wait_until(lambda: bool(server.accepted), on_failure=lambda: worker.output)
        [deferred] = worker.events("notification deferred")
        sent = worker.wait_for("notification sent")
        assert worker.terminate() == 0
        assert (peer.ready(queue), peer.ready(f"{queue}.dead")) == (0, 0)

    assert (deferred["attempt"], deferred["retry_in_seconds"], sent["attempt"]) == (1, 0.2, 2)
    assert server.deliveries == ["user1@example.com"]


def test_a_permanent_refusal_of_one_of_five_costs_the_other_four_nothing(
    tmp_path: Path, settings: dict[str, str], broker: Broker, server: SmtpServer, queue: str
) -> None:
    server.on("rcpt", Say("550 5.1.1 no such user"), address="c@example.com")
    people = [f"{name}@example.com" for name in "abcde"]

    with running(tmp_path, settings) as worker, Peer(broker.url) as peer:
        worker.wait_for("consuming")
        peer.publish(queue, an_order(1, to=people))
        wait_until(lambda: peer.ready(f"{queue}.dead") == 1, on_failure=lambda: worker.output)
        assert worker.terminate() == 0
        [(properties, body)] = peer.take_all(f"{queue}.dead")
        assert peer.ready(queue) == 0

    headers = properties.headers or {}
    assert server.deliveries == [person for person in people if person[0] != "c"]
    assert headers[f"{HEADER}reason"] == "recipient_refused"
    assert json.loads(headers[f"{HEADER}remaining"]) == ["c@example.com"]
    assert "no such user" in headers[f"{HEADER}error"]
    assert body == an_order(1, to=people)


def test_eight_tiers_lose_nothing_and_give_nine_attempts(
    tmp_path: Path, settings: dict[str, str], broker: Broker, server: SmtpServer, queue: str
) -> None:
    server.on("rcpt", Say("450 4.2.1 mailbox busy"))

    with running(tmp_path, settings) as worker, Peer(broker.url) as peer:
        worker.wait_for("consuming")
        for number in range(20):
            peer.publish(queue, an_order(number))
        wait_until(
            lambda: peer.ready(f"{queue}.dead") == 20, seconds=60, on_failure=lambda: worker.output
        )
        assert worker.terminate() == 0
        letters = peer.take_all(f"{queue}.dead")
        assert peer.ready(queue) == 0

    outcomes = {
        (h[f"{HEADER}reason"], h[f"{HEADER}attempt"]) for p, _ in letters if (h := p.headers or {})
    }
    assert outcomes == {("retries_exhausted", 9)}
    assert {json.loads(body)["id"] for _, body in letters} == {f"id-{n}" for n in range(20)}
    assert server.accepted == []


def test_while_the_server_is_away_nothing_is_spent_and_all_arrive_after(
    tmp_path: Path, settings: dict[str, str], broker: Broker, server: SmtpServer, queue: str
) -> None:
    server.on("connect", Say("421 4.3.2 closing"))

    with running(tmp_path, settings) as worker, Peer(broker.url) as peer:
        worker.wait_for("consuming")
        for number in range(30):
            peer.publish(queue, an_order(number))
        worker.wait_for("channel is paused: what it needs is away")
        server.rules.clear()
        wait_until(lambda: len(server.accepted) == 30, seconds=40, on_failure=lambda: worker.output)
        assert worker.terminate() == 0
        sent = worker.events("notification sent")
        assert (peer.ready(queue), peer.ready(f"{queue}.dead")) == (0, 0)

    assert len(set(server.deliveries)) == len(server.deliveries) == 30
    assert {entry["attempt"] for entry in sent} == {1}
