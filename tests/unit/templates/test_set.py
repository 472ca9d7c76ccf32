"""Loading a whole set, or refusing it."""

import pytest

from adapters.templates import (
    ExampleBroken,
    RenderOptions,
    SetReport,
    TemplateSetBroken,
    examples_of,
    lint,
)
from domain.errors import FailureReason, Permanent
from tests.contracts.template_renderer import NOW
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


PARTLY = {
    "good.jinja2": "good",
    "bad/html.jinja2": "\n{{ x|nope }}",
    "gone.jinja2": "{% include '_no.jinja2' %}",
    "layered.jinja2": "{% extends '_base.jinja2' %}",
    "_base.jinja2": "\n\n{% if %}",
}


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("bad", "bad/html.jinja2 line 2: No filter named 'nope'"),
        ("gone", "gone.jinja2 line 1: there is no file '_no.jinja2'"),
        ("layered", "_base.jinja2 line 3: Expected an expression"),
    ],
)
def test_field_3_8_at_the_start_what_compiles_is_served_and_the_rest_is_a_template_error(
    folder: Folder, template: str, place: str
) -> None:
    reports: list[SetReport] = []
    templates = folder.write(PARTLY).load(reports)

    with pytest.raises(Permanent) as failed:
        render(templates, template)

    assert render(templates, "good").parts["html"] == "good"
    assert failed.value.reason is FailureReason.TEMPLATE_ERROR
    assert f"fix {place}" in str(failed.value)
    (report,) = reports
    assert not report.is_refused
    assert [fault.partition(" ")[0] for fault in report.faults] == [
        "_base.jinja2",
        "bad/html.jinja2",
        "gone.jinja2",
    ]


def test_field_3_8_a_fix_of_one_template_is_taken_while_another_is_still_broken(
    folder: Folder,
) -> None:
    reports: list[SetReport] = []
    templates = folder.write(PARTLY).load(reports)

    folder.write({"bad/html.jinja2": "fixed", "good.jinja2": "better"})

    assert templates.refresh()
    assert render(templates, "bad").parts["html"] == "fixed"
    assert render(templates, "good").parts["html"] == "better"
    assert not reports[-1].is_refused
    assert len(reports[-1].faults) == 2


def test_field_3_8_a_change_that_breaks_one_more_template_is_refused(folder: Folder) -> None:
    reports: list[SetReport] = []
    templates = folder.write(PARTLY).load(reports)

    folder.write({"bad/html.jinja2": "fixed", "good.jinja2": "{% if %}"})

    assert not templates.refresh()
    assert render(templates, "good").parts["html"] == "good"
    assert reports[-1].is_refused


def test_field_3_8_only_a_set_of_which_nothing_compiles_is_refused_at_the_start(
    folder: Folder,
) -> None:
    del (files := dict(PARTLY))["good.jinja2"]

    assert len(faults(folder.write(files))) == 3


def test_a_file_that_no_template_names_costs_no_template(folder: Folder) -> None:
    reports: list[SetReport] = []
    folder.write({"t.jinja2": "x", "_i.jinja2": "{% if %}", "t.examples/a.json": b"\xff"})

    templates = folder.load(reports)

    assert render(templates, "t").parts["html"] == "x"
    assert [fault.partition(" ")[0] for fault in reports[0].faults] == [
        "_i.jinja2",
        "t.examples/a.json",
    ]
    with pytest.raises(ExampleBroken, match="is not UTF-8"):
        examples_of(templates.snapshot, "t")


@pytest.mark.parametrize("text", ["", " \n\t\n", "{# to be written #}\n"])
@pytest.mark.parametrize("path", ["t.jinja2", "t/html.jinja2", "t/subject.it.jinja2"])
def test_field_3_7_an_empty_body_or_subject_is_refused(
    folder: Folder, text: str, path: str
) -> None:
    others = {} if path == "t.jinja2" else {"t/text.jinja2": "x"}

    assert faults(folder.write({path: text, **others})) == (
        f"{path}: is empty; write what people read, or remove the file",
    )
    (finding,) = lint(folder.root, RenderOptions(), NOW)
    assert (finding.severity, finding.file, finding.template) == ("error", path, "t")


def test_field_3_7_an_empty_include_or_text_is_served(folder: Folder) -> None:
    folder.write(
        {"t/html.jinja2": "x{% include '_i.jinja2' %}", "t/text.jinja2": "", "_i.jinja2": ""}
    )

    assert folder.render("t").parts == {"html": "x", "text": ""}


def test_field_3_7_an_empty_body_never_replaces_a_full_one(folder: Folder) -> None:
    reports: list[SetReport] = []
    templates = folder.write({"t.jinja2": "full", "u.jinja2": "u"}).load(reports)

    folder.write({"t.jinja2": ""})

    assert not templates.refresh()
    assert render(templates, "t").parts["html"] == "full"
    assert reports[0].is_refused


CONFLICT = "a\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n"


@pytest.mark.parametrize(
    "path",
    ["t.jinja2", "t/html.jinja2", "t/text.it.jinja2", "t/subject.jinja2", "t/template.toml",
     "t/examples/a.json", "_i.jinja2", "_style.css"],
)  # fmt: skip
@pytest.mark.parametrize("text", [CONFLICT, CONFLICT[18:].replace("=======\n", ""), CONFLICT[:20]])
def test_field_3_7_what_a_merge_left_is_refused(folder: Folder, path: str, text: str) -> None:
    reports: list[SetReport] = []
    flat = {} if path == "t.jinja2" else {"t/text.jinja2": "{% include '_style.css' %}"}
    templates = folder.write({"t.jinja2": "x", "_style.css": ""}).load(reports)
    if flat:
        (folder.root / "t.jinja2").unlink()

    folder.write({**flat, path: text})

    assert not templates.refresh()
    assert any("is left from a merge" in fault for fault in reports[0].faults)
    assert reports[0].faults[0].startswith(path)
    assert any("is left from a merge" in f.text for f in lint(folder.root, RenderOptions(), NOW))


