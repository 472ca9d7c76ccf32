"""The real worker with a relay that lets us in and leaves before it takes the mail."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.smtp_server import Action, Cut, Say, SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import Worker, run_command, running

SENDING = ("send", "welcome", "--subject", "Hi", "--to")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/welcome.jinja2").write_text("<p>Hello</p>")
    return tmp_path


def worked(home: Path, url: str, count: int) -> Worker:
    """A worker that has sent so many mails and is gone."""
    settings = {
        "email_url": url,
        "email_from": "shop@example.com",
        "retry_delays": "1s,1s",
        "log_format": "json",
    }
    for number in range(count):
        to = f"n{number}@example.com"
        assert run_command(*SENDING, to, settings=settings, cwd=home).returncode == 0
    with running(home, settings) as worker:
        worker.wait_until(lambda: len(worker.events("notification sent")) >= count)
        worker.terminate()
    return worker


def attempts(worker: Worker) -> Counter[int]:
    return Counter(entry["attempt"] for entry in worker.events("notification sent"))


@pytest.mark.parametrize("phase", ["mail", "rcpt"])
def test_field_5_5_a_fresh_connection_that_is_closed_before_the_mail_spends_no_attempt(
    home: Path, phase: str
) -> None:
    server = SmtpServer()
    server.on(phase, Cut("421 4.3.2 closing"), times=5)  # more than are tried at once
    with in_thread(server) as relay:
        worker = worked(home, f"smtp://127.0.0.1:{relay.port}", 1)

    assert attempts(worker) == {1: 1}, worker.output
    assert relay.deliveries == ["n0@example.com"]


@pytest.mark.parametrize(
    ("phase", "action"),
    [
        ("dot", Say("550 5.4.5 Daily user sending limit exceeded.")),
        ("mail", Say("452 4.5.4 daily quota exceeded")),
    ],
)
def test_field_5_10_a_quota_at_the_first_relay_spends_no_attempt_and_no_time(
    home: Path, phase: str, action: Action
) -> None:
    first, second = SmtpServer(), SmtpServer()
    first.on(phase, action)
    with in_thread(first), in_thread(second):
        urls = ",".join(f"smtp://127.0.0.1:{one.port}" for one in (first, second))
        worker = worked(home, urls, 6)

    assert attempts(worker) == {1: 6}, worker.output
    assert len(second.accepted) == 6
    assert worker.events("notification deferred") == []
