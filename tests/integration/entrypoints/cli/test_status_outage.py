"""`dispatcher status` while a relay is away: it says so, and what waits for it."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.orders import shop_settings
from tests.support.smtp_server import Say, SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import Worker, run_command, running, wait_until

DATA = ("--data", '{"name": "Ann"}')


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with in_thread(SmtpServer()) as running_server:
        running_server.on("connect", Say("421 4.3.2 closing for bob@example.com"))
        yield running_server


@pytest.fixture(params=["sqlite", "redis"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, server: SmtpServer) -> dict[str, str]:
    """A worker on the embedded queue, with each ledger that other processes can read."""
    relay = f"smtp://127.0.0.1:{server.port}"
    own = shop_settings(tmp_path, f"sqlite:///{tmp_path}/queue.db", relay, "email")
    if request.param == "redis":
        own["ledger_url"] = request.getfixturevalue("own_redis").url  # with no other's notes
    return {**own, "email_from": "Shop <shop@example.com>"}


def status(folder: Path, settings: dict[str, str]) -> dict[str, Any]:
    done = run_command("status", "--json", settings=settings, cwd=folder)
    assert done.returncode == 0, done.stderr
    queue: dict[str, Any] = json.loads(done.stdout)[0]
    return queue


def in_words(folder: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = run_command("status", settings=settings, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done


def wait_for_pause(folder: Path, settings: dict[str, str], worker: Worker) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def is_paused() -> bool:
        found.append(status(folder, settings))
        return bool(found[-1]["pauses"]) and found[-1]["unacked"] == 3

    wait_until(is_paused, on_failure=lambda: worker.output)
    return found[-1]


def test_field_8_8_status_shows_an_outage_and_its_end(
    tmp_path: Path, settings: dict[str, str], server: SmtpServer
) -> None:
    began = datetime.now(UTC)
    for _ in range(3):
        run_command("send", "welcome", "--to", "ann@example.com", *DATA, settings=settings,
                    cwd=tmp_path)  # fmt: skip

    with running(tmp_path, settings) as worker:
        queue = wait_for_pause(tmp_path, settings, worker)
        shown = in_words(tmp_path, settings)
        server.rules.clear()
        wait_until(lambda: len(server.deliveries) == 3, on_failure=lambda: worker.output)
        after: dict[str, Any] = {}

        def is_over() -> bool:
            after.update(status(tmp_path, settings))
            return not after["pauses"] and not after["unacked"]

        wait_until(is_over, on_failure=lambda: worker.output)  # the last ack follows the delivery
        assert worker.terminate() == 0
    ended = status(tmp_path, settings)

    [pause] = queue["pauses"]
    [seen] = queue["workers"]
    assert pause["name"] == "email"
    assert "421 4.3.2 closing" in pause["cause"]
    assert "bob@" not in json.dumps(queue) + shown.stderr
    assert began.isoformat() < pause["since"] < pause["next_try"]
    assert queue["oldest"] < pause["since"]
    assert (seen["in_hand"], seen["settled_at"]) == (3, None)
    assert "channel email is paused for" in shown.stderr
    assert "next try in" in shown.stderr
    assert "421 4.3.2 closing" in shown.stderr
    assert "the oldest message waits for" in shown.stderr
    assert "3 messages in hand, no message settled yet (seen" in shown.stderr
    assert (after["pauses"], after["unacked"], after["oldest"]) == ([], 0, None)
    assert after["workers"][0]["settled_at"] is not None
    assert ended["workers"] == []


def test_field_8_8_a_worker_that_died_is_shown_no_more(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    run_command("send", "welcome", "--to", "ann@example.com", *DATA, settings=settings,
                cwd=tmp_path)  # fmt: skip
    with running(tmp_path, settings) as worker:
        wait_until(lambda: bool(status(tmp_path, settings)["pauses"]))
        worker.kill()
        left = status(tmp_path, settings)
        with running(tmp_path, settings) as successor:
            wait_until(
                lambda: [one["worker"].endswith(f":{successor.process.pid}")
                         for one in status(tmp_path, settings)["workers"]] == [True],
                on_failure=lambda: successor.output,
            )  # fmt: skip

    assert [one["worker"].endswith(f":{worker.process.pid}") for one in left["workers"]] == [True]
