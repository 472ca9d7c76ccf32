"""Webhook and Apprise through the whole program: the command, the queue, the worker, a server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.channels.webhook.signature import signature, signing_key
from tests.support.http_server import Answer, HttpServer
from tests.support.orders import shop_settings
from tests.support.threads import in_thread
from tests.support.worker import run_command, running, wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with in_thread(HttpServer()) as running_server:
        yield running_server


@pytest.fixture
def settings(tmp_path: Path, server: HttpServer) -> dict[str, str]:
    base = shop_settings(
        tmp_path, f"sqlite:///{tmp_path}/queue.db", f"maildir:{tmp_path}/mail", "email"
    )
    return {
        **base,
        "queues": "email=email,webhook=webhook,apprise=apprise",
        "webhook_secret": SECRET,
        "targets__ops": f"json://worker:t0ken@127.0.0.1:{server.port}/ops/hush",
        "log_level": "debug",
    }


def send(
    folder: Path, settings: dict[str, str], channel: str, to: str, id_: str = "order-7"
) -> None:
    words = ["send", "welcome", "--to", to, "--channel", channel, "--id", id_]
    words += ["--data", '{"name": "Zoë"}']
    sent = run_command(*words, settings=settings, cwd=folder)
    assert sent.returncode == 0, sent.stderr


def letters(folder: Path, settings: dict[str, str]) -> list[dict[str, object]]:
    listed = run_command("failed", "list", "--json", settings=settings, cwd=folder)
    found: list[dict[str, object]] = json.loads(listed.stdout)
    return found


def test_a_message_reaches_a_webhook_signed_and_once_more_after_a_refusal(
    tmp_path: Path, settings: dict[str, str], server: HttpServer
) -> None:
    settings |= {"webhook_allow_private": "on", "retry_delays": "200ms,300ms"}
    server.on(Answer(503), times=1)

    with running(tmp_path, settings) as worker:
        send(tmp_path, settings, "webhook", f"{server.url}/hooks/ann?key=hush")
        worker.wait_for("notification sent")
        assert worker.terminate() == 0
        output = worker.output

    first, second = server.requests
    headers = second.headers
    assert headers["webhook-signature"] == signature(
        signing_key(SECRET), headers["webhook-id"], headers["webhook-timestamp"], second.body
    )
    assert headers["webhook-id"] == first.headers["webhook-id"]
    assert (second.path, second.query) == ("/hooks/ann", {"key": ["hush"]})
    assert second.json()["id"] == "order-7"
    assert second.json()["template"] == "welcome"
    assert "Hello Zoë" in second.json()["text"]
    assert SECRET not in output


def test_a_private_address_is_refused_with_a_clear_word_unless_it_is_allowed(
    tmp_path: Path, settings: dict[str, str], server: HttpServer
) -> None:
    with running(tmp_path, settings) as worker:
        send(tmp_path, settings, "webhook", f"{server.url}/hooks/ann")
        worker.wait_for("notification dead-lettered")
        assert worker.terminate() == 0

    [letter] = letters(tmp_path, settings)
    assert letter["reason"] == "recipient_refused"
    assert "127.0.0.1, which is no public address" in str(letter["error"])
    assert "DISPATCHER_WEBHOOK_ALLOW_PRIVATE" in str(letter["error"])
    assert server.connections == 0


def test_a_message_reaches_an_apprise_target_by_its_name(
    tmp_path: Path, settings: dict[str, str], server: HttpServer
) -> None:
    with running(tmp_path, settings) as worker:
        send(tmp_path, settings, "apprise", "ops")
        worker.wait_for("notification sent")
        send(tmp_path, settings, "apprise", "opps", "order-8")
        worker.wait_for("notification dead-lettered")
        assert worker.terminate() == 0
        output = worker.output

    [request] = server.accepted
    assert request.path == "/ops/hush"
    assert "Hello Zoë" in request.json()["message"]
    [letter] = letters(tmp_path, settings)
    assert letter["reason"] == "recipient_invalid"
    assert "only ops" in str(letter["error"])
    assert "t0ken" not in output
    assert "hush" not in output


def test_a_target_that_fails_is_tried_three_times_and_again_when_it_is_retried(
    tmp_path: Path, settings: dict[str, str], server: HttpServer
) -> None:
    settings["retry_delays"] = "200ms,200ms,200ms,200ms,200ms"
    server.on(Answer(503))

    with running(tmp_path, settings) as worker:
        send(tmp_path, settings, "apprise", "ops")
        worker.wait_for("notification dead-lettered")
        tries = len(server.requests)
        [letter] = letters(tmp_path, settings)
        retry = ["failed", "retry", "--all", "--yes"]
        assert run_command(*retry, settings=settings, cwd=tmp_path).returncode == 0
        wait_until(
            lambda: len(worker.events("notification dead-lettered")) == 2,
            on_failure=lambda: worker.output,
        )
        assert worker.terminate() == 0

    assert (letter["reason"], letter["attempt"]) == ("retries_exhausted", 3)
    assert "target ops" in str(letter["error"])
    assert (tries, len(server.requests)) == (3, 6)


def test_a_target_that_is_no_url_ends_the_worker_by_its_variable(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    settings["targets__ops"] = "discord://hush"

    with running(tmp_path, settings) as worker:
        wait_until(lambda: worker.process.poll() is not None, on_failure=lambda: worker.output)
        output = worker.output

    assert worker.process.returncode == 78
    assert "DISPATCHER_TARGETS__OPS: is no URL that Apprise knows" in output
    assert "hush" not in output
    assert "Traceback" not in output
