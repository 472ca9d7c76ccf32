"""`dispatcher mailbox` as a browser meets it."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.worker import clean_environment, run_command

TEXT = "To: #orders\nSubject: Hello\n\n*paid*\n"


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The running command and its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from entrypoints.cli import main; main()", *arguments],
        env=clean_environment(),
        cwd=home,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, line
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def ask(port: int, path: str = "/", *, method: str = "GET", host: str = "") -> tuple[int, str, str]:
    """Status, policy and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
        response = connection.getresponse()
        policy = response.getheader("Content-Security-Policy", "")
        return response.status, policy, response.read().decode()
    finally:
        connection.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "var/slack").mkdir(parents=True)
    (tmp_path / "var/slack/1.txt").write_text(TEXT)
    return tmp_path


def test_what_was_captured_is_served_and_what_comes_later_too(home: Path) -> None:
    with serving(home, "mailbox", "--port=0") as (_process, port):
        status, policy, page = ask(port)
        (home / "var/slack/2.txt").write_text(TEXT.replace("Hello", "Later"))
        _status, _policy, later = ask(port)

        assert (status, "Hello" in page, "Later" in page) == (200, True, False)
        assert policy.startswith("default-src 'none'")
        assert "Later" in later
        assert ask(port, "/m/nothing")[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8025", "127.0.0.1.evil.example:1"])
def test_a_page_elsewhere_cannot_read_it_under_a_name_of_its_own(home: Path, host: str) -> None:
    with serving(home, "mailbox", "--port=0") as (_process, port):
        status, _policy, body = ask(port, host=host)

    assert (status, body) == (421, "this is another host")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_it_only_reads(home: Path, method: str) -> None:
    with serving(home, "mailbox", "--port=0") as (_process, port):
        assert ask(port, method=method)[0] == 405


def test_only_this_machine_can_ask(home: Path) -> None:
    outside = "0.0.0.0"
    with serving(home, "mailbox", "--port=0") as (process, port):
        sockets = Path(f"/proc/{process.pid}/net/tcp").read_text()

    assert f"0100007F:{port:04X}" in sockets
    assert f"{int(socket.inet_aton(outside).hex(), 16):08X}:{port:04X}" not in sockets


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_to(home: Path, stop: signal.Signals) -> None:
    with serving(home, "mailbox", "--port=0") as (process, port):
        assert ask(port)[0] == 200
        os.kill(process.pid, stop)
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_port_that_is_taken_is_told_in_one_line(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run_command("mailbox", f"--port={port}", settings={}, cwd=home)

    assert refused.returncode == 1
    assert "Address already in use; try --port" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_templates_are_served_in_the_same_way_and_bounded(home: Path) -> None:
    (home / "templates").mkdir()
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    (home / "templates/endless.jinja2").write_text(endless)
    with serving(home, "preview", "--port=0") as (process, port):
        assert "endless" in ask(port)[2]
        assert "took too long" in ask(port, "/t/endless")[2]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