def test_field_3_7_an_underlined_heading_in_a_text_is_no_merge(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "Welcome\n=======\n<<< see >>>\n", "u.jinja2": "a\n=======\n"})

    templates = folder.load()

    assert render(templates, "t").parts["text"].startswith("Welcome")
    assert list(templates.snapshot.broken) == ["u"]


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a\n{% block b %}\nx\n\n\n", 2, ["'endblock'", "needs to be closed is 'block'"]),
        ("{% if a %}\n{% for x in a %}\n\n{{ x }}\n", 2, ["'endfor'", "closed is 'for'"]),
        ("{% if a %}\n{% for x in a %}\n{% endfor %}\n\n", 1, ["'elif'", "closed is 'if'"]),
        ("{% macro m() %}\n{% if a %}{% endif %}\n", 1, ["'endmacro'", "closed is 'macro'"]),
        ("\n{% set x %}\n", 2, ["'endset'", "closed is 'set'"]),
    ],
)
def test_field_3_10_a_block_without_an_end_is_placed_where_it_begins(
    folder: Folder, source: str, line: int, words: list[str]
) -> None:
    (fault,) = faults(folder.write({"t.jinja2": source}))

    assert fault.startswith(f"t.jinja2 line {line}: Unexpected end of template.")
    assert all(word in fault for word in words)
    assert fault.endswith(f"It begins in line {line}.")


def test_field_3_10_a_wrong_end_is_placed_where_it_is_and_names_the_begin(folder: Folder) -> None:
    (fault,) = faults(folder.write({"t.jinja2": "\n{% if a %}\n{% block b %}\n{% endif %}\n"}))

    assert fault.startswith("t.jinja2 line 4: Encountered unknown tag 'endif'.")
    assert "The innermost block that needs to be closed is 'block'. It begins in line 3." in fault


FOLDER = {"t/text.jinja2": "text", "t/examples/a.json": '{"subject": "S"}'}


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("t/htlm.jinja2", "did you mean 'html.jinja2'?"),
        ("t/html.jinja", "did you mean 'html.jinja2'?"),
        ("t/html.html", "did you mean 'html.jinja2'?"),
        ("t/HTML.jinja2", "did you mean 'html.jinja2'?"),
        ("t/html.j2", "did you mean 'html.jinja2'?"),
        ("t/html.italiano.jinja2", "'italiano' is no language tag such as it or it-IT"),
        ("t/html.it_.jinja2", "'it_' is no language tag"),
        ("t/subjct.jinja2", "did you mean 'subject.jinja2'?"),
        ("t/subject.txt", "did you mean 'subject.jinja2'?"),
        ("t/slack.json", "did you mean 'slack.json.jinja2'?"),
        ("t/telegramm.jinja2", "did you mean 'telegram.jinja2'?"),
        ("t/templates.toml", "did you mean 'template.toml'?"),
        ("t/exmples/b.json", "did you mean the folder 't/examples'?"),
        ("t/example/b.json", "did you mean the folder 't/examples'?"),
    ],
)
def test_field_3_9_lint_and_load_name_a_file_that_is_nearly_a_part(
    folder: Folder, path: str, hint: str
) -> None:
    reports: list[SetReport] = []
    templates = folder.write({**FOLDER, path: "{}"}).load(reports)

    assert render(templates, "t").parts["text"] == "text"
    (report,) = reports
    assert report.faults == ()
    assert report.unknown[0].startswith(f"{path}: unknown file, {hint}")
    errors = [f for f in lint(folder.root, RenderOptions(), NOW) if f.severity == "error"]
    assert [(error.template, error.file) for error in errors] == [("t", path)]
    assert hint in errors[0].text


def test_field_3_9_a_template_that_would_lose_its_only_body_is_refused(folder: Folder) -> None:
    folder.write({"t/subject.jinja2": "S", "t/htlm.jinja2": "<p>x</p>", "good.jinja2": "x"})

    failure = folder.failure("t")

    assert failure.reason is FailureReason.TEMPLATE_ERROR
    assert "t/htlm.jinja2: unknown file, did you mean 'html.jinja2'?" in str(failure)


def test_field_3_9_files_of_other_kinds_are_not_named(folder: Folder) -> None:
    folder.write(
        {
            **FOLDER,
            "t/html.jinja2": "{% include 't/html.css' %}",
            "t/html.css": "p {}",
            "t/_htlm.jinja2": "include",
            "t/README.md": "x",
            "t/shipped.jinja2": "a template t/shipped",
            "t/test.jinja2": "a template t/test, with an example",
            "t/test.examples/a.json": '{"subject": "S"}',
            "text.html": "x",
        }
    )
    reports: list[SetReport] = []

    assert "t/shipped" in folder.load(reports).snapshot.templates
    assert reports == []


@pytest.mark.parametrize(
    ("channels", "hint"),
    [('["slak"]', "'slak' is no channel; did you mean 'slack'?"),
     ('["email", "pigeon"]', "'pigeon' is no channel; known are email, slack")],
)  # fmt: skip
def test_field_3_9_an_unknown_channel_in_template_toml_is_named(
    folder: Folder, channels: str, hint: str
) -> None:
    folder.write({**FOLDER, "good.jinja2": "x", "t/template.toml": f"channels = {channels}"})

    failure = folder.failure("t", options={"channels": ("email", "slack")})

    assert failure.reason is FailureReason.TEMPLATE_ERROR
    assert f"t/template.toml: channels: {hint}" in str(failure)
