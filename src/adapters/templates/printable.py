"""What of a value may become a text: data, and neither a null nor Python's own objects."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from typing import Any

from jinja2 import Undefined, nodes, pass_eval_context
from jinja2.filters import do_join, make_attrgetter
from markupsafe import Markup

from adapters.templates.nulls import NullItem, NullUsed

_PLAIN = frozenset((str, int, float, bool))
SCALARS = _PLAIN | {Markup}


class NotPrintable(Exception):
    """A template prints something that is code and no value; the message says what."""


def refuse_unprintable(value: Any, expression: str, *, allow_null: bool) -> None:
    """Raise NullUsed or NotPrintable if `value`, or something in it, is no text to send.

    `expression` is how the template comes by the value, for the error. An undefined value raises
    what it raises when it is printed.
    """
    if value is None:
        if not allow_null:
            raise NullUsed(repr(expression))
    elif isinstance(value, Undefined):
        str(value)
    elif isinstance(value, Mapping | Sequence | Set | ValuesView):
        for member, item in _members(value):
            _refuse_inner(item, f"{expression}{member}", allow_null=allow_null)
    elif _is_code(value):
        raise NotPrintable(
            f"{expression!r} is no value but Python's {type(value).__name__}; "
            "call it, or print something else"
        )


def _refuse_inner(item: Any, expression: str, *, allow_null: bool) -> None:
    if item is None and not allow_null:
        raise NullUsed(repr(expression), NullUsed.INNER_REMEDY)
    refuse_unprintable(item, expression, allow_null=allow_null)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """What is in it, each with how it is written: `.name` or `[2]`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if type(item) not in SCALARS:
                yield f".{key}" if str(key).isidentifier() else f"[{key!r}]", item
    elif not isinstance(value, str | range):
        for index, item in enumerate(value):
            if type(item) not in SCALARS:
                yield f"[{index}]", item


def _is_code(value: object) -> bool:
    """A function, a generator, or an object of which Python would print the address."""
    kind = type(value)
    is_bare = kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__
    return callable(value) or isinstance(value, Iterator) or is_bare


@pass_eval_context
def join(
    context: nodes.EvalContext,
    value: Iterable[Any],
    d: str = "",
    attribute: str | int | None = None,
    expression: str = "",
) -> str:
    """The filter `join`, whose items are as printable as what is printed. `expression`: how the
    template comes by them, for the error, if that is known."""
    if attribute is not None:
        value = map(make_attrgetter(context.environment, attribute), value)
    if type(value) is list and type(d) is str and _PLAIN.issuperset(map(type, value)):
        return d.join(map(str, value))
    if type(value) is list and expression:
        context.environment.as_text(value, expression)  # type: ignore[attr-defined]
    else:
        value = _printable(context.environment, value)
    text: str = do_join(context, value, d)
    return text


def _printable(environment: Any, values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if value is None and environment.refuse_null:
            raise NullItem("join")
        environment.as_text(value, "an item given to the filter 'join'")
        yield value
