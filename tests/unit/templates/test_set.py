"""Loading, refusing and exchanging whole sets."""

import os
import shutil
from pathlib import Path

import pytest

from adapters.templates import SetReport, TemplateSetBroken
from tests.unit.templates.conftest import Folder, render


def faults(folder: Folder) -> tuple[str, ...]:
    with pytest.raises(TemplateSetBroken) as broken:
        folder.load()
    return broken.value.faults


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"t.jinja2": "\n{% if %}"}, "t.jinja2 line 2: Expected an expression"),
        ({"t.jinja2": "{{ x|nope }}"}, "t.jinja2 line 1: No filter named 'nope'."),
        ({"_i.jinja2": "{% endfor %}"}, "_i.jinja2 line 1: Encountered unknown tag 'endfor'"),
        ({"t.jinja2": "\n{% include 'no' %}"}, "t.jinja2 line 2: there is no file 'no'"),
        ({"t.jinja2": "{% extends 'no' %}"}, "t.jinja2 line 1: there is no file 'no'"),
        ({"t.jinja2": b"a\n\xff"}, "t.jinja2 line 2: is not UTF-8"),
        ({"t.jinja2": "{% include 'style.css' %}", "style.css": "{{"}, "style.css line 1"),
        (
            {"t.jinja2": "x", "t/html.jinja2": "x"},
            "t.jinja2 and t/html.jinja2: both are the template 't'; keep one",
        ),
        (
            {"t/html.it.jinja2": "x", "t/html.IT.jinja2": "x"},
            "t/html.IT.jinja2 and t/html.it.jinja2: both are the same part",
        ),
        ({"t/template.toml": ""}, "t/template.toml: there is no part"),
        ({"t/html.jinja2": "x", "t/template.toml": "a = "}, "t/template.toml: is not TOML"),
        (
            {"t/html.jinja2": "x", "t/template.toml": "chanels = []"},
            "t/template.toml: chanels: is no key of template.toml; did you mean 'channels'?",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'subject = "{{ x }}"'},
            "t/template.toml: subject: is taken as it stands",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'subject = "a\\nb"'},
            "t/template.toml: subject: must not contain LF",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'expiry = "soon"'},
            "t/template.toml: expiry: must be a duration such as",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'expiry = "0s"'},
            "t/template.toml: expiry: must be longer than zero",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": "priority = true"},
            "t/template.toml: priority: must be a whole number from 0 to 255",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'in_doubt = "maybe"'},
            't/template.toml: in_doubt: must be "resend" or "hold"',
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'channels = "email"'},
            "t/template.toml: channels: must be a list of channels",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'from = "Shop <>"'},
            "t/template.toml: from: recipient: must not be empty",
        ),
    ],
)
def test_a_broken_set_is_refused_at_the_start(
    folder: Folder, files: dict[str, str | bytes], fault: str
) -> None:
    (only,) = faults(folder.write(files))

    assert only.startswith(fault)


def test_all_faults_are_told_at_once(folder: Folder) -> None:
    folder.write({"a.jinja2": "{% if %}", "b.jinja2": "{{", "c/html.jinja2": "{% include 'x' %}"})

    assert [fault.split(" ")[0] for fault in faults(folder)] == [
        "a.jinja2",
        "b.jinja2",
        "c/html.jinja2",
    ]


def test_a_folder_that_is_not_there_is_broken(folder: Folder) -> None:
    folder.root.rmdir()

    assert faults(folder) == (f"{folder.root}: No such file or directory",)


def test_references_that_may_be_missing_do_not_break_a_set(folder: Folder) -> None:
    folder.write(
        {
            "t.jinja2": "{% include 'no' ignore missing %}{% include ['no', '_yes.txt'] %}"
            "{# {% include 'commented' %} #}{% include './_yes.txt' %}",
            "_yes.txt": "yes",
            "logo.png": b"\x89PNG\xff",
        }
    )

    assert folder.render("t").parts["html"] == "yesyes"


