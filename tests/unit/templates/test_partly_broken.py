"""A set in which not everything compiles: what is served, and what is refused."""

import pytest

from adapters.templates.examples import ExampleBroken
from adapters.templates.inspection import examples_of
from adapters.templates.lint import lint
from domain.errors import FailureReason, Permanent
from domain.events import TemplatesChanged
from tests.contracts.template_renderer import NOW
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder, faults, render

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
    reports: list[TemplatesChanged] = []
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
    reports: list[TemplatesChanged] = []
    templates = folder.write(PARTLY).load(reports)

    folder.write({"bad/html.jinja2": "fixed", "good.jinja2": "better"})

    assert templates.refresh()
    assert render(templates, "bad").parts["html"] == "fixed"
    assert render(templates, "good").parts["html"] == "better"
    assert not reports[-1].is_refused
    assert len(reports[-1].faults) == 2


def test_field_3_8_a_change_that_breaks_one_more_template_is_refused(folder: Folder) -> None:
    reports: list[TemplatesChanged] = []
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
    reports: list[TemplatesChanged] = []
    folder.write({"t.jinja2": "x", "_i.jinja2": "{% if %}", "t.examples/a.json": b"\xff"})

    templates = folder.load(reports)

    assert render(templates, "t").parts["html"] == "x"
    assert [fault.partition(" ")[0] for fault in reports[0].faults] == [
        "_i.jinja2",
        "t.examples/a.json",
    ]
    with pytest.raises(ExampleBroken, match="or is not UTF-8"):
        examples_of(templates.snapshot, "t")


@pytest.mark.parametrize("text", ["", " \n\t\n", "{# to be written #}\n"])
@pytest.mark.parametrize(
    "path", ["t.jinja2", "t/html.jinja2", "t/subject.it.jinja2", "t/telegram.jinja2"]
)
def test_field_3_7_an_empty_body_or_subject_is_refused(
    folder: Folder, text: str, path: str
) -> None:
    others = {} if path == "t.jinja2" else {"t/text.jinja2": "x"}

    assert faults(folder.write({path: text, **others})) == (
        f"{path}: is empty; write what people read, or remove the file",
    )
    (finding,) = lint(folder.root, render_options(), NOW)
    assert (finding.severity, finding.file, finding.template) == ("error", path, "t")


def test_field_3_7_an_empty_include_or_text_is_served(folder: Folder) -> None:
    folder.write(
        {"t/html.jinja2": "x{% include '_i.jinja2' %}", "t/text.jinja2": "", "_i.jinja2": ""}
    )

    assert folder.render("t").parts == {"html": "x", "text": ""}


def test_field_3_7_an_empty_body_never_replaces_a_full_one(folder: Folder) -> None:
    reports: list[TemplatesChanged] = []
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
    reports: list[TemplatesChanged] = []
    flat = {} if path == "t.jinja2" else {"t/text.jinja2": "{% include '_style.css' %}"}
    templates = folder.write({"t.jinja2": "x", "_style.css": ""}).load(reports)
    if flat:
        (folder.root / "t.jinja2").unlink()

    folder.write({**flat, path: text})

    assert not templates.refresh()
    assert any("is left from a merge" in fault for fault in reports[0].faults)
    assert reports[0].faults[0].startswith(path)
    assert any("is left from a merge" in f.text for f in lint(folder.root, render_options(), NOW))


def test_field_3_7_an_underlined_heading_in_a_text_is_no_merge(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "Welcome\n=======\n<<< see >>>\n", "u.jinja2": "a\n=======\n"})

    templates = folder.load()

    assert render(templates, "t").parts["text"].startswith("Welcome")
    assert list(templates.snapshot.broken) == ["u"]


@pytest.mark.parametrize(
    ("source", "unknown"),
    [
        ("{% if x %}\n{{ x|nope }}{% else %}z{% endif %}", "filter named 'nope'"),
        ("{{ x\n if x else x|nope }}", "filter named 'nope'"),
        ("\n{{ 'a' if x is nosuch else 'b' }}", "test named 'nosuch'"),
        ("\n{{ 'a' if x is not nosuch else 'b' }}", "test named 'nosuch'"),
        (
            "{% if vip %}\n{% for i in l|nope %}{{ i }}{% endfor %}{% endif %}",
            "filter named 'nope'",
        ),
        ("{% if x %}\n{% filter nope %}x{% endfilter %}{% endif %}", "filter named 'nope'"),
        ("{% macro m() %}\n{{ x|nope }}{% endmacro %}", "filter named 'nope'"),
    ],
)
def test_field_3_8_an_unknown_filter_or_test_is_refused_wherever_it_stands(
    folder: Folder, source: str, unknown: str
) -> None:
    (fault,) = faults(folder.write({"t.jinja2": source}))

    assert fault.startswith("t.jinja2 line 2: No " + unknown)


@pytest.mark.parametrize(
    "source",
    [
        "{% if 'markdown' is filter %}{{ 'a'|markdown }}{% else %}plain{% endif %}",
        "{% if 'tidy' is test %}{{ 1 is tidy }}{% else %}plain{% endif %}",
    ],
)
def test_field_3_8_a_filter_or_test_that_the_template_asks_for_first_may_be_absent(
    folder: Folder, source: str
) -> None:
    templates = folder.write({"t.jinja2": source}).load()

    assert "plain" in render(templates, "t").parts["html"]
