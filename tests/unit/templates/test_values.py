"""What of a message a template may print: its own keys, no method of Python's, and no null."""

import json
from typing import Any

import pytest

from adapters.templates.lint import lint
from domain.errors import FailureReason
from tests.contracts.template_renderer import NOW
from tests.support.rendering import render_options
from tests.unit.templates.conftest import Folder

METHODS = ["items", "keys", "values", "get", "copy", "pop", "update", "clear", "fromkeys"]
LENIENT = {"lenient": True}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("lookup", [".NAME", "['NAME']"])
def test_field_3_1_a_key_named_like_a_method_is_the_messages_own(
    folder: Folder, name: str, lookup: str
) -> None:
    key = lookup.replace("NAME", name)
    folder.write({"t.jinja2": f"{{% for i in order{key} %}}{{{{ i.name }}}}{{% endfor %}}"})

    content = folder.render("t", {"order": {name: [{"name": "Tea"}]}})

    assert content.parts["html"] == "Tea"


@pytest.mark.parametrize("order", [{"a": 1}, {"a": 1, "items": [1], "keys": 2, "get": 3}])
def test_field_3_1_what_is_called_is_the_method_whether_or_not_there_is_such_a_key(
    folder: Folder, order: dict[str, Any]
) -> None:
    folder.write(
        {
            "t.jinja2": "{% macro m(v) %}{{ v }}{{ caller() }}{% endmacro %}"
            "{% for k, v in order.items() if k == 'a' %}{{ k }}{{ v }}{% endfor %}"
            "{{ order['keys']()|first }}{{ order.get('a') }}{{ 'x'.upper() }}{{ [1].index(1) }}"
            "{{ '{0[a]}'.format(order) }}{% call m(order.values()|first) %}{% endcall %}"
        }
    )

    assert folder.render("t", {"order": order}).parts["html"] == "a1a1X011"


@pytest.mark.parametrize(
    "source",
    [
        "{{ rows|map(attribute='items')|sum }}",
        "{{ rows|sum(attribute='items') }}",
        "{{ rows|join('', attribute='items') }}",
        "{{ (rows|groupby('items'))[0].grouper }}",
        "{{ rows|selectattr('items')|map(attribute='items')|first }}",
        "{{ '{0.items}'.format(rows[0]) }}",
        "{{ rows[0]|attr('items') }}",
    ],
)
def test_field_3_1_filters_find_the_messages_own_key(folder: Folder, source: str) -> None:
    folder.write({"t.jinja2": source})

    assert folder.render("t", {"rows": [{"items": 7}]}).parts["html"] == "7"


def test_field_3_2_values_are_printed_and_no_method_is(folder: Folder) -> None:
    folder.write({"t.jinja2": "<p>Result: {{ survey.values }}</p>"})

    content = folder.render("t", {"survey": {"values": [1, 2]}})

    assert content.parts["html"] == "<p>Result: [1, 2]</p>"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("\n{{ now.strftime }}", "'now.strftime' is no value"),
        ("\n{{ range }}", "'range' is no value"),
        ("\n{% macro m() %}{% endmacro %}{{ m }}", "'m' is no value"),
        ("\n{% block b %}{% endblock %}{{ self.b }}", "'self.b' is no value"),
        ("\n{{ cycler('a').next }}", "'cycler(…).next' is no value"),
        ("\n{{ cycler('a') }}", "'cycler(…)' is no value"),
        ("\n{{ (1,)|map('abs') }}", "map(…)' is no value"),
        ("\n{% macro m() %}{% endmacro %}{{ [m, 1]|join(',') }}", "'m' is no value"),
        ("\n{% macro m() %}{% endmacro %}{% set l = [m] %}{{ l|join(',') }}", "'l[0]' is no value"),
        ("\n{% macro m() %}{% endmacro %}{{ [[m]] }}", "'m' is no value"),
        ("\n{% macro m() %}{% endmacro %}{{ 'a' ~ m }}", "'m' is no value"),
        ("\n{% macro m() %}{% endmacro %}{{ m|string }}", "'m' is no value"),
        ("\n{% set d = {'a': range} %}{{ d }}", "'d.a' is no value"),
    ],
)
@pytest.mark.parametrize("options", [{}, LENIENT])
def test_field_3_2_printing_code_is_a_template_error_that_names_the_expression(
    folder: Folder, source: str, named: str, options: dict[str, Any]
) -> None:
    failure = folder.write({"t.jinja2": source}).failure("t", options=options)

    assert failure.reason is FailureReason.TEMPLATE_ERROR
    assert named in str(failure)
    assert "t.jinja2 line 2" in str(failure)


