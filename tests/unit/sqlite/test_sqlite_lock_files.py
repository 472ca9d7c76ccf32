"""A death is seen at once, and nothing else is taken for one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.sqlite.processes import LockFiles
from tests.support.worker import clean_environment, wait_until

HOLDER = """
import sys, time
from pathlib import Path
from adapters.sqlite.processes import LockFiles
LockFiles(Path(sys.argv[1]), sys.argv[2]).hold()
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def a_process(database: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", HOLDER, str(database), name]
    with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_field_7_9_a_process_is_dead_the_moment_it_is_killed_and_not_before(tmp_path: Path) -> None:
    database = tmp_path / "ledger.db"
    ours = LockFiles(database, "ours")
    with a_process(database, "theirs") as process:
        assert not ours.has_died("theirs")
        process.send_signal(signal.SIGSTOP)  # it stands still, which is for the lease to judge
        assert not ours.has_died("theirs")

        process.kill()
        process.wait()

        assert ours.has_died("theirs")
        assert ours.died() == ["theirs"]
        ours.forget(["theirs"])
        assert not ours.has_died("theirs")
        assert list(tmp_path.iterdir()) == []


def test_a_child_process_does_not_keep_its_dead_parent_alive(tmp_path: Path) -> None:
    database = tmp_path / "ledger.db"
    parent = HOLDER.replace(
        "time.sleep(60)",
        "import subprocess; subprocess.Popen(['sleep', '5'], stdout=subprocess.DEVNULL)",
    )
    command = [sys.executable, "-c", parent, str(database), "theirs"]
    subprocess.run(command, env=clean_environment(), stdout=subprocess.DEVNULL, check=True)

    assert LockFiles(database, "ours").has_died("theirs")


def test_a_process_without_a_lock_file_is_not_known_to_be_dead(tmp_path: Path) -> None:
    assert not LockFiles(tmp_path / "ledger.db", "ours").has_died("theirs")


def test_we_are_not_dead_and_leave_nothing_behind(tmp_path: Path) -> None:
    ours = LockFiles(tmp_path / "ledger.db", "ours")
    ours.hold()
    ours.hold()
    other = LockFiles(tmp_path / "ledger.db", "other")

    assert not ours.has_died("ours")
    assert not other.has_died("ours")
    assert ours.died() == other.died() == []
    ours.release()
    ours.release()
    assert list(tmp_path.iterdir()) == []


def test_two_that_look_at_the_same_time_agree(tmp_path: Path) -> None:
    database = tmp_path / "ledger.db"
    with a_process(database, "theirs") as process:
        process.kill()
        process.wait()
        lookers = [LockFiles(database, str(number)) for number in range(2)]
        fd = os.open(tmp_path / "ledger.db-alive-theirs", os.O_RDONLY)
        try:
            wait_until(lambda: all(looker.has_died("theirs") for looker in lookers))
        finally:
            os.close(fd)


def test_where_no_file_can_be_made_the_lease_alone_decides() -> None:
    nowhere = LockFiles(Path("/proc/ledger.db"), "ours")
    nowhere.hold()

    assert nowhere.died() == []
    nowhere.release()
