"""What the operator sees of a running worker: probes, metrics and alerts, over real connections."""

import email
import email.policy
import json
import socket
import time
from email.message import EmailMessage
from http.client import HTTPConnection
from pathlib import Path

import pytest

from domain.alerts import PATIENCE
from tests.support.orders import shop_settings
from tests.support.smtp_server import Say, SmtpServer
from tests.support.worker import run_command, running, wait_until

OPS = "ops@example.org"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """A worker on the embedded queue, with a local mailbox."""
    base = shop_settings(
        tmp_path, f"sqlite:///{tmp_path}/queue.db", f"maildir:{tmp_path}/mail", "email"
    )
    return {**base, "http": "127.0.0.1:0", "email_from": "Shop <shop@example.com>"}


def ask(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def send(folder: Path, settings: dict[str, str], template: str, to: str) -> None:
    data = ["--data", '{"name": "Ann"}']
    sent = run_command("send", template, "--to", to, *data, settings=settings, cwd=folder)
    assert sent.returncode == 0, sent.stderr


def mails_to(folder: Path, address: str) -> list[EmailMessage]:
    found = []
    for path in (folder / "mail" / "new").glob("*"):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if mail["Delivered-To"] == address:
            found.append(mail)
    return found


def test_probes_tell_whether_the_worker_is_ready_and_metrics_what_it_did(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with running(tmp_path, settings) as worker:
        port = worker.wait_for("probes are served")["port"]
        wait_until(lambda: ask(port, "/readyz")[0] == 200, on_failure=lambda: worker.output)
        assert ask(port, "/livez")[0] == 200
        send(tmp_path, settings, "welcome", "ann@example.com")
        send(tmp_path, settings, "nowhere", "bob@example.com")
        worker.wait_for("notification sent")
        worker.wait_for("notification dead-lettered")
        _, metrics = ask(port, "/metrics")
        (tmp_path / "templates" / "welcome.jinja2").write_text("{{ name")
        wait_until(lambda: ask(port, "/readyz")[0] == 503, on_failure=lambda: worker.output)
        _, answer = ask(port, "/readyz")
        (tmp_path / "templates" / "welcome.jinja2").write_text("{{ name }}")
        wait_until(lambda: ask(port, "/readyz")[0] == 200, on_failure=lambda: worker.output)
        assert worker.peak_memory() <= 70
        assert worker.terminate() == 0

    [cause] = json.loads(answer)["causes"]
    assert cause["name"] == "templates"
    assert "welcome.jinja2" in cause["cause"]
    labels = 'channel="email",outcome="sent",reason="",template="welcome"'
    assert f"dispatcher_notifications_total{{{labels}}} 1" in metrics
    assert 'outcome="dead_lettered",reason="template_missing",template="other"} 1' in metrics
    assert 'dispatcher_end_to_end_seconds_count{channel="email"} 1' in metrics
    assert 'dispatcher_send_seconds_count{channel="email"} 1' in metrics
    assert "dispatcher_render_seconds_count 2" in metrics
    assert 'dispatcher_ledger_seconds_count{call="finish"} 2' in metrics
    assert "example.com" not in metrics


def test_a_paused_channel_is_not_ready_and_says_why(
    tmp_path: Path, settings: dict[str, str], server: SmtpServer
) -> None:
    server.on("connect", Say("421 4.3.2 closing for bob@example.com"))
    settings = {**settings, "email_url": f"smtp://127.0.0.1:{server.port}"}

    with running(tmp_path, settings) as worker:
        port = worker.wait_for("probes are served")["port"]
        send(tmp_path, settings, "welcome", "ann@example.com")
        worker.wait_for("channel is paused: what it needs is away")
        status, answer = ask(port, "/readyz")
        _, metrics = ask(port, "/metrics")
        server.rules.clear()
        wait_until(lambda: ask(port, "/readyz")[0] == 200, on_failure=lambda: worker.output)
        assert worker.terminate() == 0

    [cause] = json.loads(answer)["causes"]
    assert (status, cause["name"]) == (503, "email")
    assert "421" in cause["cause"]
    assert "bob@" not in cause["cause"]
    assert 'dispatcher_channel_paused{channel="email"} 1' in metrics
    assert server.deliveries == ["ann@example.com"]


def test_without_its_broker_a_worker_is_alive_and_not_ready(
    tmp_path: Path, settings: dict[str, str], server: SmtpServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port_of_nobody = closed.getsockname()[1]
    relay = f"smtp://127.0.0.1:{server.port}"
    broker = f"amqp://guest:guest@127.0.0.1:{port_of_nobody}/"
    settings = {**settings, "broker_url": broker, "email_url": relay}

    with running(tmp_path, settings) as worker:
        port = worker.wait_for("probes are served")["port"]
        worker.wait_for("broker is unreachable; waiting")
        live, _ = ask(port, "/livez")
        status, answer = ask(port, "/readyz")
        assert worker.peak_memory() <= 70
        assert worker.terminate() == 0

    assert (live, status) == (200, 503)
    assert [cause["name"] for cause in json.loads(answer)["causes"]] == ["queues"]


def test_a_port_in_use_is_refused_with_78_by_one_worker_and_by_the_parent_of_several(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings["http"] = f"127.0.0.1:{taken.getsockname()[1]}"
        one = run_command("worker", "--drain", settings=settings, cwd=tmp_path)
        several = run_command("worker", "--processes=2", settings=settings, cwd=tmp_path)

    for refused in (one, several):
        assert refused.returncode == 78
        assert "DISPATCHER_HTTP: cannot listen on" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert "worker starting" not in several.stderr


def test_letters_of_one_cause_are_one_alert_whose_command_replays_them(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    settings = {**settings, "alerts_to": f"email:{OPS}", "auto_release": "off"}
    data = ["--to", "ann@example.com", "--data", '{"name": "Ann"}']
    for _ in range(3):
        run_command("send", "later", *data, settings=settings, cwd=tmp_path)

    with running(tmp_path, settings) as worker:
        wait_until(lambda: bool(mails_to(tmp_path, OPS)), on_failure=lambda: worker.output)
        (tmp_path / "templates" / "later.jinja2").write_text("Later, {{ name }}")
        worker.wait_for("templates changed")
        [alert] = mails_to(tmp_path, OPS)
        text = alert.get_content()
        command = text.splitlines()[-1].split()
        replayed = run_command(*command[1:], "--yes", settings=settings, cwd=tmp_path)
        wait_until(lambda: len(mails_to(tmp_path, "ann@example.com")) == 3)
        assert worker.terminate() == 0

    assert alert["Subject"] == "[dispatcher] 3 dead letters: template_missing, template later"
    assert "letters:    3" in text
    assert command[:3] == ["dispatcher", "failed", "retry"]
    assert replayed.returncode == 0, replayed.stderr
    assert len(mails_to(tmp_path, OPS)) == 1


def test_a_worker_that_drains_alerts_before_it_ends(
    tmp_path: Path, settings: dict[str, str], server: SmtpServer
) -> None:
    server.on("rcpt", Say("550 5.1.1 no such user"), address="bob@example.com")
    relay = f"smtp://127.0.0.1:{server.port}"
    settings = {**settings, "email_url": relay, "alerts_to": f"email:{OPS}"}
    send(tmp_path, settings, "welcome", "bob@example.com")

    drained = run_command("worker", "--drain", settings=settings, cwd=tmp_path)

    assert drained.returncode == 0, drained.stderr
    assert server.deliveries == [OPS]
    assert b"recipient_refused" in server.accepted[0].data
    assert b"bob@" not in server.accepted[0].data


def test_an_alert_channel_that_refuses_makes_one_log_line_and_no_letter(
    tmp_path: Path, settings: dict[str, str], server: SmtpServer
) -> None:
    server.on("rcpt", Say("550 5.1.1 no such user"))
    relay = f"smtp://127.0.0.1:{server.port}"
    settings = {**settings, "email_url": relay, "alerts_to": f"email:{OPS}"}
    send(tmp_path, settings, "welcome", "bob@example.com")
    send(tmp_path, settings, "nowhere", "bob@example.com")

    drained = run_command("worker", "--drain", settings=settings, cwd=tmp_path)
    listed = run_command("failed", "list", "--json", settings=settings, cwd=tmp_path)

    assert drained.returncode == 0, drained.stderr
    assert drained.stderr.count("alert could not be sent; it is dropped") == 1
    assert len(json.loads(listed.stdout)) == 2


@pytest.mark.slow
def test_a_pause_of_the_channel_that_carries_alerts_is_told_when_it_is_over(
    tmp_path: Path, settings: dict[str, str], server: SmtpServer
) -> None:
    server.on("connect", Say("421 4.3.2 closing"))
    relay = f"smtp://127.0.0.1:{server.port}"
    settings = {**settings, "email_url": relay, "alerts_to": f"email:{OPS}"}

    with running(tmp_path, settings) as worker:
        send(tmp_path, settings, "welcome", "ann@example.com")
        worker.wait_for("channel is paused: what it needs is away")
        time.sleep(PATIENCE.total_seconds() + 1)  # a shorter pause makes no alert
        server.rules.clear()
        wait_until(lambda: OPS in server.deliveries, seconds=60, on_failure=lambda: worker.output)
        assert worker.terminate() == 0

    assert server.deliveries == ["ann@example.com", OPS]
    assert b"all clear: channel email goes on" in server.accepted[1].data
    assert worker.events("alert could not be sent; it is dropped") == []
