"""The closed list of reasons, each produced for real."""

from datetime import datetime
from typing import Any

import pytest

from tests.integration.contract.outside import golden, shape_faults
from tests.integration.contract.scene import Scene

REASONS: list[str] = golden("reasons")
FAILURES: list[dict[str, Any]] = golden("failures")
OUTPUTS: dict[str, Any] = golden("outputs")


def test_each_reason_occurs(scene: Scene) -> None:
    assert {letter["reason"] for letter in scene.letters} == set(REASONS)


@pytest.mark.parametrize("number", range(len(FAILURES)))
def test_a_message_fails_for_its_reason(scene: Scene, number: int) -> None:
    case = scene.failing[number]

    ((properties, body),) = scene.dead_of(case)

    headers = properties.headers
    assert body == case.body
    assert headers["x-dispatcher-reason"] == case.row["reason"]
    assert headers["x-dispatcher-attempt"] == case.row["attempt"]
    assert headers["x-dispatcher-key"] == case.id
    assert 0 < len(headers["x-dispatcher-error"]) <= 500


def test_another_body_under_an_id_is_a_conflict(scene: Scene) -> None:
    (letter,) = [one for one in scene.letters if one["reason"] == "conflict"]

    assert letter["id"] == "one-string"


def test_what_the_broker_gave_up_on_is_poison(scene: Scene) -> None:
    (letter,) = [one for one in scene.letters if one["reason"] == "poison"]

    assert letter["id"] == "poison-1"
    assert letter["attempt"] == 0


def test_a_letter_in_the_list_has_its_keys(scene: Scene) -> None:
    assert shape_faults(scene.letters, OUTPUTS["failed list"]) == []


def test_the_list_and_the_headers_say_the_same(scene: Scene) -> None:
    case = scene.failing[0]
    ((properties, _body),) = scene.dead_of(case)
    headers = properties.headers

    (letter,) = [one for one in scene.letters if one["id"] == case.id]

    assert letter["queue"] == headers["x-dispatcher-queue"] == case.queue
    assert letter["channel"] == "email"
    assert letter["template"] == "absent"
    assert letter["reason"] == headers["x-dispatcher-reason"]
    assert letter["attempt"] == headers["x-dispatcher-attempt"]
    for name in ("first_seen", "failed_at"):
        header = headers[f"x-dispatcher-{name.replace('_', '-')}"]
        assert datetime.fromisoformat(letter[name]) == datetime.fromisoformat(header)


def test_an_exported_line_has_its_keys(scene: Scene) -> None:
    faults = [shape_faults(line, OUTPUTS["failed export"]) for line in scene.exported]

    assert [fault for each in faults for fault in each] == []
    assert len(scene.exported) == len(scene.letters)
    assert all(("body" in line) != ("body_base64" in line) for line in scene.exported)


def test_a_letter_is_shown_whole(scene: Scene) -> None:
    case = scene.failing[0]

    shown = scene.home.read("failed", "show", case.id)

    assert shape_faults(shown, OUTPUTS["failed show"]) == []
    assert shown[0]["body"]["template"] == "absent"


def test_a_rehearsal_judges_each_letter(scene: Scene) -> None:
    done = scene.home.run("failed", "retry", "--all", "--dry-run", "--json")

    assert done.code == 1
    assert shape_faults(done.json, OUTPUTS["failed retry --dry-run"]) == []
    assert len(done.json) == len(scene.letters)
