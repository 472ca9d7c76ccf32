"""Values: equal by what they hold, and nothing to change."""

from collections.abc import Mapping
from dataclasses import field, replace

import pytest

from domain.value_object import value_object


@value_object(kw_only=True)
class Parcel:
    to: str
    weight: float = 0.0
    notes: Mapping[str, str] = field(default_factory=dict, repr=False)
    seen: int = field(default=0, compare=False)


@value_object(kw_only=True)
class Letter:
    to: str


@value_object(eq=False)
class Ticket:
    number: int


@value_object()
class Nothing:
    pass


def test_equal_fields_make_equal_objects_with_equal_hashes() -> None:
    one, other = Letter(to="Ann"), Letter(to="Ann")

    assert one == other
    assert {one: "first"}[other] == "first"
    assert one != Letter(to="Bob")
    assert Nothing() == Nothing()
    assert len({Nothing(), Nothing()}) == 1


def test_objects_of_two_classes_differ() -> None:
    one: object = Letter(to="Ann")

    assert one != Parcel(to="Ann")
    assert one != "Ann"


def test_a_field_that_is_not_compared_makes_no_difference() -> None:
    assert Parcel(to="Ann", seen=1) == Parcel(to="Ann", seen=2)
    assert Parcel(to="Ann", weight=1) != Parcel(to="Ann", weight=2)


def test_without_eq_an_object_equals_itself_alone() -> None:
    one = Ticket(1)

    assert one == one
    assert one != Ticket(1)
    assert len({one, Ticket(1)}) == 2


def test_the_text_form_shows_the_fields_that_may_be_shown() -> None:
    parcel = Parcel(to="Ann", notes={"door": "4711"})

    assert repr(parcel) == "Parcel(to='Ann', weight=0.0, seen=0)"


def test_a_changed_copy_leaves_the_first_one_as_it_is() -> None:
    one = Letter(to="Ann")

    assert replace(one, to="Bob") == Letter(to="Bob")
    assert one == Letter(to="Ann")


def test_there_is_no_place_for_another_attribute() -> None:
    with pytest.raises(AttributeError):
        Letter(to="Ann").colour = "red"  # type: ignore[attr-defined]


def a_change(letter: Letter) -> None:
    """Never called: `make check` fails if the type checker no longer finds an error here."""
    letter.to = "Bob"  # type: ignore[misc]
