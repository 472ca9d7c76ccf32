"""Dataclasses read from JSON objects, field by field, with all faults at once."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import MISSING, Field, field, fields
from math import isfinite
from typing import Any, Generic, TypeVar, cast

from domain.value_object import value_object

T = TypeVar("T")

IS_REQUIRED = "is required"
"""The fault of a field that is absent and must not be."""

_LONGEST_NAME = 80  # characters of a field's name in a fault
_MOST_UNKNOWN = 10


class Faults(ValueError):
    """What is wrong with an object: place, such as `attachments[0].content`, and text. The place is
    empty for the whole object."""

    def __init__(self, found: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{place}: {text}" if place else text for place, text in found))
        self.found = found

    def within(self, outer: str) -> list[tuple[str, str]]:
        """The same faults, where the object itself stands at `outer`."""
        return [
            (f"{outer}.{place}" if place and place[0] != "[" else outer + place, text)
            for place, text in self.found
        ]


@value_object()
class Given:
    """How a field is read, in its annotation. `read` gets the value, and after it the context of
    `ObjectForm.read` where it `needs_context`. Its faults are ValueErrors. `name`: in the object,
    where it is another one."""

    read: Callable[..., object]
    needs_context: bool = field(default=False, kw_only=True)
    name: str = field(default="", kw_only=True)


class ObjectForm(Generic[T]):
    """How a dataclass, all of whose fields are annotated with `Given`, is read. A field that is
    null counts as absent. Where the form `is_closed`, an unknown field is a fault."""

    def __init__(self, record: Callable[..., T], *, is_closed: bool = False) -> None:
        self._record = record
        self._is_closed = is_closed
        self._fields = [_field(one) for one in fields(cast("Any", record))]
        self.names = frozenset(name for name, *_ in self._fields)
        """The fields' names in an object."""

    def read(
        self, value: object, values: dict[str, Any] | None = None, context: object = None
    ) -> T:
        """The record. `values` is filled with what is read, in the order of the fields; a faulty
        one is None in it. Raises Faults."""
        if not isinstance(value, dict):
            raise ValueError("must be an object")  # noqa: TRY004
        values = {} if values is None else values
        faults: list[tuple[str, str]] = []
        for name, attribute, how, is_required in self._fields:
            item = value.get(name)
            if item is None:
                if is_required:
                    faults.append((name, IS_REQUIRED))
                continue
            more = (context,) if how.needs_context else ()
            try:
                values[attribute] = read_at(name, how.read, item, *more)
            except Faults as error:
                faults += error.found
                values[attribute] = None
        if self._is_closed:
            unknown = [name for name in value if name not in self.names]
            faults += map(_not_known, unknown[:_MOST_UNKNOWN])
        if faults:
            raise Faults(faults)
        return self._record(**values)


def _field(one: "Field[Any]") -> tuple[str, str, Given, bool]:
    """Its name in an object, its attribute's, how it is read, and whether it must be there."""
    (how,) = cast("Any", one.type).__metadata__
    is_required = one.default is MISSING and one.default_factory is MISSING
    return how.name or one.name, one.name, how, is_required


def _not_known(name: str) -> tuple[str, str]:
    """A name with signs in it stands in quotes, after the object's own place."""
    shown = name[:_LONGEST_NAME]
    if shown.isidentifier():
        return shown, "is not a known field"
    return "", f"has an unknown field {shown!r}"


def read_at(place: str, read: Callable[..., T], value: object, *context: object) -> T:
    """What is read of the value at this place of an object. Raises Faults."""
    try:
        return read(value, *context)
    except Faults as error:
        raise Faults(error.within(place)) from None
    except ValueError as error:
        raise Faults([(place, str(error))]) from None


def list_of(read: Callable[[Any], T]) -> Callable[[object], tuple[T, ...]]:
    """A reader of lists. It stops at the first bad item: a million of them would cost a gigabyte of
    faults."""

    def items(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list")  # noqa: TRY004
        return tuple([read_at(f"[{index}]", read, item) for index, item in enumerate(value)])

    return items


def map_of(read: Callable[[Any], T]) -> Callable[[object], dict[str, T]]:
    """A reader of objects whose values are all of one kind, by any name."""

    def items(value: object) -> dict[str, T]:
        if not isinstance(value, dict):
            raise ValueError("must be an object")  # noqa: TRY004
        return {name: read_at(name, read, item) for name, item in value.items()}

    return items


def text_of(value: object) -> str:
    """A string, and nothing that only looks like one."""
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004
    return value


def yes_or_no(value: object) -> bool:
    """A boolean, and nothing that only looks like one."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004
    return value


def whole_number(least: int, most: int | None = None) -> Callable[[object], int]:
    """A reader of whole numbers within bounds."""
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"must be a whole number {bounds}")  # noqa: TRY004
        if value < least or (most is not None and value > most):
            raise ValueError(f"must be a whole number {bounds}")
        return value

    return read


def number(value: object) -> float:
    """A number that is finite, and no boolean."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004
    with suppress(OverflowError):  # a whole number beyond every float
        if isfinite(value):
            return float(value)
    raise ValueError("must be a number")