def test_hidden_files_backups_and_dangling_links_are_passed_over(folder: Folder) -> None:
    folder.write(
        {"t.jinja2": "x", ".t.jinja2.swp": b"\xff", "u.jinja2~": "{%", ".git/a.jinja2": "{%"}
    )
    (folder.root / ".#t.jinja2").symlink_to("nobody@nowhere")
    (folder.root / "gone.jinja2").symlink_to("gone")
    (folder.root / "loop").symlink_to(folder.root)

    assert list(folder.load().snapshot.templates) == ["t"]


def test_equal_folders_have_equal_versions_and_any_edit_changes_it(folder: Folder) -> None:
    first = folder.write({"t.jinja2": "x", "_i.txt": "y"}).load().version
    again = folder.write({"t.jinja2": "x"}).load().version
    other = folder.write({"_i.txt": "z"}).load().version

    assert first == again != other


def test_an_edit_shows_after_a_refresh_with_a_new_version(folder: Folder) -> None:
    reports: list[SetReport] = []
    templates = folder.write({"t.jinja2": "{% include '_i.jinja2' %}", "_i.jinja2": "old"}).load(
        reports
    )
    before = templates.version

    folder.write({"_i.jinja2": "new"})

    assert render(templates, "t").parts["html"] == "old"
    assert templates.refresh()
    assert render(templates, "t").parts["html"] == "new"
    assert render(templates, "t").version == templates.version != before
    assert reports == [SetReport(version=templates.version)]
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
    reports: list[SetReport] = []
    templates = folder.write({"a.jinja2": "a"}).load(reports)

    os.utime(folder.root / "a.jinja2", (1, 1))

    assert not templates.refresh()
    assert reports == []


def test_a_broken_set_keeps_the_last_good_one_and_is_told_once(folder: Folder) -> None:
    reports: list[SetReport] = []
    templates = folder.write({"a.jinja2": "good", "b.jinja2": "old"}).load(reports)
    good = templates.version

    folder.write({"a.jinja2": "{% if %}", "b.jinja2": "new"})
    taken = [templates.refresh() for _ in range(3)]
    os.utime(folder.root / "a.jinja2", (1, 1))
    taken.append(templates.refresh())

    assert taken == [False] * 4
    assert (templates.version, render(templates, "b").parts["html"]) == (good, "old")
    (report,) = reports
    assert report.version == good
    assert report.faults[0].startswith("a.jinja2 line 1")


def test_each_different_broken_set_is_told(folder: Folder) -> None:
    reports: list[SetReport] = []
    templates = folder.write({"a.jinja2": "good"}).load(reports)

    for text in ("{% if %}", "{% for %}"):
        folder.write({"a.jinja2": text})
        templates.refresh()

    assert len(reports) == 2


@pytest.mark.parametrize("mended", ["good", "better"])
def test_mending_a_broken_set_is_told(folder: Folder, mended: str) -> None:
    reports: list[SetReport] = []
    templates = folder.write({"a.jinja2": "good"}).load(reports)
    folder.write({"a.jinja2": "{% if %}"})
    templates.refresh()

    folder.write({"a.jinja2": mended})

    assert templates.refresh() is (mended == "better")
    assert reports[1:] == [SetReport(version=templates.version)]
    assert render(templates, "a").parts["html"] == mended


def test_a_folder_that_vanishes_keeps_the_last_good_set_until_it_is_back(folder: Folder) -> None:
    reports: list[SetReport] = []
    templates = folder.write({"a.jinja2": "good"}).load(reports)

    shutil.rmtree(folder.root)
    gone = [templates.refresh(), templates.refresh()]

    assert gone == [False, False]
    assert [len(report.faults) for report in reports] == [1]
    assert render(templates, "a").parts["html"] == "good"
    folder.write({"a.jinja2": "back"})
    assert templates.refresh()


def test_a_folder_found_empty_keeps_the_last_good_set(folder: Folder) -> None:
    reports: list[SetReport] = []
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


def test_a_file_just_written_is_left_until_it_is_quiet(folder: Folder) -> None:
    templates = folder.write({"a.jinja2": "old"}).load(quiet=3600.0)

    folder.write({"a.jinja2": ""})

    assert not templates.refresh()
    assert render(templates, "a").parts["html"] == "old"


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