@pytest.mark.parametrize(
    "source", ["{{ [name.title] }}", "{{ {'a': gone} }}", "{% set l = [gone] %}{{ l }}"]
)
def test_field_3_2_an_undefined_value_in_a_list_is_a_fault(folder: Folder, source: str) -> None:
    failure = folder.write({"t.jinja2": source}).failure("t", {"name": "x"})

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED
    assert "undefined" in str(failure)


def test_field_3_2_lint_finds_printed_code(folder: Folder) -> None:
    folder.write({"t.jinja2": "{{ now.date }}", "t.examples/a.json": '{"subject": "S"}'})

    (finding,) = lint(folder.root, render_options(), NOW)

    assert (finding.severity, finding.file, finding.line) == ("error", "t.jinja2", 1)
    assert "'now.date' is no value" in finding.text


@pytest.mark.parametrize(
    "expression",
    ["order.items", "order['items']", "order.pop", "lines.count", "lines.index", "lines.sort",
     "name.title", "name.format", "number.hex", "order|attr('items')"],
)  # fmt: skip
def test_field_3_3_a_key_that_is_not_there_is_undefined_however_it_is_called(
    folder: Folder, expression: str
) -> None:
    source = f"{{% if {expression} %}}yes{{% else %}}no{{% endif %}}"
    folder.write(
        {"t.jinja2": source, "d.jinja2": f"{{{{ ({expression}) is defined }}}}",
         "p.jinja2": f"[{{{{ {expression} }}}}]"}
    )  # fmt: skip
    parameters = {"order": {}, "lines": [], "name": "x", "number": 1.5}

    assert folder.failure("t", parameters).reason is FailureReason.TEMPLATE_UNDEFINED
    assert folder.failure("p", parameters).reason is FailureReason.TEMPLATE_UNDEFINED
    assert folder.render("t", parameters, options=LENIENT).parts["html"] == "no"
    assert folder.render("p", parameters, options=LENIENT).parts["html"] == "[]"
    assert folder.render("d", parameters).parts["html"] == "False"


NULLS = [
    ("{{ name }}", "'name'"),
    ("{{ order.name }}", "'order.name'"),
    ("{{ order['name'] }}", "order['name']"),
    ("{{ order.get('name') }}", "'order.get(…)'"),
    ("{{ name|upper }}", "'name'"),
    ("{{ name|trim }}", "'name'"),
    ("{{ name|e }}", "'name'"),
    ("{{ name|string|length }}", "'name'"),
    ("{{ name|default('x') }}", "'name | default(…)'"),
    ("{{ 'Dear ' ~ name }}", "'name'"),
    ("{% set line = 'Dear ' ~ name %}", "'name'"),
    ("{{ '%s'|format(name) }}", "'name'"),
    ("{{ '%(a)s'|format(a=name) }}", "'name'"),
    ("{{ '%s' % name }}", "'name'"),
    ("{{ '%s %s' % (1, name) }}", "'name'"),
    ("{{ '{}'.format(name) }}", "'name'"),
    ("{{ 'a'|replace('a', name) }}", "'name'"),
    ("{{ [1, name]|join(', ') }}", "'name'"),
    ("{{ [order]|join(', ', attribute='name') }}", "'join'"),
    ("{{ [name]|map('upper')|join }}", "'upper'"),
    ("{% macro m(x) %}{{ x }}{% endmacro %}{{ m(name) }}", "'x'"),
    ("{% set x = name %}{{ x }}", "'x'"),
    ("{{ name if true }}", "'name if …'"),
    ("{{ none }}", "None"),
]


