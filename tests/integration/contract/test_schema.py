"""The JSON Schema of the message: what it says of each field, and that it fits what is accepted."""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from tests.integration.contract.outside import Home, golden
from tests.integration.contract.scene import CHANNELS, Case, accepted, malformed

SCHEMA: dict[str, Any] = golden("schema")
QUEUES = {name: name for name in CHANNELS}
WORDS = {"description", "title", "examples", "$comment"}


def without_words(value: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with each reference in place of its name, and without what is for people."""
    if isinstance(value, list):
        return [without_words(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        value = {**definitions[value["$ref"].rpartition("/")[2]], **value}
    kept = {k: v for k, v in value.items() if k not in WORDS and k != "$ref"}
    return {name: without_words(item, definitions) for name, item in kept.items()}


def plain(schema: Mapping[str, Any]) -> Any:
    """The schema, its fields apart: a field may have the name of a word for people."""
    definitions = schema.get("$defs", {})
    properties = {k: without_words(v, definitions) for k, v in schema["properties"].items()}
    rest = {k: v for k, v in schema.items() if k not in {"properties", "$defs"}}
    return {**without_words(rest, definitions), "properties": properties}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = Home(tmp_path_factory.mktemp("schema"), {})
    printed: dict[str, Any] = home.ok("schema").json
    return printed


def message_of(case: Case) -> Any:
    return json.loads(case.body)


ACCEPTED = [c for c in accepted(QUEUES) if "encode" not in c.row]
REFUSED = [case for case in malformed(QUEUES) if case.id in SCHEMA["refuses"]]


def test_it_needs_no_settings(home: Home, schema: dict[str, Any]) -> None:
    assert home.with_(UNKNOWN_SETTING="x").read("schema") == schema


def test_it_is_a_schema_of_its_draft(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("field", SCHEMA["properties"])
def test_a_field_is_as_it_was(schema: dict[str, Any], field: str) -> None:
    assert plain(schema)["properties"][field] == SCHEMA["properties"][field]


def test_the_same_fields_are_required(schema: dict[str, Any]) -> None:
    assert sorted(schema["required"]) == ["template", "to"]


@pytest.mark.parametrize("case", ACCEPTED, ids=[case.id for case in ACCEPTED])
def test_it_takes_what_a_worker_takes(schema: dict[str, Any], case: Case) -> None:
    jsonschema.Draft202012Validator(schema).validate(message_of(case))


@pytest.mark.parametrize("case", REFUSED, ids=[case.id for case in REFUSED])
def test_it_refuses_what_it_refused(schema: dict[str, Any], case: Case) -> None:
    assert not jsonschema.Draft202012Validator(schema).is_valid(message_of(case))
