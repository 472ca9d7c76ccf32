"""Filters of the set's own, in Python: `filters.py` at its root, where a setting allows it."""

from collections.abc import Callable, Mapping
from dataclasses import field
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, unwrap
from traceback import walk_tb
from types import FunctionType, TracebackType
from typing import Any

from jinja2 import pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context

from adapters.templates.catalogue import OWN_FILTERS
from adapters.templates.messages import FORMATS, PLURAL
from adapters.texts import short_text
from domain.value_object import value_object

_MODULE = "templates_filters"
_LONGEST_FAULT = 200
_THERE = frozenset((*FILTERS, *FORMATS, PLURAL, "nl2br"))
# What Jinja2 gives a function that asks for it (`pass_context` and its like).
_GIVEN: Mapping[str, Callable[[Context], Any]] = {
    "context": lambda context: context,
    "eval_context": lambda context: context.eval_ctx,
    "environment": lambda context: context.environment,
}


@value_object()
class OwnFilters:
    """The functions of one `filters.py`, by the name of each, and what is wrong with the file."""

    text: str | None = None
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict, repr=False)
    fault: str | None = None


def load_own_filters(text: str) -> OwnFilters:
    """Run the file; each function that it defines and whose name has no leading `_` is a filter."""
    names: dict[str, Any] = {"__name__": _MODULE, "__file__": OWN_FILTERS}
    try:
        exec(compile(text, OWN_FILTERS, "exec"), names)  # noqa: S102 - the operator allows it
    except SyntaxError as error:
        return OwnFilters(text, fault=f"{OWN_FILTERS} line {error.lineno or 1}: {error.msg}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is any code
        line = line_in_own_filters(error.__traceback__) or 1
        return OwnFilters(text, fault=f"{OWN_FILTERS} line {line}: {said_by(error)}")
    functions = {name: one for name, one in names.items() if name[0] != "_" and _is_own(one)}
    for name, one in functions.items():
        if fault := _unfit(name, one):
            line = unwrap(one).__code__.co_firstlineno
            return OwnFilters(text, fault=f"{OWN_FILTERS} line {line}: {fault}")
    return OwnFilters(text, {name: _not_folded(one) for name, one in functions.items()})


def _is_own(one: Any) -> bool:
    """Whether the file defines this function; one below a decorator such as `cache` counts."""
    function = unwrap(one) if callable(one) and not isinstance(one, type) else None
    return isinstance(function, FunctionType) and function.__module__ == _MODULE


def _unfit(name: str, function: Callable[..., Any]) -> str | None:
    """Why the function cannot be a filter."""
    if name in _THERE:
        return f"there is a filter {name!r} already; give the function another name, or _{name}"
    if iscoroutinefunction(unwrap(function)) or isasyncgenfunction(unwrap(function)):
        return f"{name!r} is async, and a template does not wait; write it with def alone"
    return None


def said_by(error: BaseException) -> str:
    """What went wrong, on one line."""
    return f"{type(error).__name__}: {short_text(error, _LONGEST_FAULT)}"


def line_in_own_filters(traceback: TracebackType | None) -> int | None:
    """The line of the file that was running, if it was."""
    lines = [at for frame, at in walk_tb(traceback) if frame.f_code.co_filename == OWN_FILTERS]
    return lines[-1] if lines else None


def _not_folded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, called for each mail: without the context, Jinja2 would call it as it compiles,
    where its value is written out."""
    asked = getattr(function, "jinja_pass_arg", None)
    given = None if asked is None else _GIVEN[asked.name]

    @pass_context
    @wraps(function)
    def call(context: Context, *arguments: Any, **more: Any) -> Any:
        return function(*(() if given is None else (given(context),)), *arguments, **more)

    return call
