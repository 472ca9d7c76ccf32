"""A dead letter becomes a new message: another id, and nobody gets twice what they have."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dead_letters.dead_letter import again, describe, editable, edited, next_id, release
from adapters.inbound.contract import InboundMessage, Release
from adapters.message_format.headers import DeliveryHeaders
from adapters.message_format.rules import Properties
from domain.errors import MalformedMessage
from tests.support.decoding import RULES, decode

ANN, BOB, CLARA = "ann@x.example", "bob@x.example", "clara@x.example"


def letter(*to: str, remaining: tuple[str, ...] = (), **fields: object) -> InboundMessage:
    headers: dict[str, object] = {
        "x-dispatcher-attempt": 3,
        "x-dispatcher-first-seen": "2026-01-01T00:00:00Z",
        "x-dispatcher-key": "m-1",
    }
    if remaining:
        headers["x-dispatcher-remaining"] = json.dumps(list(remaining))
    body = json.dumps({"id": "m-1", "to": list(to), "template": "welcome", **fields}).encode()
    return InboundMessage(queue="email", body=body, headers=headers)


def mended(message: InboundMessage, **changes: object) -> Release:
    text = json.dumps({**json.loads(message.body), **changes}).encode()
    return edited(message, text, channel="email", rules=RULES)


def body_of(release: Release) -> dict[str, object]:
    assert release.body is not None
    return dict(json.loads(release.body))


def owed(release: Release) -> list[str] | None:
    remaining = DeliveryHeaders.parse(release.headers).remaining
    return None if remaining is None else [r.address for r in remaining]


@pytest.mark.parametrize(
    ("old", "new"),
    [("order-1", "order-1~1"), ("order-1~1", "order-1~2"), ("a~9", "a~10"), ("~", "~~1")],
)
def test_a_new_id_counts_on_from_the_old(old: str, new: str) -> None:
    assert next_id(old) == new


@given(st.text(min_size=1))
def test_a_new_id_is_never_the_old(old: str) -> None:
    assert next_id(old) != old
    assert next_id(next_id(old)) not in {old, next_id(old)}


def test_again_is_for_everybody_under_a_new_id() -> None:
    release = again(letter(ANN, BOB, remaining=(BOB,), delay=90))

    assert body_of(release) == {
        "id": "m-1~1",
        "to": [ANN, BOB],
        "template": "welcome",
        "delay": 90,
    }
    assert owed(release) is None
    # Its first delivery is the old one's, so the delay is over.
    assert "x-dispatcher-first-seen" in release.headers
    assert "x-dispatcher-key" not in release.headers


def test_again_names_what_had_no_id_of_its_own() -> None:
    body = b'{"to": "ann@x.example", "template": "welcome"}'
    by_property = InboundMessage(queue="email", body=body, properties=Properties(message_id="p-1"))
    by_content = InboundMessage(queue="email", body=body)

    assert body_of(again(by_property))["id"] == "p-1~1"
    assert body_of(again(by_content))["id"] == describe(by_content, {}).id + "~1"


def test_again_sends_what_cannot_be_read_as_it_is() -> None:
    broken = InboundMessage(queue="email", body=b"{", headers=letter(ANN).headers)

    assert again(broken) == release(broken)


def test_an_edited_letter_has_a_new_id_and_starts_anew() -> None:
    release = mended(letter(ANN, remaining=(ANN,)), subject="Right")

    assert body_of(release)["id"] == "m-1~1"
    assert body_of(release)["subject"] == "Right"
    assert DeliveryHeaders.parse(release.headers).attempt == 0
    assert "x-dispatcher-first-seen" not in release.headers
    assert "x-dispatcher-key" not in release.headers


def test_an_id_that_the_edited_body_brings_is_kept() -> None:
    assert body_of(mended(letter(ANN), id="mine"))["id"] == "mine"


def test_an_edited_letter_goes_to_those_still_owed_alone() -> None:
    release = mended(letter(ANN, BOB, remaining=(BOB,)), subject="Right")

    assert owed(release) == [BOB]


def test_a_corrected_address_is_owed_and_who_has_it_is_not() -> None:
    release = mended(letter(ANN, BOB, remaining=(BOB,)), to=[ANN, CLARA])

    assert owed(release) == [CLARA]


def test_a_letter_of_which_nobody_has_had_anything_goes_to_everybody() -> None:
    assert owed(mended(letter(ANN, BOB), to=[ANN, CLARA])) is None


def test_an_edit_that_leaves_nobody_to_send_to_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="to: "):
        mended(letter(ANN, BOB, remaining=(BOB,)), to=[ANN])


def test_an_edit_that_is_still_wrong_names_every_fault() -> None:
    with pytest.raises(MalformedMessage) as caught:
        mended(letter(ANN), template="../x", priority="high")

    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["template", "priority"]


def test_what_was_not_json_can_be_mended() -> None:
    broken = InboundMessage(queue="email", body=b'{"to": "ann@x.example",', headers={})
    assert editable(broken.body) == broken.body

    release = edited(
        broken, b'{"to": "ann@x.example", "template": "a"}', channel="email", rules=RULES
    )

    assert release.body is not None
    assert decode(release.body, channel="email").key == describe(broken, {}).id + "~1"


def test_a_body_is_indented_for_the_editor_where_that_changes_nothing() -> None:
    assert editable(b'{"to":"Ann","n":[1]}') == b'{\n  "to": "Ann",\n  "n": [\n    1\n  ]\n}\n'
    for awkward in (b'{"a": 1, "a": 2}', b'{"a": 1e999}', b"\xff", b"[1]"):
        assert editable(awkward) == awkward


def test_a_mark_tells_apart_what_letters_of_one_id_become() -> None:
    new, own = (
        edited(letter(ANN), text, channel="email", rules=RULES, mark="-b")
        for text in (
            b'{"to": "bob@x.example", "template": "a"}',
            b'{"id": "own", "to": "bob@x.example", "template": "a"}',
        )
    )

    assert body_of(new)["id"] == "m-1-b~1"
    assert body_of(own)["id"] == "own"
