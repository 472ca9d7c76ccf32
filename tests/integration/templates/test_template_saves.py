"""A template saved under a running renderer, in each of the ways that programs save files."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.templates import FilesystemTemplates
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder, render

SETTLE = 0.6
POLL = 0.05
STEP = SETTLE / 2
LONG_SETTLE = 30
AT_ONCE = 5
"""Seconds, however busy the machine is: a file that had to rest would take LONG_SETTLE."""
OLD = "<p>the old mail, all of it</p>"
NEW = "<p>the new mail, all of it</p>"


class Watched:
    """A folder whose renderer is polled; each text that a mail would have had, with its time."""

    def __init__(self, root: Path, settle: float) -> None:
        self.path = root / "t.jinja2"
        self.templates = FilesystemTemplates(root, options=render_options(settle=settle))
        self.seen: list[str] = []

    def during(self, save: Callable[[Path], None]) -> float:
        """Poll while another thread saves; how long after its end the new text was seen."""
        ended: list[float] = []

        def work() -> None:
            save(self.path)
            ended.append(time.monotonic())

        thread = threading.Thread(target=work)
        thread.start()
        while not ended:
            self.look()
            time.sleep(POLL)
        thread.join()
        self.await_new()
        return time.monotonic() - ended[0]

    def await_new(self) -> float:
        """Poll until the new text is seen; how long that took."""
        started = time.monotonic()
        while self.look() != NEW:
            assert time.monotonic() - started < 2 * AT_ONCE, self.seen
            time.sleep(POLL)
        return time.monotonic() - started

    def look(self) -> str:
        self.templates.refresh()
        is_there = "t" in self.templates.snapshot.templates
        text = render(self.templates, "t").parts["html"] if is_there else ""
        self.seen += [text] if text not in self.seen else []
        return text


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    root = tmp_path / "templates"
    Folder(root).write({"t.jinja2": OLD, "other.jinja2": "x"})
    time.sleep(0.15)
    return Watched(root, SETTLE)


def truncate_and_write_in_steps(path: Path) -> None:
    with path.open("w") as file:
        for piece in (NEW[:9], NEW[9:20], NEW[20:]):
            time.sleep(STEP)
            file.write(piece)
            file.flush()


def close_after_each_step(path: Path) -> None:
    for end in (0, 12, len(NEW)):
        path.write_text(NEW[:end])
        time.sleep(STEP)


def write_in_steps_of_equal_length(path: Path) -> None:
    for end in (9, 20, len(NEW)):
        path.write_text(NEW[:end] + OLD[end:])
        time.sleep(STEP)


def write_and_put_the_time_back(path: Path) -> None:
    before = path.stat()
    for end in (9, 20, len(NEW)):
        path.write_text(NEW[:end] + OLD[end:])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        time.sleep(STEP)


def copy_over(path: Path) -> None:
    source = path.parent.parent / "source"
    source.write_text(NEW)
    subprocess.run(["cp", source, path], check=True)


def write_at_once(path: Path) -> None:
    path.write_text(NEW)


@pytest.mark.parametrize(
    "save",
    [
        truncate_and_write_in_steps,
        close_after_each_step,
        write_in_steps_of_equal_length,
        write_and_put_the_time_back,
        copy_over,
        write_at_once,
    ],
)
def test_field_3_6_a_file_written_in_place_is_taken_whole_once_it_rests(
    watched: Watched, save: Callable[[Path], None]
) -> None:
    took = watched.during(save)

    assert watched.seen == [OLD, NEW]
    assert took < SETTLE + 1


def rename_over(path: Path) -> None:
    temporary = path.with_name(".t.jinja2.tmp")
    temporary.write_text(NEW)
    temporary.replace(path)


def rename_over_from_a_visible_name(path: Path) -> None:
    temporary = path.with_name("t.jinja2.new")
    temporary.write_text(NEW)
    time.sleep(3 * POLL)
    temporary.replace(path)


def rename_over_with_an_old_time(path: Path) -> None:
    temporary = path.with_name(".t.jinja2.tmp")
    temporary.write_text(NEW)
    os.utime(temporary, (1_000_000_000, 1_000_000_000))
    temporary.replace(path)


def move_away_and_write_again(path: Path) -> None:
    """As vim does with `backupcopy=no`."""
    path.rename(path.with_name("t.jinja2~"))
    path.write_text(NEW)


def edit_with_sed(path: Path) -> None:
    subprocess.run(["sed", "-i", "s/old/new/", path], check=True)


def check_out(path: Path) -> None:
    """As git does: unlink, then write a file of that name."""
    path.unlink()
    path.write_text(NEW)


@pytest.mark.parametrize(
    "save",
    [
        rename_over,
        rename_over_from_a_visible_name,
        rename_over_with_an_old_time,
        edit_with_sed,
    ],
)
def test_field_3_6_a_file_that_arrives_by_rename_is_taken_at_once(
    tmp_path: Path, save: Callable[[Path], None]
) -> None:
    root = tmp_path / "templates"
    Folder(root).write({"t.jinja2": OLD})
    watched = Watched(root, LONG_SETTLE)

    took = watched.during(save)

    assert watched.seen == [OLD, NEW]
    assert took < AT_ONCE


@pytest.mark.parametrize("save", [move_away_and_write_again, check_out])
def test_field_3_6_a_file_that_is_made_again_between_two_looks_is_taken_at_once(
    tmp_path: Path, save: Callable[[Path], None]
) -> None:
    root = tmp_path / "templates"
    Folder(root).write({"t.jinja2": OLD})
    watched = Watched(root, LONG_SETTLE)
    watched.look()

    save(watched.path)

    assert watched.await_new() < AT_ONCE
    assert watched.seen == [OLD, NEW]


def test_field_3_6_a_file_that_a_look_found_missing_is_taken_once_it_rests(
    watched: Watched,
) -> None:
    watched.path.unlink()
    watched.look()
    watched.path.write_text(NEW)
    written = time.monotonic()

    watched.await_new()

    assert watched.seen[-1] == NEW
    assert set(watched.seen) <= {OLD, NEW, ""}
    assert time.monotonic() - written > SETTLE - POLL


def test_field_3_6_a_new_file_that_is_written_in_steps_is_taken_whole(watched: Watched) -> None:
    path = watched.path.with_name("fresh.jinja2")
    texts: set[str] = set()
    thread = threading.Thread(target=truncate_and_write_in_steps, args=[path])
    thread.start()

    give_up = time.monotonic() + 10
    while NEW not in texts:
        assert time.monotonic() < give_up
        watched.templates.refresh()
        if "fresh" in watched.templates.snapshot.templates:
            texts.add(render(watched.templates, "fresh").parts["html"])
        time.sleep(POLL)
    thread.join()

    assert texts == {NEW}


def test_field_3_6_a_config_map_with_a_new_template_is_taken_at_once(tmp_path: Path) -> None:
    root = tmp_path / "templates"
    Folder(root).write({"..one/t.jinja2": OLD})
    (root / "..data").symlink_to("..one")
    (root / "t.jinja2").symlink_to("..data/t.jinja2")
    watched = Watched(root, LONG_SETTLE)

    def swap(_path: Path) -> None:
        Folder(root).write({"..two/t.jinja2": NEW, "..two/fresh.jinja2": "fresh"})
        (root / "..data_tmp").symlink_to("..two")
        (root / "fresh.jinja2").symlink_to("..data/fresh.jinja2")
        (root / "..data_tmp").rename(root / "..data")

    assert watched.during(swap) < AT_ONCE
    assert watched.seen == [OLD, NEW]
    assert "fresh" in watched.templates.snapshot.templates


def test_field_3_6_a_folder_that_was_written_elsewhere_is_taken_once_it_is_moved_in(
    watched: Watched, tmp_path: Path
) -> None:
    Folder(tmp_path / "made").write({"html.jinja2": "moved"})
    time.sleep(SETTLE)
    shutil.move(tmp_path / "made", watched.path.with_name("moved"))
    started = time.monotonic()

    while "moved" not in watched.templates.snapshot.templates:
        assert time.monotonic() - started < 0.5
        watched.templates.refresh()
        time.sleep(POLL)


def test_field_3_6_an_emptied_file_never_replaces_a_full_one(watched: Watched) -> None:
    watched.path.write_text("")
    ends = time.monotonic() + SETTLE + 0.3
    while time.monotonic() < ends:
        watched.look()
        time.sleep(POLL)

    assert watched.seen == [OLD]
