"""A null in a template: a value to ask about, and never the word "None" in a mail."""

from typing import Final

import jinja2
from jinja2 import nodes, pass_eval_context
from jinja2.filters import do_tojson

MAKE_TEXT = frozenset(
    ("upper", "lower", "capitalize", "title", "trim", "striptags", "center", "replace", "wordcount",
     "wordwrap", "truncate", "indent", "urlencode", "urlize", "escape", "e", "forceescape", "safe",
     "string", "format", "pprint")
)  # fmt: skip
"""Filters that take a text and would make the text "None" of a null."""

INSERT_ARGUMENTS = frozenset(("replace", "format"))
"""Those of them that put their arguments into the text, too."""

ACCEPT_NULL = frozenset(
    ("default", "d", "tojson", "int", "float", "attr", "map", "select", "reject", "selectattr",
     "rejectattr")
)  # fmt: skip
"""Filters that make of a null what plain Jinja2 makes of it; for the others it is no value."""


class NullUsed(jinja2.UndefinedError):
    """A null was used as if it were a value. `remedy`: what to write where it may be one."""

    REMEDY = "where it may be null, write default('…', true)"
    INNER_REMEDY = "print what holds it item by item, or write tojson"

    ITEM_REMEDY = "leave nulls out by reject('none'), or write map('default', '…', true) first"

    def __init__(self, what: str, remedy: str = REMEDY) -> None:
        super().__init__(f"{what} is null")
        self.remedy = remedy


class NullItem(NullUsed):
    """An item that a filter was given: `filter` is its name."""

    def __init__(self, name: str) -> None:
        super().__init__("an item", self.ITEM_REMEDY)
        self.filter = name


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
