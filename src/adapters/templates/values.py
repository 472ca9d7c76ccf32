"""What of a value may become a text: data, and neither a null nor Python's own objects.

A null is a value to ask about, and never the word "None" in a mail.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from typing import Any, Final

from jinja2 import Undefined, UndefinedError, nodes, pass_eval_context
from jinja2.filters import do_join, do_tojson, make_attrgetter
from markupsafe import Markup, escape

_PLAIN = frozenset((str, int, float, bool))
SCALARS = _PLAIN | {Markup}

MAKE_TEXT = frozenset(
    ("upper", "lower", "capitalize", "title", "trim", "striptags", "center", "replace", "wordcount",
     "wordwrap", "truncate", "indent", "urlencode", "urlize", "escape", "e", "forceescape", "safe",
     "string", "format", "pprint", "nl2br")
)  # fmt: skip
"""Filters that take a text and would make the text "None" of a null."""

INSERT_ARGUMENTS = frozenset(("replace", "format"))
"""Those of them that put their arguments into the text, too."""

ACCEPT_NULL = frozenset(
    ("default", "d", "tojson", "int", "float", "attr", "map", "select", "reject", "selectattr",
     "rejectattr")
)  # fmt: skip
"""Filters that make of a null what plain Jinja2 makes of it; for the others it is no value."""


class NullUsed(UndefinedError):
    """A null was used as if it were a value. `remedy`: what to write where it may be one.
    `in_filter`: the filter that was given it as an item, if it was one."""

    REMEDY = "where it may be null, write default('…', true)"
    INNER_REMEDY = "print what holds it item by item, or write tojson"
    ITEM_REMEDY = "leave nulls out by reject('none'), or write map('default', '…', true) first"

    def __init__(self, what: str, remedy: str = REMEDY, in_filter: str = "") -> None:
        super().__init__(f"{what} is null")
        self.remedy = remedy
        self.in_filter = in_filter


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


class UnfitValue(Exception):
    """A value that a filter or a function of ours can do nothing with; the message says which, and
    what is wanted, and has no text of the value."""


def described_kind(value: object) -> str:
    """What a value is, without what it says."""
    names = {None.__class__: "null", bool: "true or false", str: "a text"}
    kinds = {int | float: "a number", str: "a text", Mapping: "an object", Sequence: "a list"}
    known = (name for kind, name in kinds.items() if isinstance(value, kind))
    return names.get(type(value)) or next(known, f"Python's {type(value).__name__}")


class OwnList(list[Any]):
    """A list that a template has made itself, so that it may change it."""


class OwnDict(dict[Any, Any]):
    """An object that a template has made itself."""


class NotPrintable(Exception):
    """A template prints something that is code and no value; the message says what."""


def refuse_unprintable(value: Any, expression: str, meet_null: Callable[[NullUsed], None]) -> None:
    """Raise NotPrintable if `value`, or something in it, is no text to send; `meet_null` is given
    each null.

    `expression` is how the template comes by the value, for the error. An undefined value raises
    what it raises when it is printed.
    """
    if value is None:
        meet_null(NullUsed(repr(expression)))
    elif isinstance(value, Undefined):
        str(value)
    elif isinstance(value, Mapping | Sequence | Set | ValuesView):
        for member, item in _members(value):
            inner = f"{expression}{member}"
            if item is None:
                meet_null(NullUsed(repr(inner), NullUsed.INNER_REMEDY))
            else:
                refuse_unprintable(item, inner, meet_null)
    elif _is_code(value):
        raise NotPrintable(
            f"{expression!r} is no value but Python's {type(value).__name__}; "
            "call it, or print something else"
        )


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
) -> str:
    """The filter `join`, whose items are as printable as what is printed."""
    if attribute is not None:
        value = map(make_attrgetter(context.environment, attribute), value)
    if type(value) is list and type(d) is str and _PLAIN.issuperset(map(type, value)):
        return d.join(map(str, value))
    text: str = do_join(context, _printable(context.environment, value), d)
    return text


def _printable(environment: Any, values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if value is None:
            environment.meet_null(NullUsed("an item", NullUsed.ITEM_REMEDY, in_filter="join"))
        else:
            environment.as_text(value, "an item given to the filter 'join'")
        yield value


@pass_eval_context
def nl2br(context: nodes.EvalContext, value: object) -> object:
    """The filter `nl2br`: each line end of a text becomes a `<br>` where HTML is written."""
    if not context.autoescape or context.environment.finalize is not None:
        return value
    lines = str(escape(value)).replace("\r\n", "\n").replace("\r", "\n")
    return Markup(lines.replace("\n", "<br>\n"))  # noqa: S704 - just escaped
