"""The AsyncAPI document is valid, is the one in docs, and fits what is taken and published."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from adapters.message_format.json_schema import message_schema
from adapters.observers.outcome_events import OutcomeEvents
from domain.outcome import Deferred, Sent
from entrypoints.asyncapi import asyncapi_document
from tests.fakes import a_notification
from tests.support.events import ANN, BOB, EACH, dispatched

ROOT = Path(__file__).parents[3]
OFFICIAL: dict[str, Any] = json.loads((ROOT / "tests/data/asyncapi/3.0.0.json").read_text())
"""AsyncAPI's own schema of version 3.0.0 (asyncapi/spec-json-schemas, Apache License 2.0)."""


def faults_of(document: dict[str, Any]) -> list[str]:
    return [error.json_path for error in jsonschema.Draft7Validator(OFFICIAL).iter_errors(document)]


def references_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references_in, value.values()))
    return set[str]().union(*map(references_in, value)) if isinstance(value, list) else set()


def validator(schema: str) -> Any:
    """What checks a value against one schema of the document."""
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return jsonschema.Draft7Validator(
        {"components": asyncapi_document()["components"], "allOf": [reference]}
    )


def events() -> list[dict[str, Any]]:
    """At least one outcome event of each kind, with and without what may be absent."""
    found: list[dict[str, Any]] = []
    sink = OutcomeEvents(lambda _key, _id, body: found.append(json.loads(body)), {"mails": "email"})
    later = Deferred(recipient=ANN, delay=timedelta(seconds=1.5), error="later")
    with_metadata = a_notification(metadata={"order": 17})
    for event in (*EACH, dispatched(later, Sent(recipient=BOB), notification=with_metadata)):
        sink.emit(event)
    return found


def test_the_document_is_what_asyncapi_3_0_asks_for() -> None:
    assert faults_of(asyncapi_document()) == []


@pytest.mark.parametrize("part", ["info", "asyncapi"])
def test_a_document_without_a_part_that_is_required_is_not(part: str) -> None:
    document = asyncapi_document()
    del document[part]

    assert faults_of(document)


def test_the_document_in_docs_is_what_the_command_prints() -> None:
    committed = json.loads((ROOT / "docs/asyncapi.json").read_text())
    remedy = "run: dispatcher schema --asyncapi > docs/asyncapi.json"

    assert committed == asyncapi_document(), remedy


def test_each_reference_leads_somewhere() -> None:
    document = asyncapi_document()

    for reference in references_in(document):
        assert reference.startswith("#/")
        found: Any = document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        assert found


def test_a_message_is_judged_as_by_the_json_schema_of_the_message() -> None:
    whole = jsonschema.Draft202012Validator(message_schema())
    ours = validator("notification")
    fine = {"to": ["ann@example.com"], "template": "welcome", "send_at": "2026-01-31T08:00:00Z"}
    messages: list[Any] = [
        fine,
        {**fine, "to": {"email": "ann@example.com"}, "channels": ["email"]},
        {**fine, "to": {"email": "ann@example.com"}},
        {**fine, "to": []},
        {**fine, "send_at": "tomorrow"},
        {**fine, "attachments": [{"filename": "a.txt"}]},
        {"to": "ann@example.com"},
        [],
    ]

    judged = [ours.is_valid(message) for message in messages]

    assert judged == [whole.is_valid(message) for message in messages]
    assert {*judged} == {True, False}


def test_each_event_fits_the_schema_of_its_kind_and_has_nothing_more() -> None:
    schemas = asyncapi_document()["components"]["schemas"]
    kinds = set()
    for event in events():
        kind = event["type"].rpartition(".")[2]
        kinds.add(kind)
        assert [error.message for error in validator(kind).iter_errors(event)] == []
        known = schemas[kind]["properties"]
        assert event.keys() <= known.keys()
        assert event["data"].keys() <= known["data"]["properties"].keys()
    assert kinds == {"sent", "deferred", "dead_lettered"}


def test_an_event_without_its_reason_does_not_fit() -> None:
    event = next(one for one in events() if one["type"].endswith("dead_lettered"))
    del event["data"]["reason"]

    assert not validator("dead_lettered").is_valid(event)
