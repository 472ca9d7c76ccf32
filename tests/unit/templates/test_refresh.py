"""Exchanging a whole set while it is in use."""

import os
import shutil
from pathlib import Path

import pytest

from domain.events import TemplatesChanged
from tests.unit.templates.conftest import Folder, render


def test_an_edit_shows_after_a_refresh_with_a_new_version(folder: Folder) -> None:
    reports: list[TemplatesChanged] = []
    templates = folder.write({"t.jinja2": "{% include '_i.jinja2' %}", "_i.jinja2": "old"}).load(
        reports
    )
    before = templates.snapshot.version

    folder.write({"_i.jinja2": "new"})

    assert render(templates, "t").parts["html"] == "old"
    assert templates.refresh()
    assert render(templates, "t").parts["html"] == "new"
    assert render(templates, "t").version == templates.snapshot.version != before
    assert reports == [TemplatesChanged(version=templates.snapshot.version)]
    assert not templates.refresh()


def test_an_edit_of_equal_length_with_the_old_time_put_back_is_seen(folder: Folder) -> None:
    templates = folder.write({"t.jinja2": "old"}).load()
    path = folder.root / "t.jinja2"
    seen = path.stat()

    path.write_text("new")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    assert templates.refresh()
    assert render(templates, "t").parts["html"] == "new"


def test_added_and_removed_files_are_seen(folder: Folder) -> None:
    templates = folder.write({"a.jinja2": "a"}).load()

    folder.write({"b.jinja2": "b"})
    (folder.root / "a.jinja2").unlink()

    assert templates.refresh()
    assert list(templates.snapshot.templates) == ["b"]


def test_touching_a_file_is_no_new_set(folder: Folder) -> None:
    reports: list[TemplatesChanged] = []
    templates = folder.write({"a.jinja2": "a"}).load(reports)

    os.utime(folder.root / "a.jinja2", (1, 1))

    assert not templates.refresh()
    assert reports == []


def test_a_broken_set_keeps_the_last_good_one_and_is_told_once(folder: Folder) -> None:
    reports: list[TemplatesChanged] = []
    templates = folder.write({"a.jinja2": "good", "b.jinja2": "old"}).load(reports)
    good = templates.snapshot.version

    folder.write({"a.jinja2": "{% if %}", "b.jinja2": "new"})
    taken = [templates.refresh() for _ in range(3)]
    os.utime(folder.root / "a.jinja2", (1, 1))
    taken.append(templates.refresh())

    assert taken == [False] * 4
    assert (templates.snapshot.version, render(templates, "b").parts["html"]) == (good, "old")
    (report,) = reports
    assert report.version == good
    assert report.faults[0].startswith("a.jinja2 line 1")


def test_each_different_broken_set_is_told(folder: Folder) -> None:
    reports: list[TemplatesChanged] = []
    templates = folder.write({"a.jinja2": "good"}).load(reports)

    for text in ("{% if %}", "{% for %}"):
        folder.write({"a.jinja2": text})
        templates.refresh()

    assert len(reports) == 2


@pytest.mark.parametrize("mended", ["good", "better"])
def test_mending_a_broken_set_is_told(folder: Folder, mended: str) -> None:
    reports: list[TemplatesChanged] = []
    templates = folder.write({"a.jinja2": "good"}).load(reports)
    folder.write({"a.jinja2": "{% if %}"})
    templates.refresh()

    folder.write({"a.jinja2": mended})

    assert templates.refresh() is (mended == "better")
    assert reports[1:] == [TemplatesChanged(version=templates.snapshot.version)]
    assert render(templates, "a").parts["html"] == mended


def test_a_folder_that_vanishes_keeps_the_last_good_set_until_it_is_back(folder: Folder) -> None:
    reports: list[TemplatesChanged] = []
    templates = folder.write({"a.jinja2": "good"}).load(reports)

    shutil.rmtree(folder.root)
    gone = [templates.refresh(), templates.refresh()]

    assert gone == [False, False]
    assert [len(report.faults) for report in reports] == [1]
    assert render(templates, "a").parts["html"] == "good"
    folder.write({"a.jinja2": "back"})
    assert templates.refresh()


def test_field_3_8_a_folder_that_was_away_and_is_back_unchanged_is_reported_as_good(
    folder: Folder,
) -> None:
    reports: list[TemplatesChanged] = []
    templates = folder.write({"a.jinja2": "good"}).load(reports)
    templates.refresh()
    away = folder.root.with_name("away")

    for _ in range(2):
        folder.root.rename(away)
        templates.refresh()
        away.rename(folder.root)
        templates.refresh()
        templates.refresh()

    good = TemplatesChanged(version=templates.snapshot.version)
    assert [report.is_refused for report in reports] == [True, False, True, False]
    assert reports[1::2] == [good, good]


def test_a_folder_found_empty_keeps_the_last_good_set(folder: Folder) -> None:
    reports: list[TemplatesChanged] = []
    templates = folder.write({"a.jinja2": "good"}).load(reports)

    (folder.root / "a.jinja2").unlink()

    assert not templates.refresh()
    assert reports[0].faults == (f"{folder.root}: no template is left",)
    assert render(templates, "a").parts["html"] == "good"


def test_a_folder_may_be_empty_at_the_start_and_filled_later(folder: Folder) -> None:
    templates = folder.load()

    folder.write({"a.jinja2": "first"})

    assert templates.refresh()
    assert render(templates, "a").parts["html"] == "first"


def test_a_release_switched_by_a_link_is_taken_whole(folder: Folder, tmp_path: Path) -> None:
    for release in ("one", "two"):
        Folder(tmp_path / release).write(
            {"t.jinja2": release + " {% include '_i.jinja2' %}", "_i.jinja2": release}
        )
    current = Folder(tmp_path / "current")
    current.root.symlink_to("one")
    templates = current.load()

    current.root.unlink()
    current.root.symlink_to("two")

    assert templates.refresh()
    assert render(templates, "t").parts["html"] == "two two"


def test_a_config_map_is_read_through_its_data_link(folder: Folder) -> None:
    root = folder.write({"..one/t.jinja2": "one", "..two/t.jinja2": "two"}).root
    (root / "..data").symlink_to("..one")
    (root / "t.jinja2").symlink_to("..data/t.jinja2")
    templates = folder.load()
    before = render(templates, "t").parts["html"]

    (root / "..data_tmp").symlink_to("..two")
    (root / "..data_tmp").rename(root / "..data")

    assert templates.refresh()
    assert (before, render(templates, "t").parts["html"]) == ("one", "two")
