"""Releases swapped under a running renderer, as deployment tools swap them."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.templates import FilesystemTemplates
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder, render

ROUNDS = 300
OLD = (1_000_000_000, 1_000_000_000)


def write_release(folder: Path, name: str) -> None:
    """Pages, an include and a layout that all say which release they are from, with one time."""
    Folder(folder).write(
        {
            "page.jinja2": f"{{% extends '_base.jinja2' %}}{{% block b %}}{name} "
            "{% include '_part.jinja2' %}{% endblock %}",
            "_part.jinja2": name,
            "_base.jinja2": f"{name} {{% block b %}}{{% endblock %}}",
            **{f"_filler/{number}.jinja2": name for number in range(20)},
        }
    )
    for path in folder.rglob("*.jinja2"):
        os.utime(path, OLD)


@contextmanager
def swapping(swap: Callable[[str], None]) -> Iterator[None]:
    """Swap between the releases without a pause, in another thread."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            for name in ("one", "two"):
                swap(name)
                time.sleep(0.0005)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def assert_never_mixed(templates: FilesystemTemplates) -> None:
    seen: set[str] = set()
    give_up = time.monotonic() + 15
    rounds = 0
    while rounds < ROUNDS or len(seen) < 2:
        assert time.monotonic() < give_up, f"only saw {seen}"
        rounds += 1
        templates.refresh()
        words = render(templates, "page").parts["html"].split()
        assert len(words) == 3
        assert len(set(words)) == 1, words
        seen.add(words[0])


@pytest.mark.parametrize("layout", ["root", "parent", "config_map"])
def test_a_set_swapped_by_symlink_with_kept_times_is_never_mixed(
    tmp_path: Path, layout: str
) -> None:
    root = tmp_path / "live"
    link = {"root": root, "parent": tmp_path / "current", "config_map": root / "..data"}[layout]
    inner = "mail" if layout == "parent" else ""
    releases = root if layout == "config_map" else tmp_path
    for name in ("one", "two"):
        write_release(releases / f"..{name}" / inner, name)

    def swap(name: str) -> None:
        fresh = link.with_name("..fresh")
        fresh.symlink_to(f"..{name}")
        fresh.rename(link)

    swap("one")
    if layout == "config_map":
        for name in ("page.jinja2", "_part.jinja2", "_base.jinja2", "_filler"):
            (root / name).symlink_to(f"..data/{name}")
    served = link / inner if layout == "parent" else root
    templates = FilesystemTemplates(served, options=render_options(settle=0.0))

    with swapping(swap):
        assert_never_mixed(templates)


def test_releases_that_are_made_and_removed_meanwhile_are_never_mixed(tmp_path: Path) -> None:
    link = tmp_path / "live"
    count = iter(range(10**9))
    previous: list[Path] = []

    def swap(name: str) -> None:
        release = tmp_path / f"{next(count)}"
        write_release(release, name)
        (tmp_path / "fresh").symlink_to(release)
        (tmp_path / "fresh").rename(link)
        for old in previous:
            for path in sorted(old.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            old.rmdir()
        previous[:] = [release]

    swap("one")
    templates = FilesystemTemplates(link, options=render_options(settle=0.0))

    with swapping(swap):
        assert_never_mixed(templates)
