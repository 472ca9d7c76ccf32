"""Loading a whole set, or refusing it."""

import pytest

from tests.unit.templates.conftest import Folder, faults


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
        (
            {"t/html.jinja2": "x", "t/template.toml": "\n\nexpiry = 5\n"},
            "t/template.toml line 3: expiry: must be a text",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": "\n[quiet\nfrom = 5\n"},
            "t/template.toml line 2: is not TOML",
        ),
        ({"t/html.jinja2": "x", "t/template.toml": "a = "}, "t/template.toml line 1: is not TOML"),
        (
            {"t/html.jinja2": "x", "t/template.toml": "chanels = []"},
            "t/template.toml line 1: chanels: is no key of template.toml; did you mean 'channels'?",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'subject = "{{ x }}"'},
            "t/template.toml line 1: subject: is taken as it stands",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'subject = "a\\nb"'},
            "t/template.toml line 1: subject: must not contain LF",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'expiry = "soon"'},
            "t/template.toml line 1: expiry: must be a duration such as",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'expiry = "0s"'},
            "t/template.toml line 1: expiry: must be longer than zero",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": "priority = true"},
            "t/template.toml line 1: priority: must be a whole number from 0 to 255",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'in_doubt = "maybe"'},
            't/template.toml line 1: in_doubt: must be "resend" or "hold"',
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'channels = "email"'},
            "t/template.toml line 1: channels: must be a list of channels",
        ),
        (
            {"t/html.jinja2": "x", "t/template.toml": 'from = "Shop <>"'},
            "t/template.toml line 1: from: recipient: must not be empty",
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
    first = folder.write({"t.jinja2": "x", "_i.txt": "y"}).load().snapshot.version
    again = folder.write({"t.jinja2": "x"}).load().snapshot.version
    other = folder.write({"_i.txt": "z"}).load().snapshot.version

    assert first == again != other
