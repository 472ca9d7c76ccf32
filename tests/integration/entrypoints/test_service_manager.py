"""A worker under a service manager: a socket that stands for systemd's."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.orders import shop_settings
from tests.support.worker import running


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Takes what the workers report, which this test starts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1500000")
        yield channel


@pytest.mark.parametrize("arguments", [[], ["--processes", "2"]], ids=["one process", "two"])
def test_a_worker_reports_that_it_is_ready_alive_and_stopping_even_without_its_broker(
    tmp_path: Path, manager: socket.socket, arguments: list[str]
) -> None:
    settings = shop_settings(
        tmp_path, "amqp://guest:guest@127.0.0.1:9/", f"maildir:{tmp_path}/mail", "email"
    )

    with running(tmp_path, settings, *arguments) as worker:
        reports = [manager.recv(100) for _ in range(4)]
        worker.terminate()
        while (last := manager.recv(100)) == b"WATCHDOG=1":
            continue

    assert reports.count(b"READY=1") == 1
    assert reports.count(b"WATCHDOG=1") == 3
    assert last == b"STOPPING=1"
