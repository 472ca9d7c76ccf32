"""Values: made once and whole, and never changed."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, cast, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value_object(*, kw_only: bool = False, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """Make a class a dataclass with slots; a change of a field is an error of the type checker.
    Without `eq` an object equals itself alone.

    `dataclass(frozen=True)` refuses a change at run time, too, but takes two to three times as long
    to make an object (docs/decisions/0029).
    """

    def made(cls: type[T]) -> type[T]:
        written: Any = cls
        if eq:
            written.__eq__, written.__hash__ = _is_equal, _hash
        written.__repr__ = _repr
        new: Any = dataclass(slots=True, kw_only=kw_only, eq=False, repr=False)(cls)
        compared = [one.name for one in fields(new) if one.compare]
        new.__compared__ = attrgetter(*compared) if compared else type
        return cast("type[T]", new)

    return made


def _is_equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self.__compared__(self) == self.__compared__(other)


def _hash(self: Any) -> int:
    return hash(self.__compared__(self))


def _repr(self: Any) -> str:
    shown = [f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"
