"""`--processes 2`: one endpoint for all, whose sums hold whatever becomes of a process."""

import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.metrics import sample, samples_of
from tests.support.orders import shop_settings
from tests.support.worker import Worker, run_command, running

MAILS = 200
SENT = sample(
    "notifications_total",
    {"channel": "email", "template": "welcome", "outcome": "sent", "reason": ""},
)
SENDS = sample("send_seconds_count", {"channel": "email"})
_SUMS = ("_total", "_count", "_sum", "_bucket")


def ask(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def read(port: int) -> dict[str, float]:
    return samples_of(ask(port, "/metrics")[1])


def causes(port: int) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(ask(port, "/readyz")[1])["causes"]
    return found


def children(worker: Worker) -> list[int]:
    pid = worker.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Watch(threading.Thread):
    """Reads the metrics again and again, and keeps each sum that fell."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.last: Mapping[str, float] = {}
        self.fallen: list[tuple[str, float, float]] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            now = read(self.port)
            for name, before in self.last.items():
                if name.partition("{")[0].endswith(_SUMS) and now.get(name, -1) < before:
                    self.fallen.append((name, before, now.get(name, -1)))
            self.last = {**self.last, **now}


def send(folder: Path, settings: Mapping[str, str], count: int) -> None:
    done = run_command("send", "welcome", f"--fake={count}", settings=settings, cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "welcome.jinja2").write_text("Hello {{ name }}")
    return {
        "home": str(tmp_path / "var"),
        "templates_dir": str(tmp_path / "templates"),
        "email_from": "shop@example.com",
        "email_url": f"maildir:{tmp_path}/mail",
        "http": "127.0.0.1:0",
        "log_format": "json",
    }


def test_the_parent_adds_up_what_its_processes_do_and_no_sum_falls_when_one_is_killed(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    send(tmp_path, settings, MAILS)

    with running(tmp_path, settings, "--processes", "2") as worker:
        port = worker.wait_for("probes are served")["port"]
        watch = Watch(port)
        watch.start()
        try:
            worker.wait_until(lambda: read(port).get(SENT, 0) == MAILS)
            worker.wait_until(lambda: causes(port) == [])
            before = read(port)
            killed = children(worker)[0]
            os.kill(killed, signal.SIGKILL)
            worker.wait_until(lambda: read(port)["dispatcher_process_restarts_total"] == 1)
            assert killed not in children(worker)
            worker.wait_until(lambda: causes(port) == [])
            send(tmp_path, settings, 20)
            worker.wait_until(lambda: read(port)[SENT] == MAILS + 20)
        finally:
            watch.ended.set()
            watch.join()
        after, (live, _) = read(port), ask(port, "/livez")
        assert worker.terminate() == 0

    assert watch.fallen == []
    assert len(watch.last) > 50
    assert before[SENDS] == MAILS
    assert after[SENDS] == MAILS + 20
    assert before["dispatcher_processes"] == after["dispatcher_processes"] == 2
    assert live == 200
    assert len(worker.events("probes are served")) == 1


def test_the_sums_hold_when_a_process_is_killed_in_the_middle_of_its_mails(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    send(tmp_path, settings, MAILS)

    with running(tmp_path, settings, "--processes", "2") as worker:
        port = worker.wait_for("probes are served")["port"]
        watch = Watch(port)
        watch.start()
        mails = tmp_path / "mail" / "new"
        try:
            worker.wait_until(lambda: mails.exists() and len(list(mails.iterdir())) > 20)
            os.kill(children(worker)[0], signal.SIGKILL)
            worker.wait_until(lambda: len(list(mails.iterdir())) >= MAILS)
            worker.wait_until(lambda: read(port).get("dispatcher_in_flight") == 0)
            worker.wait_until(lambda: causes(port) == [])
            time.sleep(1.5)  # the last reports
        finally:
            watch.ended.set()
            watch.join()
        assert worker.terminate() == 0

    assert watch.fallen == []
    assert 0 < watch.last[SENT] <= MAILS


def test_a_cause_of_all_processes_names_them(tmp_path: Path) -> None:
    settings = shop_settings(
        tmp_path, "amqp://guest:guest@127.0.0.1:9/", f"maildir:{tmp_path}/mail", "email"
    ) | {"http": "127.0.0.1:0"}

    with running(tmp_path, settings, "--processes", "2") as worker:
        port = worker.wait_for("probes are served")["port"]
        worker.wait_until(lambda: [cause["name"] for cause in causes(port)] == ["queues"])
        status, [cause] = ask(port, "/readyz")[0], causes(port)
        live, _ = ask(port, "/livez")
        assert worker.terminate() == 0

    assert (status, live) == (503, 200)
    assert cause["cause"].startswith("process")
    assert "1" in cause["cause"]
    assert "2" in cause["cause"]


def test_processes_whose_parent_was_killed_end_by_themselves(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with running(tmp_path, settings, "--processes", "2") as worker:
        port = worker.wait_for("probes are served")["port"]
        worker.wait_until(lambda: causes(port) == [])
        orphans = children(worker)
        worker.kill()
        worker.wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in orphans))

    assert {line["cause"] for line in worker.events("stopping")} == {"the parent process has ended"}
