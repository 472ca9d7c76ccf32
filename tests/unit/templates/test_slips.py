"""What authors and their tools get wrong: unclosed blocks and misnamed files."""

import pytest

from adapters.templates.lint import lint
from domain.errors import FailureReason
from domain.events import TemplatesChanged
from tests.contracts.template_renderer import NOW
from tests.support.rendering import PARTS, render_options
from tests.unit.templates.conftest import Folder, faults, render


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
    assert f"It begins in line {line}. Write {{% end" in fault


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
    reports: list[TemplatesChanged] = []
    templates = folder.write({**FOLDER, path: "{}"}).load(reports)

    assert render(templates, "t").parts["text"] == "text"
    (report,) = reports
    assert report.faults == ()
    assert report.unknown[0].startswith(f"{path} line 1: unknown file, {hint}")
    errors = [f for f in lint(folder.root, render_options(), NOW) if f.severity == "error"]
    assert [(error.template, error.file) for error in errors] == [("t", path)]
    assert hint in errors[0].text


def test_field_3_9_a_template_that_would_lose_its_only_body_is_refused(folder: Folder) -> None:
    folder.write({"t/subject.jinja2": "S", "t/htlm.jinja2": "<p>x</p>", "good.jinja2": "x"})

    failure = folder.failure("t")

    assert failure.reason is FailureReason.TEMPLATE_ERROR
    assert "t/htlm.jinja2 line 1: unknown file, did you mean 'html.jinja2'?" in str(failure)


@pytest.mark.parametrize(
    ("path", "name", "hint"),
    [
        ("welcome/html.jinja", "welcome", "html.jinja2"),
        ("bye/html.html", "bye", "html.jinja2"),
        ("sub/htlm.jinja2", "sub", "html.jinja2"),
        ("sub/deep/text.j2", "sub/deep", "text.jinja2"),
        ("sub/html.italiano.jinja2", "sub", "no language tag"),
        ("hello.jinja", "hello", "hello.jinja2"),
        ("hello.jnja2", "hello", "hello.jinja2"),
        ("hello.j2", "hello", "hello.jinja2"),
        ("mails/hello.jinja3", "mails/hello", "mails/hello.jinja2"),
    ],
)
def test_field_3_9_a_file_that_is_all_of_its_template_is_named_too(
    folder: Folder, path: str, name: str, hint: str
) -> None:
    folder.write({path: "x", "good.jinja2": "x"})

    failure = folder.failure(name)
    errors = [f for f in lint(folder.root, render_options(), NOW) if f.severity == "error"]

    assert failure.reason is FailureReason.TEMPLATE_ERROR
    assert f"{path} line 1: unknown file, " in str(failure)
    assert hint in str(failure)
    assert [(error.template, error.file) for error in errors] == [(name, path)]


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
            "mails/test.jinja2": "a template mails/test",
            "mails/logo.png": "x",
            "parts/hello.j2": "included",
            "also.jinja2": "{% include 'parts/hello.j2' %}",
        }
    )
    reports: list[TemplatesChanged] = []

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

    known = {name: PARTS[name] for name in ("email", "slack")}
    failure = folder.failure("t", options={"channels": known})

    assert failure.reason is FailureReason.TEMPLATE_ERROR
    assert f"t/template.toml line 1: channels: {hint}" in str(failure)


@pytest.mark.parametrize(
    "source",
    [
        '{% include "blocks/" ~ kind ~ ".j2" %}',
        '{% include "blocks/x.j2" ignore missing %}',
        '{% include ["blocks/none.j2", "blocks/x.j2"] %}',
    ],
)
def test_field_3_9_what_may_be_included_is_not_named_whatever_it_is_called(
    folder: Folder, source: str
) -> None:
    reports: list[TemplatesChanged] = []
    folder.write({"a.jinja2": source, "blocks/x.j2": "x", "blocks/y.j2": "y"})

    assert folder.load(reports).snapshot.broken == {}
    assert reports == []


def test_field_3_9_a_name_with_dots_and_a_file_next_to_its_template_are_left_alone(
    folder: Folder,
) -> None:
    reports: list[TemplatesChanged] = []
    folder.write(
        {
            "sms/text.order.welcome.jinja2": "x",
            "hello.jinja2": "x",
            "hello.j2": "an old one",
            "mail/html.html": "x",
            "mail/test.jinja2": "{% include 'mail/html.html' %}",
        }
    )

    templates = folder.load(reports).snapshot.templates

    assert {"sms/text.order.welcome", "hello", "mail/test"} <= templates.keys()
    assert reports == []


def test_field_3_9_each_misnamed_file_of_a_template_is_named(folder: Folder) -> None:
    folder.write({"w/html.jinja": "x", "w/text.jinja": "x", "good.jinja2": "x"})

    failure = str(folder.failure("w"))

    assert "w/html.jinja line 1: unknown file" in failure
    assert "and 1 more" in failure
