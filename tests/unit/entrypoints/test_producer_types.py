"""The types that helpers for producers are made of."""

from typing import Any

import pytest

from adapters.message_format.json_schema import message_schema
from entrypoints.producers.python import python_helper
from entrypoints.producers.shapes import (
    EitherShape,
    ListShape,
    MapShape,
    NamedShape,
    ObjectType,
    ProducerTypes,
    Shape,
    either,
    quoted,
)
from entrypoints.producers.type_maker import pascal, producer_types
from entrypoints.producers.typescript import typescript_helper


def types_for(**templates: dict[str, Any]) -> ProducerTypes:
    """`templates`: the properties of each one's parameters."""
    return producer_types(
        message_schema(), {name: {"properties": one} for name, one in templates.items()}
    )


def shapes_of(types: ProducerTypes, name: str) -> dict[str, Shape]:
    (found,) = [one for one in types.definitions if one.name == name]
    assert isinstance(found, ObjectType)
    return {field.name: field.shape for field in found.fields}


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        ({}, "anything"),
        ({"type": "string"}, "string"),
        ({"type": ["null", "string"]}, EitherShape(("string", "null"))),
        ({"type": "array"}, ListShape("anything")),
        ({"type": "array", "items": {"type": "integer"}}, ListShape("integer")),
        ({"type": "object", "properties": {}}, MapShape("anything")),
        ({"type": "object", "properties": {"a": {}}}, NamedShape("TParametersX")),
        (
            {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
            ListShape(NamedShape("TParametersXItem")),
        ),
    ],
)
def test_a_schema_becomes_a_shape(schema: dict[str, Any], shape: Shape) -> None:
    assert shapes_of(types_for(t={"x": schema}), "TParameters") == {"x": shape}


def test_every_field_of_the_message_has_a_type() -> None:
    types = types_for()

    fields = {field.name for field in types.fields.fields}

    assert fields | {"template", "parameters"} == message_schema()["properties"].keys()
    assert [field.name for field in types.fields.fields if field.is_required] == ["to"]
    assert not [field for field in types.fields.fields if field.shape == "anything"]


def test_names_that_are_equal_in_a_language_get_numbers() -> None:
    schema: dict[str, Any] = {"properties": {"x": {}}}

    types = producer_types({**message_schema()}, dict.fromkeys(["a-b", "a.b", "returned"], schema))

    assert [one.name for one in types.templates] == ["ABMessage", "ABMessage2", "ReturnedMessage2"]
    names = [one.name for one in types.definitions]
    assert len(names) == len({name.lower() for name in names})


def test_a_template_without_variables_has_no_type_of_its_own() -> None:
    (template,) = types_for(t={}).templates

    assert template.parameters is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("order-confirmation", "OrderConfirmation"), ("shop/2fa", "Shop2fa"), ("2fa", "T2fa")],
)
def test_a_name_is_one_in_any_language(name: str, expected: str) -> None:
    assert pascal(name) == expected


def test_a_number_is_a_whole_number_too() -> None:
    assert either(["integer", "null", "number", "integer"]) == EitherShape(("number", "null"))
    assert either(["integer", "anything"]) == "anything"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", '"a"'),
        ('a"b', "'a\"b'"),
        ("a'b", '"a\'b"'),
        ("""'"\\""", '''"'\\"\\\\"'''),
        ("\n", '"\\n"'),
        ("\u202e\u00a0é", '"\\u202e\\u00a0é"'),
    ],
)
def test_quotes_are_those_with_fewer_escapes(text: str, expected: str) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize("write", [python_helper, typescript_helper])
def test_a_helper_depends_on_the_schemas_alone(write: Any) -> None:
    templates: dict[str, dict[str, Any]] = {"a": {"x": {"type": "string"}}, "b": {"y": {}}}

    once = write(types_for(**templates))

    assert write(types_for(**dict(reversed(templates.items())))) == once
