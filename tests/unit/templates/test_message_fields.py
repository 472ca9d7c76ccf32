"""Which field of a message a failed rendering is about."""

from collections.abc import Mapping

import pytest

from adapters.templates.failures import RenderFailure
from adapters.templates.message_fields import blamed_field, with_value
from domain.notification import JsonValue
from tests.unit.templates.conftest import Folder

LINES: list[JsonValue] = [{"name": "Tea", "price": 1}, {"name": "Cup"}]


def blamed(folder: Folder, parameters: Mapping[str, JsonValue], **files: str) -> tuple[str, bool]:
    """The field that is to blame where the template `t`, made of these parts, fails."""
    folder.write({f"t/{name}.jinja2": text for name, text in files.items()})
    failure = folder.failure("t", parameters)
    assert isinstance(failure, RenderFailure)
    return blamed_field(failure, folder.load().snapshot, "t", parameters)


@pytest.mark.parametrize(
    ("text", "parameters", "field"),
    [
        ("{{ name }}", {}, "parameters.name"),
        ("{{ name }}", {"name": None}, "parameters.name"),
        ("{{ order.total }}", {"order": {}}, "parameters.order.total"),
        ("{{ order['total'] }}", {"order": {}}, "parameters.order.total"),
        ("{{ order.total.net }}", {"order": {"total": {}}}, "parameters.order.total.net"),
        ("{{ names | join(', ') }}", {"names": ["a", None]}, "parameters.names[1]"),
        (
            "{% for line in order.lines %}{{ line.price }}{% endfor %}",
            {"order": {"lines": LINES}},
            "parameters.order.lines[1].price",
        ),
        (
            "{%- for o in orders %}{% for l in o.lines %}\n{{ l.price }}{% endfor %}{% endfor %}",
            {"orders": [{"lines": LINES}]},
            "parameters.orders[0].lines[1].price",
        ),
        ('{{ order["net-total"] }}', {"order": {}}, "parameters.order.net-total"),
        (
            "{% macro r(n, i) %}{{ i.b }}{% endmacro %}{% for l in ls %}{{ r(1, l) }}{% endfor %}",
            {"ls": [{"b": 1}, {}]},
            "parameters.ls[1].b",
        ),
        (
            "{% macro row(it=1) %}\n{{ it.price }}{% endmacro %}{{ row(it=first.item) }}",
            {"first": {"item": {}}},
            "parameters.first.item.price",
        ),
        (
            "{% macro a(it) %}{{ it.b }}{% endmacro %}{{ a(lines | first) }}",
            {"lines": [{}]},
            "parameters",
        ),
        ("{% macro a(it) %}{{ it }}{% endmacro %}{{ it.b }}", {"it": {}}, "parameters.it.b"),
        ("{% set it = order %}{{ it.total }}", {"order": {}}, "parameters.order.total"),
        (
            "{% for name in names %}{{ name }}{% endfor %}{{ name }}",
            {"names": ["a"]},
            "parameters.name",
        ),
    ],
)
def test_the_field_that_the_error_names(
    folder: Folder, text: str, parameters: Mapping[str, JsonValue], field: str
) -> None:
    assert blamed(folder, parameters, text=text) == (field, True)


@pytest.mark.parametrize(
    ("text", "parameters", "field"),
    [
        ("{{ rows[1].name }}", {"rows": [{}, {}]}, "parameters.rows[1].name"),
        ("{{ 1 / total }}", {"total": 0}, "parameters.total"),
        ("{{ total | round }}", {"total": "x"}, "parameters.total"),
        ("{{ 'total' ~ (1 / total) }}", {"total": 0}, "parameters.total"),
        ("{{ link | tojson }}", {}, "parameters.link"),
        ("{{ name }} {{ 1 / total }}", {"total": 0, "name": "A"}, "parameters"),
        ("{{ 1 / 0 }}", {"total": 0}, "parameters"),
        ("{{ subject + 1 }}", {}, "subject"),
    ],
)
def test_the_field_in_the_line_that_failed(
    folder: Folder, text: str, parameters: Mapping[str, JsonValue], field: str
) -> None:
    assert blamed(folder, parameters, text=text) == (field, False)


def test_the_loop_may_be_in_the_file_that_includes(folder: Folder) -> None:
    folder.write({"t/_line.jinja2": "{{ line.price }}"})
    text = "{% for line in lines %}{% include 't/_line.jinja2' %}{% endfor %}"

    assert blamed(folder, {"lines": LINES}, text=text) == ("parameters.lines[1].price", True)


def test_a_macro_may_be_in_a_file_that_is_imported(folder: Folder) -> None:
    folder.write({"t/_rows.jinja2": "{% macro row(it) %}{{ it.price }}{% endmacro %}"})
    text = "{% from 't/_rows.jinja2' import row %}{{ row(first) }}"

    assert blamed(folder, {"first": {}}, text=text) == ("parameters.first.price", True)


def test_loops_that_name_each_other_come_to_an_end(folder: Folder) -> None:
    text = "{% for a in b.x %}{% for b in a.x %}{% endfor %}{{ b.y }}{% endfor %}"

    field, _ = blamed(folder, {"b": {"x": [{"x": []}]}}, text=text)

    assert field.startswith("parameters.b")


def test_a_value_of_an_example_is_put_there() -> None:
    parameters: Mapping[str, JsonValue] = {"order": {"lines": LINES}}
    example: Mapping[str, JsonValue] = {"order": {"lines": [{"name": "Pot", "price": 7}]}}

    found = with_value(parameters, "parameters.order.lines[1].price", [{}, example])

    assert found == ({"order": {"lines": [LINES[0], {"name": "Cup", "price": 7}]}}, True)
    assert LINES[1] == {"name": "Cup"}


def test_a_key_that_is_no_name_gets_a_value_too() -> None:
    found = with_value({"order": {}}, "parameters.order.net-total", [])

    assert found == ({"order": {"net-total": "…"}}, False)


def test_without_an_example_it_is_a_placeholder() -> None:
    assert with_value({}, "parameters.name", [{"name": None}]) == ({"name": "…"}, False)


@pytest.mark.parametrize("field", ["parameters", "subject", "parameters.a.b", "parameters.rows[5]"])
def test_where_nothing_can_be_put_nothing_is(field: str) -> None:
    assert with_value({"rows": []}, field, []) is None
