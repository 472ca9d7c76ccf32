"""Values: equal by what they hold, and nothing to change."""

from collections.abc import Mapping
from dataclasses import field, fields, replace
from typing import Generic, TypeVar

import pytest

from domain.value_object import value_object

T = TypeVar("T")


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


@value_object(kw_only=True)
class Weight:
    grams: int
    kilograms: float = field(init=False)

    def __post_init__(self) -> None:
        if self.grams <= 0:
            raise ValueError(f"must be heavier than 0, not {self.grams}")
        object.__setattr__(self, "kilograms", self.grams / 1000)


@value_object()
class Box(Generic[T]):
    content: T


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


def test_a_check_sees_all_fields_and_may_refuse_them() -> None:
    with pytest.raises(ValueError, match="heavier than 0, not -1"):
        Weight(grams=-1)

    assert Weight(grams=2000).kilograms == 2
    assert replace(Weight(grams=2000), grams=3000).kilograms == 3
    with pytest.raises(ValueError, match="not -2"):
        replace(Weight(grams=2000), grams=-2)


def test_a_match_tells_classes_apart() -> None:
    match Letter(to="Ann"):
        case Parcel():
            found = "a parcel"
        case Letter(to=name):
            found = f"a letter to {name}"

    assert found == "a letter to Ann"
    assert isinstance(Letter(to="Ann"), Letter)
    assert [one.name for one in fields(Letter(to="Ann"))] == ["to"]


def test_a_class_for_any_type_can_be_made_by_its_type() -> None:
    assert Box[int](5) == Box(5)


def a_change(letter: Letter) -> None:
    """Never called: `make check` fails if the type checker no longer finds an error here."""
    letter.to = "Bob"  # type: ignore[misc]
