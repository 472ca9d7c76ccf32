"""One message for several channels, and the guard before them, with a real broker and worker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.slack_server import SlackServer
from tests.support.smtp_script import Cut, Say
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import Worker, run_command, running, wait_until

ROOM = "C123ABC456"
TO = {"email": ["user1@example.com", "user2@example.com"], "slack": ROOM}


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    slack = SlackServer()
    with in_thread(slack.server):
        yield slack


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    server = SmtpServer()
    with in_thread(server):
        yield server


@pytest.fixture
def settings(
    tmp_path: Path, broker: Broker, queue: str, slack: SlackServer, relay: SmtpServer
) -> dict[str, str]:
    """One queue for both channels: slack has none of its own."""
    return {
        **shop_settings(tmp_path, broker.url, f"smtp://127.0.0.1:{relay.port}", queue),
        "slack_token": slack.token,
        "slack_api_url": slack.api_url,
        "retry_delays": "200ms,300ms",
    }


def publish(broker: Broker, queue: str, *bodies: bytes) -> None:
    with Peer(broker.url) as peer:
        if peer.ready(queue) is None:
            peer.declare(queue, {"x-queue-type": "quorum"})
        peer.publish(queue, *bodies)


def letters(folder: Path, settings: dict[str, str]) -> list[dict[str, str]]:
    listed = run_command("failed", "list", "--json", settings=settings, cwd=folder)
    found: list[dict[str, str]] = json.loads(listed.stdout)
    return found


def await_dead(worker: Worker, broker: Broker, queue: str, count: int) -> None:
    with Peer(broker.url) as peer:
        wait_until(
            lambda: (peer.ready(f"{queue}.dead") or 0) >= count, on_failure=lambda: worker.output
        )


def test_each_recipient_of_each_channel_settles_alone(
    tmp_path: Path,
    broker: Broker,
    queue: str,
    settings: dict[str, str],
    slack: SlackServer,
    relay: SmtpServer,
) -> None:
    slack.refuse(ROOM)
    relay.on("rcpt", Say("450 4.2.0 later"), address="user2@example.com", times=1)
    publish(broker, queue, an_order(1, to=TO, channels=["email", "slack"]))

    with running(tmp_path, settings) as worker:
        await_dead(worker, broker, queue, 1)
        wait_until(lambda: len(relay.deliveries) == 2, on_failure=lambda: worker.output)
        [letter] = letters(tmp_path, settings)
        slack.refused.clear()
        retried = run_command(
            "failed", "retry", "--channel", "slack", "--yes", settings=settings, cwd=tmp_path
        )
        wait_until(lambda: len(slack.posts) == 1, on_failure=lambda: worker.output)
        assert worker.terminate() == 0

    assert (letter["channel"], letter["reason"]) == ("slack", "recipient_refused")
    assert retried.returncode == 0
    assert sorted(relay.deliveries) == ["user1@example.com", "user2@example.com"]
    assert slack.posts[0]["channel"] == ROOM


def test_a_fallback_is_used_when_the_first_refuses_and_only_then(
    tmp_path: Path,
    broker: Broker,
    queue: str,
    settings: dict[str, str],
    slack: SlackServer,
    relay: SmtpServer,
) -> None:
    slack.refuse("C999ABC999")
    preferred = ["slack", "email"]
    publish(
        broker,
        queue,
        an_order(1, to=TO, fallback=preferred),
        an_order(2, to={**TO, "slack": "C999ABC999"}, fallback=preferred),
    )

    with running(tmp_path, settings) as worker:
        wait_until(lambda: len(worker.events("notification sent")) == 2)
        assert worker.terminate() == 0

    assert [post["channel"] for post in slack.posts] == [ROOM]
    assert sorted(relay.deliveries) == ["user1@example.com", "user2@example.com"]
    assert letters(tmp_path, settings) == []


def test_a_fallback_is_not_used_where_an_earlier_attempt_may_have_arrived(
    tmp_path: Path,
    broker: Broker,
    queue: str,
    settings: dict[str, str],
    slack: SlackServer,
    relay: SmtpServer,
) -> None:
    settings |= {"retry_delays": "2s"}
    relay.on("dot", Cut(), times=1)
    publish(broker, queue, an_order(1, to=TO, fallback=["email", "slack"]))

    with running(tmp_path, settings) as worker:
        wait_until(lambda: any(session.payloads for session in relay.sessions))
        relay.on("rcpt", Say("550 5.1.1 no such user"))
        await_dead(worker, broker, queue, 1)
        assert worker.terminate() == 0

    [letter] = letters(tmp_path, settings)
    assert letter["reason"] == "recipient_refused"
    assert letter["error"].startswith("an earlier attempt may have arrived; 127.0.0.1:")
    assert letter["error"].endswith("550 5.1.1 no such user")
    assert slack.posts == []


@pytest.mark.slow
def test_a_channel_that_is_away_does_not_hold_up_the_queue_it_shares(
    tmp_path: Path,
    broker: Broker,
    queue: str,
    settings: dict[str, str],
    slack: SlackServer,
    relay: SmtpServer,
) -> None:
    slack.server.stop_listening()
    both = [an_order(n, channels=["email", "slack"], to=TO) for n in range(150)]
    publish(broker, queue, *both)
    publish(broker, queue, *(an_order(n) for n in range(1000, 1100)))

    with running(tmp_path, settings) as worker:
        wait_until(lambda: len(relay.deliveries) >= 2 * 150 + 100, on_failure=lambda: worker.output)
        assert worker.terminate() == 0

    assert len(relay.deliveries) == 2 * 150 + 100
    assert letters(tmp_path, settings) == []


def test_the_guard_redirects_on_every_channel_and_refuses_where_nobody_takes_it(
    tmp_path: Path,
    broker: Broker,
    queue: str,
    settings: dict[str, str],
    slack: SlackServer,
    relay: SmtpServer,
) -> None:
    settings |= {"only_to": "user2@*", "redirect_to": "dev@example.org", "telegram_token": "1:a"}
    to = {**TO, "telegram": 42}
    channels = ["email", "slack", "telegram"]
    publish(broker, queue, an_order(1, to=to, channels=channels, individually=True))

    with running(tmp_path, settings) as worker:
        await_dead(worker, broker, queue, 2)
        wait_until(lambda: len(relay.deliveries) == 2, on_failure=lambda: worker.output)
        assert worker.terminate() == 0

    assert sorted(relay.deliveries) == ["dev@example.org", "user2@example.com"]
    [redirected] = [mail for mail in relay.accepted if "dev@example.org" in mail.recipients]
    assert b"[to user1@example.com] Order 1" in redirected.data
    assert worker.events("redirected by the recipient guard")[0]["meant_for"] == [
        "user1@example.com"
    ]
    assert slack.posts == []
    assert {(one["channel"], one["reason"]) for one in letters(tmp_path, settings)} == {
        ("slack", "guarded"),
        ("telegram", "guarded"),
    }
