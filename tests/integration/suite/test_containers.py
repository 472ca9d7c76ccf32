"""What several processes of a test run share is started once."""

import multiprocessing
import os
from pathlib import Path

import pytest

from tests.support.containers import Container, Image, TestRun

IMAGE: Image = ("DISPATCHER_TEST_NO_IMAGE", "nothing")


def asked(folder: Path, number: int) -> Container:
    """What a process of its own is handed out; it says in a file if it was the one to start it."""

    def start() -> Container:
        (folder / f"started-{number}").touch()
        return Container(f"container of {number}", "127.0.0.1", {"5672": number})

    return TestRun(folder, f"gw{number}").share(IMAGE, start)


def test_the_first_process_starts_a_container_and_all_have_the_same(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as processes:
        found = processes.starmap(asked, [(tmp_path, number) for number in range(1, 5)])

    assert len(list(tmp_path.glob("started-*"))) == 1
    assert found == [found[0]] * 4


def test_what_could_not_be_started_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def start() -> Container:
        tries.append(os.getpid())
        raise RuntimeError("the disk is full")

    monkeypatch.setenv("CI", "true")
    run = TestRun(tmp_path)

    for _ in range(2):
        with pytest.raises(pytest.fail.Exception, match="cannot be started: the disk is full"):
            run.share(IMAGE, start)

    assert len(tries) == 1
