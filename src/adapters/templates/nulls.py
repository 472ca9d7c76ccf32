"""A null in a template: a value to ask about, and never the word "None" in a mail."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import jinja2
from jinja2 import nodes, pass_eval_context
from jinja2.filters import do_join, do_tojson, make_attrgetter

MAKE_TEXT = frozenset(
    ("upper", "lower", "capitalize", "title", "trim", "striptags", "center", "replace", "wordcount",
     "wordwrap", "truncate", "indent", "urlencode", "urlize", "escape", "e", "forceescape", "safe",
     "string", "format")
)  # fmt: skip
"""Filters that take a text and would make the text "None" of a null."""

INSERT_ARGUMENTS = frozenset(("replace", "format"))
"""Those of them that put their arguments into the text, too."""


class NullUsed(jinja2.UndefinedError):
    """A null was about to become a text. `REMEDY`: what to write where it may be one."""

    REMEDY = "where it may be null, write default('…', true)"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is null")


class Nothing(str):
    """A variable of ours without a value, such as the locale: prints empty, and `is none`.

    A text, so that filters and `~` take it for an empty one.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return other is None or str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other


NOTHING: Final = Nothing()


def is_none(value: object) -> bool:
    """The test `is none`."""
    return value is None or isinstance(value, Nothing)


@pass_eval_context
def tojson(context: nodes.EvalContext, value: object, indent: int | None = None) -> object:
    """The filter `tojson`, to which a variable of ours without a value is null."""
    return do_tojson(context, None if isinstance(value, Nothing) else value, indent)


@pass_eval_context
def strict_join(
    context: nodes.EvalContext,
    value: Iterable[Any],
    d: str = "",
    attribute: str | int | None = None,
) -> str:
    """The filter `join`, which refuses a null among the items."""
    if attribute is not None:
        value = map(make_attrgetter(context.environment, attribute), value)
    text: str = do_join(context, _without_null(value), d)
    return text


def _without_null(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if value is None:
            raise NullUsed("an item given to the filter 'join'")
        yield value
