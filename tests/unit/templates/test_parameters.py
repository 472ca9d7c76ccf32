"""The JSON Schema of a template's parameters."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from adapters.templates.inspection import examples_of
from adapters.templates.parameters_schema import parameters_schema
from tests.support.rendering import templates_in

SHIPPED = Path(__file__).resolve().parents[3] / "templates"


def schema_of(root: Path, text: str, *examples: object, is_strict: bool = True) -> dict[str, Any]:
    folder = root / "order"
    (folder / "examples").mkdir(parents=True)
    (folder / "html.jinja2").write_text(text)
    for number, parameters in enumerate(examples):
        message = json.dumps({"to": "a@example.com", "parameters": parameters})
        (folder / f"examples/{number}.json").write_text(message)
    snapshot = templates_in(root).snapshot
    schema = parameters_schema(snapshot, "order", is_strict=is_strict)
    Draft202012Validator.check_schema(schema)
    return schema


def test_what_is_read_is_named_and_required(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, "{{ name }} {{ order.total }} {{ subject }} {{ now }}")

    assert schema["required"] == ["name", "order"]
    assert schema["properties"] == {"name": {}, "order": {}}


@pytest.mark.parametrize(
    "text",
    [
        "{{ note | default('') }}",
        "{{ note | d('') | upper }}",
        "{% if note is defined %}{{ note }}{% endif %}",
        "{% if note is undefined %}none{% else %}{{ note }}{% endif %}",
    ],
)
def test_what_has_a_default_or_is_asked_for_is_not_required(tmp_path: Path, text: str) -> None:
    schema = schema_of(tmp_path, text)

    assert schema["required"] == []
    assert schema["properties"] == {"note": {}}


def test_what_only_an_example_has_is_known_and_not_required(tmp_path: Path) -> None:
    text = "{% include 'parts/' ~ kind %}{{ subject }}"

    schema = schema_of(tmp_path, text, {"kind": "a", "name": "Ann", "subject": 1})

    assert schema["required"] == ["kind"]
    assert schema["properties"]["name"] == {"type": "string"}
    assert schema["properties"]["subject"] == {"type": "integer"}


@pytest.mark.parametrize(
    "loop",
    [
        "for key, value in extra.items()",
        "for key, value in extra | dictsort",
        "for value in extra.values()",
        "for key in extra",
    ],
)
def test_an_object_that_is_walked_through_may_have_any_keys(tmp_path: Path, loop: str) -> None:
    schema = schema_of(
        tmp_path, f"{{% {loop} %}}{{% endfor %}}", {"extra": {"a": 1}}, {"extra": {"b": "x"}}
    )

    values = {"type": ["integer", "string"]}
    assert schema["properties"]["extra"] == {"type": "object", "additionalProperties": values}


def test_a_value_of_such_an_object_needs_what_is_read_of_it(tmp_path: Path) -> None:
    text = "{% for key, value in extra.items() %}{{ value.x }}{% endfor %}"

    schema = schema_of(tmp_path, text, {"extra": {"a": {"x": 1, "y": 2}}})

    assert schema["properties"]["extra"]["additionalProperties"]["required"] == ["x"]


def test_an_object_of_which_a_key_is_named_has_the_keys_of_the_examples(tmp_path: Path) -> None:
    text = "{{ extra.a }}{% for key in extra %}{{ key }}{% endfor %}"

    schema = schema_of(tmp_path, text, {"extra": {"a": 1, "b": 2}})

    assert schema["properties"]["extra"]["properties"].keys() == {"a", "b"}


def test_a_default_in_one_place_does_not_help_in_another(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, "{{ note | default('') }}{{ note }}")

    assert schema["required"] == ["note"]


def test_what_an_example_renders_without_is_not_required(tmp_path: Path) -> None:
    text = "{% if paid %}{{ receipt }}{% endif %}"

    schema = schema_of(tmp_path, text, {"paid": False}, {"paid": True, "receipt": "R1"})

    assert schema["required"] == ["paid"]


def test_nothing_is_required_where_undefined_prints_nothing(tmp_path: Path) -> None:
    assert schema_of(tmp_path, "{{ name }}", is_strict=False)["required"] == []


def test_types_are_those_of_all_examples(tmp_path: Path) -> None:
    first = {"name": "Ann", "total": 1, "gift": True, "lines": [{"sku": "a"}], "note": None}
    second = {"name": "Bob", "total": 1.5, "gift": False, "lines": [], "note": "x"}
    text = "{{ name }}{{ total }}{{ gift }}{{ lines }}{{ note }}"

    schema = schema_of(tmp_path, text, first, second)

    assert schema["properties"] == {
        "gift": {"type": "boolean"},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {"type": "string"}}},
        },
        "name": {"type": "string"},
        "note": {"type": ["null", "string"]},
        "total": {"type": "number"},
    }


ORDER = {"total": 1, "lines": [{"name": "a", "price": 2}, {"name": "b", "price": 3, "gift": 1}]}


@pytest.mark.parametrize(
    ("text", "of_order", "of_line"),
    [
        ("{{ order.total }}", ["total"], None),
        ("{{ order['total'] }}", ["total"], None),
        ("{{ order.total | default(0) }}", None, None),
        ("{% if order.total is defined %}{{ order.total }}{% endif %}", None, None),
        ("{% for l in order.lines %}{{ l.name }}{{ l.gift }}{% endfor %}", ["lines"], ["name"]),
        (
            "{% set o = order %}{% for l in o.lines %}{{ l.price }}{% endfor %}",
            ["lines"],
            ["price"],
        ),
        ("{{ order.lines[0].name }}", ["lines"], ["name"]),
        ("{% for l in order.lines %}{{ l.name | d('') }}{% endfor %}", ["lines"], None),
        (
            "{% for l in a %}{% endfor %}{% for l in b %}{{ l.x }}{% endfor %}{{ order }}",
            None,
            None,
        ),
        ("{% set a = b %}{% set b = a %}{{ a.total }}{{ order }}", None, None),
        ("{% for l in order.get('lines') %}{{ l.name }}{% endfor %}", None, None),
    ],
)
def test_what_is_read_within_an_object_is_required(
    tmp_path: Path, text: str, of_order: list[str] | None, of_line: list[str] | None
) -> None:
    order = schema_of(tmp_path, text, {"order": ORDER})["properties"]["order"]

    assert order.get("required") == of_order
    assert order["properties"]["lines"]["items"].get("required") == of_line


def test_what_is_read_of_a_loop_s_variable_in_an_include_is_required(tmp_path: Path) -> None:
    (tmp_path / "_line.jinja2").write_text("{{ line.price }}")
    text = "{% for line in order.lines %}{% include '_line.jinja2' %}{% endfor %}"

    schema = schema_of(tmp_path, text, {"order": ORDER})

    assert schema["properties"]["order"]["properties"]["lines"]["items"]["required"] == ["price"]


def test_what_includes_read_counts(tmp_path: Path) -> None:
    (tmp_path / "_parts").mkdir()
    (tmp_path / "_parts/foot.jinja2").write_text("{{ shop }}")

    schema = schema_of(tmp_path, "{{ name }}{% include '_parts/foot.jinja2' %}")

    assert schema["required"] == ["name", "shop"]


def test_every_shipped_example_fits_its_schema() -> None:
    snapshot = templates_in(SHIPPED).snapshot

    for template in snapshot.templates:
        validator = Draft202012Validator(parameters_schema(snapshot, template, is_strict=True))
        for one in examples_of(snapshot, template):
            assert list(validator.iter_errors(one.parameters)) == []
