"""A worker whose log cannot be written: each mail is sent and settled all the same."""

import asyncio
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from tests.support.containers import unavailable
from tests.support.orders import an_order, shop_settings
from tests.support.ports import free_port
from tests.support.worker import clean_environment, wait_until

MAILS = 300
WORKER = [sys.executable, "-m", "entrypoints.worker"]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    queue, box = f"sqlite:///{tmp_path}/queue.db", f"maildir:{tmp_path}/m"
    return {**shop_settings(tmp_path, queue, box, "email"), "home": str(tmp_path)}


def publish(folder: Path, count: int, first: int = 0) -> None:
    async def fill() -> None:
        queue = SqliteQueue(folder / "queue.db", SystemClock())
        for number in range(first, first + count):
            await queue.publish("email", an_order(number), Properties(), {})
        await queue.close()

    asyncio.run(fill())


def is_settled(folder: Path) -> bool:
    async def look() -> bool:
        queue = SqliteQueue(folder / "queue.db", SystemClock())
        try:
            return await queue.is_empty(["email", "email.dead"])
        finally:
            await queue.close()

    return asyncio.run(look())


def mails(folder: Path) -> int:
    return len(list((folder / "m" / "new").glob("*"))) if (folder / "m").exists() else 0


Start = Callable[[list[str], int], subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path, settings: dict[str, str]) -> Iterator[Start]:
    """Start a worker with this command and stderr; it is gone at the end of the test."""
    workers: list[subprocess.Popen[bytes]] = []

    def begin(command: list[str], stderr: int) -> subprocess.Popen[bytes]:
        workers.append(_popen(tmp_path, settings, command, stderr))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.kill()
        worker.wait()


def _popen(
    folder: Path, settings: dict[str, str], command: list[str], stderr: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=clean_environment(**settings),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


@contextmanager
def no_reader() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def a_reader_that_stands_still() -> Iterator[int]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield writing
    os.close(reading)
    os.close(writing)


@contextmanager
def a_full_disk() -> Iterator[int]:
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


@contextmanager
def a_file_to_read_from() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(
    "stderr",
    [
        pytest.param(no_reader, id="closed pipe"),
        pytest.param(a_reader_that_stands_still, id="unread pipe"),
        pytest.param(a_full_disk, id="full disk"),
        pytest.param(a_file_to_read_from, id="read-only"),
    ],
)
def test_field_1_1_each_mail_is_sent_and_settled_whatever_stderr_is(
    tmp_path: Path,
    start: Start,
    stderr: Callable[[], AbstractContextManager[int]],
) -> None:
    publish(tmp_path, MAILS)
    with stderr() as fd:
        worker = start([*WORKER, "--drain"], fd)
        assert worker.wait(timeout=60) == 0

    assert mails(tmp_path) == MAILS
    assert is_settled(tmp_path)


def test_field_1_1_a_worker_started_without_stderr_writes_its_log_into_no_other_file(
    tmp_path: Path, start: Start
) -> None:
    publish(tmp_path, MAILS)
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *WORKER, "--drain"]
    worker = start(command, subprocess.DEVNULL)
    assert worker.wait(timeout=60) == 0

    assert mails(tmp_path) == MAILS
    assert is_settled(tmp_path)


def page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as reply:
        return str(reply.read().decode())


def dropped(port: int) -> int:
    found = re.search(r"^dispatcher_log_lines_dropped_total (\d+)$", page(port, "/metrics"), re.M)
    assert found is not None
    return int(found.group(1))


def test_field_1_1_what_could_not_be_logged_is_counted_and_the_first_sigterm_ends_the_worker(
    tmp_path: Path, settings: dict[str, str], start: Start
) -> None:
    port = free_port()
    settings["http"] = f"127.0.0.1:{port}"
    publish(tmp_path, MAILS)
    with no_reader() as fd:
        worker = start(WORKER, fd)
    wait_until(lambda: mails(tmp_path) == MAILS)
    wait_until(lambda: is_settled(tmp_path))

    wait_until(lambda: dropped(port) >= MAILS)
    assert json.loads(page(port, "/readyz"))["ready"]
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=10) == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        unavailable("a disk of 16 KiB is mounted, which needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_field_1_2_a_full_disk_holds_no_mail_up_and_the_log_goes_on_once_there_is_room(
    tmp_path: Path, small_disk: Path, start: Start
) -> None:
    log = small_disk / "w.log"
    publish(tmp_path, MAILS)
    with log.open("ab") as file:
        worker = start(WORKER, file.fileno())
    wait_until(lambda: mails(tmp_path) == MAILS)
    wait_until(lambda: is_settled(tmp_path))
    assert log.stat().st_size >= 12 * 1024

    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    publish(tmp_path, 1, first=MAILS)

    def entries() -> list[dict[str, object]]:
        lines = [line for line in log.read_text().splitlines() if line.endswith("}")]
        return [json.loads(line) for line in lines]

    wait_until(lambda: f"id-{MAILS}" in [entry.get("id") for entry in entries()])
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=10) == 0
    event = "log lines could not be written and are dropped"
    lost = [int(str(entry["lines"])) for entry in entries() if entry["event"] == event]
    logged = [entry for entry in entries() if entry["event"] == "notification sent"]
    assert lost
    assert len(logged) < MAILS
    assert len(logged) + sum(lost) >= MAILS + 1
