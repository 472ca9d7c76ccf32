"""Lists, examples, variables and lint."""

import pytest

from adapters.templates.examples import Example, ExampleBroken
from adapters.templates.inspection import examples_of, list_templates, variables_of
from adapters.templates.lint import LintFinding, lint
from domain.notification import JsonValue
from tests.contracts.template_renderer import NOW
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder

SOUND = {
    "flat.jinja2": "{{ subject }} {{ name }}",
    "flat.examples/usual.json": '{"to": "a@b.org", "subject": "S", "parameters": {"name": 1}}',
    "shop/order/html.jinja2": "{% extends '_base.jinja2' %}{% block b %}{{ order }}{% endblock %}",
    "shop/order/html.it.jinja2": "x",
    "shop/order/subject.jinja2": "{{ order }}",
    "shop/order/slack.jinja2": "x",
    "shop/order/examples/big.json": '{"parameters": {"order": 1, "brand": "B"}}',
    "shop/order/examples/it.json": '{"locale": "it", "parameters": {"order": 2, "brand": "B"}}',
    "_base.jinja2": "{{ brand }} {{ range(3)|list }}{% block b %}{% endblock %}",
}


def findings(folder: Folder) -> list[LintFinding]:
    return lint(folder.root, render_options(), NOW)


def test_a_list_says_what_there_is(folder: Folder) -> None:
    flat, order = list_templates(folder.write(SOUND).load().snapshot)

    assert (flat.name, flat.channels, flat.locales) == ("flat", ("email",), ())
    assert flat.examples == ("flat.examples/usual.json",)
    assert (order.name, order.channels, order.locales) == (
        "shop/order",
        ("email", "slack"),
        ("it",),
    )
    assert order.parts["html"] == {"": "shop/order/html.jinja2", "it": "shop/order/html.it.jinja2"}
    assert [path.rpartition("/")[2] for path in order.examples] == ["big.json", "it.json"]


def test_the_manifest_says_which_channels_a_template_is_for(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "x", "t/template.toml": 'channels = ["telegram"]'})

    assert list_templates(folder.load().snapshot)[0].channels == ("telegram",)


def test_an_example_becomes_a_request(folder: Folder) -> None:
    snapshot = folder.write(SOUND).load().snapshot
    (usual,) = examples_of(snapshot, "flat")
    italian = examples_of(snapshot, "shop/order")[1]

    request = usual.request("flat", "email", NOW)

    assert (usual.name, usual.message["to"]) == ("usual", "a@b.org")
    assert (request.recipient, request.subject, request.parameters) == (
        "a@b.org",
        "S",
        {"name": 1},
    )
    assert italian.request("shop/order", "email", NOW).locale == "it"


@pytest.mark.parametrize(
    ("to", "recipient"),
    [
        ("Ann <a@b.org>", "a@b.org"),
        (["a@b.org", "c@d.org"], None),
        ("", None),
        (7, None),
    ],
)
def test_an_example_has_a_recipient_where_it_names_one(
    to: JsonValue, recipient: str | None
) -> None:
    example = Example(name="x", path="x.json", message={"to": to})

    assert example.request("t", "email", NOW).recipient == recipient


def test_what_a_template_sets_or_imports_is_no_variable_of_the_message(folder: Folder) -> None:
    folder.write(
        {
            "t.jinja2": "{% extends '_base.jinja2' %}{% import '_m.jinja2' as m %}"
            "{% from '_m.jinja2' import say, say as tell %}{% set label = x %}"
            "{% block b %}{{ m.say(label) }}{{ say(1) }}{{ tell(y) }}{% endblock %}",
            "_m.jinja2": "{% macro say(a) %}{{ a }}{% endmacro %}",
            "_base.jinja2": "{% block b %}{% endblock %}",
        }
    )

    assert variables_of(folder.load().snapshot, "t") == {"x", "y"}


@pytest.mark.parametrize("text", ["{", "[]", '{"parameters": []}'])
def test_a_broken_example_is_named_and_does_not_break_the_set(folder: Folder, text: str) -> None:
    snapshot = folder.write({"t.jinja2": "x", "t.examples/a.json": text}).load().snapshot

    with pytest.raises(ExampleBroken, match=r"t.examples/a\.json"):
        examples_of(snapshot, "t")
    assert [(f.file, f.severity) for f in findings(folder)] == [("t.examples/a.json", "error")]


def test_variables_are_found_through_layouts_and_includes(folder: Folder) -> None:
    assert variables_of(folder.write(SOUND).load().snapshot, "shop/order") == {"order", "brand"}


def test_a_sound_set_has_no_findings(folder: Folder) -> None:
    assert findings(folder.write(SOUND)) == []


def test_lint_places_a_failing_example_in_the_template(folder: Folder) -> None:
    folder.write(SOUND).write({"_base.jinja2": "{% block b %}{% endblock %}\n{{ nowhere }}"})

    (first, *_others) = findings(folder)

    assert (first.template, first.file, first.line, first.severity) == (
        "shop/order",
        "_base.jinja2",
        2,
        "error",
    )
    assert "'nowhere' is undefined" in first.text
    assert "shop/order/examples/big.json" in first.text


def test_lint_warns_of_a_missing_example_subject_or_variable(folder: Folder) -> None:
    folder.write(
        {
            "bare.jinja2": "x",
            "t.jinja2": "{% if vip is defined %}{{ vip }}{% endif %}",
            "t.examples/a.json": "{}",
        }
    )

    assert [(f.template, f.severity, f.text) for f in findings(folder)] == [
        ("bare", "warning", "has no example, so nothing shows that it renders"),
        ("t", "warning", "the example gives no subject, and the template has none"),
        ("t", "warning", "the variable 'vip' is in no example"),
    ]


def test_lint_of_a_broken_set_gives_its_faults(folder: Folder) -> None:
    folder.write({"a.jinja2": "\n{% if %}", "b/text.jinja2": "x", "b/template.toml": "x = 1"})

    first, second = findings(folder)

    assert (first.file, first.line, first.severity) == ("a.jinja2", 2, "error")
    assert (second.file, second.line) == ("b/template.toml", 1)
    assert second.text.startswith("x: is no key")
