"""Objects read field by field, with all faults at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from hypothesis import example, given, strategies

from adapters.records import (
    Faults,
    Given,
    ObjectForm,
    list_of,
    map_of,
    number,
    text_of,
    whole_number,
    yes_or_no,
)


@dataclass(kw_only=True)
class Item:
    name: Annotated[str, Given(text_of)]
    count: Annotated[int, Given(whole_number(1, 9))] = 1

    def __post_init__(self) -> None:
        if self.name == "none":
            raise ValueError("is no item")


ITEM = ObjectForm(Item, is_closed=True)


def in_step(value: object, context: dict[str, object]) -> str:
    return f"{context['so far']} {text_of(value)}"


@dataclass(kw_only=True)
class Order:
    sender: Annotated[str, Given(text_of, name="from")]
    items: Annotated[tuple[Item, ...], Given(list_of(ITEM.read))] = ()
    is_urgent: Annotated[bool, Given(yes_or_no)] = False
    prices: Annotated[dict[str, float], Given(map_of(number))] = field(default_factory=dict)
    note: Annotated[str, Given(in_step, needs_context=True)] = ""


ORDER = ObjectForm(Order)


def faults(value: object) -> Sequence[tuple[str, str]]:
    with pytest.raises(Faults) as caught:
        ORDER.read(value)
    return caught.value.found


def test_what_is_given_is_read_and_the_rest_has_its_default() -> None:
    order = ORDER.read({"from": "me", "items": [{"name": "pen"}], "prices": {"pen": 1.5}})

    assert order == Order(sender="me", items=(Item(name="pen"),), prices={"pen": 1.5})


def test_null_counts_as_absent() -> None:
    assert ORDER.read({"from": "me", "items": None, "prices": None}) == Order(sender="me")


def test_unknown_fields_are_ignored_unless_the_form_is_closed() -> None:
    assert ORDER.read({"from": "me", "colour": 1}) == Order(sender="me")

    item = {"name": "pen", "colour": 1, "x" * 200: 2, "a\nb": 3, "": 4, **dict.fromkeys("abcdefgh")}

    found = faults({"from": "me", "items": [item]})

    assert found[:4] == [
        ("items[0].colour", "is not a known field"),
        ("items[0]." + "x" * 80, "is not a known field"),
        ("items[0]", "has an unknown field 'a\\nb'"),
        ("items[0]", "has an unknown field ''"),
    ]
    assert len(found) == 10, "a message may have a million"


def test_all_faults_are_found_at_once() -> None:
    assert faults({"items": 3, "is_urgent": 1, "prices": {"pen": True}}) == [
        ("from", "is required"),
        ("items", "must be a list"),
        ("is_urgent", "must be true or false"),
        ("prices.pen", "must be a number"),
    ]


def test_a_fault_says_its_place() -> None:
    items = [{"name": "pen"}, {"name": 1, "count": 10}, {"name": 2}]

    assert faults({"from": "me", "items": items}) == [
        ("items[1].name", "must be a string"),
        ("items[1].count", "must be a whole number from 1 to 9"),
    ], "and the first bad item ends the list"
    assert faults({"from": "me", "items": [4]}) == [("items[0]", "must be an object")]
    assert faults({"from": "me", "items": [{"name": "none"}]}) == [("items[0]", "is no item")]


def test_faults_read_as_one_text() -> None:
    error = Faults([("a", "is required"), ("", "is no order"), ("[0].b", "is late")])

    assert str(error) == "a: is required; is no order; [0].b: is late"
    assert error.within("list")[2] == ("list[0].b", "is late")


def test_a_reader_sees_the_context_and_what_was_read_before() -> None:
    so_far: dict[str, object] = {}

    order = ORDER.read({"from": "me", "note": "later"}, so_far, {"so far": so_far})
    assert order.note == "{'sender': 'me'} later"

    so_far = {}
    with pytest.raises(Faults):
        ORDER.read({"from": 1, "note": 2}, so_far, {"so far": so_far})
    assert so_far == {"sender": None, "note": None}, "a faulty one is None"


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be an object"):
        ORDER.read(value)


@example(10**400)
@given(strategies.one_of(strategies.booleans(), strategies.floats(), strategies.integers()))
def test_numbers_are_finite_and_no_booleans(value: object) -> None:
    is_whole_number = isinstance(value, int) and not isinstance(value, bool)
    is_number = is_whole_number or (isinstance(value, float) and math.isfinite(value))
    is_number = is_number and value != 10**400
    is_whole = is_whole_number and value in range(256)

    assert accepts(number, value) == is_number
    assert accepts(whole_number(0, 255), value) == is_whole
    assert accepts(yes_or_no, value) == isinstance(value, bool)


def accepts(read: object, value: object) -> bool:
    try:
        found = read(value)  # type: ignore[operator]
    except ValueError:
        return False
    assert found == pytest.approx(value)
    return True
