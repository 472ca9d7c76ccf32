"""Reports to systemd, as sd_notify(3) has them, over a real socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrypoints.settings.sources import read_supervision
from entrypoints.watching.service_manager import READY, STOPPING, ServiceManager


@pytest.fixture
def manager_socket(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """What systemd listens on, and its address."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(address)
        channel.settimeout(1)
        yield channel, address


def test_ready_alive_and_stopping_are_reported(manager_socket: tuple[socket.socket, str]) -> None:
    channel, address = manager_socket
    manager = ServiceManager(address, 60)

    manager.report(READY)
    manager.alive()
    manager.report(STOPPING)

    assert [channel.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_life_is_reported_thrice_in_a_period_however_often_it_is_said(
    manager_socket: tuple[socket.socket, str],
) -> None:
    channel, address = manager_socket
    manager = ServiceManager(address, 60)

    for _ in range(5):
        manager.alive()

    assert channel.recv(100) == b"WATCHDOG=1"
    channel.settimeout(0)
    with pytest.raises(BlockingIOError):
        channel.recv(100)


def test_without_a_watchdog_life_is_not_reported(
    manager_socket: tuple[socket.socket, str],
) -> None:
    channel, address = manager_socket

    ServiceManager(address).alive()

    channel.settimeout(0)
    with pytest.raises(BlockingIOError):
        channel.recv(100)


def test_a_socket_in_the_abstract_namespace_is_found() -> None:
    name = f"dispatcher-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{name}")
        channel.settimeout(1)

        ServiceManager(*read_supervision({"NOTIFY_SOCKET": f"@{name}"})).report(READY)

        assert channel.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nonexistent/notify"])
def test_a_manager_that_is_not_there_is_no_fault(address: str) -> None:
    manager = ServiceManager(address, 1)

    manager.report(READY)
    manager.alive()
    manager.report(STOPPING)


@pytest.mark.parametrize(
    ("environ", "read"),
    [
        ({}, ("", None)),
        ({"NOTIFY_SOCKET": "/run/n"}, ("/run/n", None)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "3000000"}, ("/run/n", 3)),
        (
            {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())},
            ("/n", 3),
        ),
        (
            {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"},
            ("/n", None),
        ),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "soon"}, ("/run/n", None)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "0"}, ("/run/n", None)),
        ({"WATCHDOG_USEC": "3000000"}, ("", None)),
    ],
)
def test_what_the_environment_says_is_read(
    environ: dict[str, str], read: tuple[str, float | None]
) -> None:
    assert read_supervision(environ) == read