@pytest.mark.parametrize(("source", "named"), NULLS)
@pytest.mark.parametrize("part", ["html", "text", "slack", "slack.json"])
def test_field_3_4_a_null_that_becomes_a_text_is_undefined_and_named(
    folder: Folder, source: str, named: str, part: str
) -> None:
    folder.write({f"t/{part}.jinja2": f"\n{source}"})
    channel = "slack" if "slack" in part else "email"

    failure = folder.failure("t", {"name": None, "order": {"name": None}}, channel=channel)

    assert failure.reason is FailureReason.TEMPLATE_UNDEFINED
    assert named in str(failure)
    assert "is null" in str(failure)
    assert f"t/{part}.jinja2 line 2" in str(failure)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% if name %}x{% endif %}", ""),
        ("{{ name|default('friend', true) }}", "friend"),
        ("{{ name or '' }}", ""),
        ("{{ name is none }}", "True"),
        ("{{ name == none }}", "True"),
        ("{{ name|tojson }}", "null"),
        ("{{ order|tojson }}", '{"name": null}'),
        ("{{ [1, name]|select|join }}", "1"),
        ("{{ {'a': 1}.get('b') or 'c' }}", "c"),
    ],
)
@pytest.mark.parametrize("options", [{}, LENIENT])
def test_field_3_4_a_null_may_be_asked_about(
    folder: Folder, source: str, text: str, options: dict[str, Any]
) -> None:
    folder.write({"t/text.jinja2": source})

    parameters = {"name": None, "order": {"name": None}}

    assert folder.render("t", parameters, options=options).parts["text"] == text


@pytest.mark.parametrize(
    ("source", "text"),
    [("Dear {{ name }}", "Dear None"), ("{{ name|upper }}", "NONE"), ("{{ 'a' ~ name }}", "aNone"),
     ("{{ '%s'|format(name) }}", "None"), ("{{ [name]|join }}", "None")],
)  # fmt: skip
def test_field_3_4_in_lenient_mode_a_null_is_what_plain_jinja2_makes_of_it(
    folder: Folder, source: str, text: str
) -> None:
    folder.write({"t/text.jinja2": source})

    assert folder.render("t", {"name": None}, options=LENIENT).parts["text"] == text


def test_field_3_4_lint_warns_in_lenient_mode_of_a_null_that_is_printed(folder: Folder) -> None:
    folder.write(
        {
            "t.jinja2": "{{ gone }}\n{{ name }}",
            "t.examples/a.json": '{"subject": "S", "parameters": {"name": null, "gone": 1}}',
            "u.jinja2": "{{ gone }}",
            "u.examples/a.json": '{"subject": "S", "parameters": {}}',
        }
    )

    findings = lint(folder.root, render_options(lenient=True), NOW)
    null, unseen = findings

    assert (null.severity, null.file, null.line) == ("warning", "t.jinja2", 2)
    assert "'name' is null" in null.text
    assert "prints None" in null.text
    assert "in no example" in unseen.text


@pytest.mark.parametrize("name", ["recipient", "locale", "subject", "altro"])
@pytest.mark.parametrize("options", [{}, LENIENT])
def test_field_3_4_our_own_variables_print_empty_where_there_is_no_value(
    folder: Folder, name: str, options: dict[str, Any]
) -> None:
    source = "[{{ x }}{{ x|upper }}{{ 'a' ~ x }}{% if x %}b{% endif %}{{ x or 'c' }}]"
    folder.write({"t/text.jinja2": source.replace("x", name)})

    assert folder.render("t", options=options).parts["text"] == "[ac]"


@pytest.mark.parametrize("name", ["recipient", "locale"])
def test_field_3_4_our_own_variables_are_none_all_the_same(folder: Folder, name: str) -> None:
    source = "{{ x is none }} {{ x == none }} {{ x != none }} {{ x|tojson }} {{ x in [none] }}"
    folder.write({"t/text.jinja2": source.replace("x ", f"{name} ").replace("x|", f"{name}|")})

    assert folder.render("t").parts["text"] == "True True False null True"


def test_field_3_4_a_null_parameter_of_such_a_name_is_a_null(folder: Folder) -> None:
    folder.write({"t.jinja2": "{{ locale }}"})

    assert "'locale' is null" in str(folder.failure("t", {"locale": None}))


def test_field_3_4_nulls_in_a_list_are_written_into_slack_blocks_as_json(folder: Folder) -> None:
    folder.write({"t/slack.json.jinja2": '{"list": {{ list }}, "n": {{ n|tojson }}}'})

    parts = folder.render("t", {"list": [None], "n": None}, channel="slack").parts

    assert json.loads(parts["slack.json"]) == {"list": [None], "n": None}
