"""The Jinja2 environments: sandboxed, one for each way of escaping."""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import currentframe
from traceback import walk_stack
from types import TracebackType
from typing import Any

import markupsafe
from jinja2 import (
    Environment,
    FunctionLoader,
    StrictUndefined,
    Undefined,
    nodes,
    pass_context,
)
from jinja2.exceptions import SecurityError
from jinja2.loaders import split_template_path
from jinja2.runtime import Context
from jinja2.sandbox import (
    MAX_RANGE,
    ImmutableSandboxedEnvironment,
    SandboxedEnvironment,
    modifies_known_mutable,
)
from markupsafe import Markup

from adapters.template_parts import Escaping
from adapters.templates.code_cache import CodeCache
from adapters.templates.fresh_imports import FreshImport
from adapters.templates.generator import Generator
from adapters.templates.messages import FORMATS, GETTEXT, PLURAL
from adapters.templates.parser import SetParser
from adapters.templates.values import (
    ACCEPT_NULL,
    SCALARS,
    NullUsed,
    OwnDict,
    OwnList,
    is_none,
    join,
    nl2br,
    refuse_unprintable,
    tojson,
)

# What `escape` does to a text, in C; `escape` adds two calls in Python.
_escape_text: Callable[[str], str] = getattr(markupsafe, "_escape_inner", markupsafe.escape)
_MAX_NUMBER_BITS = 4096
_OWN = (OwnList, OwnDict)
# What Python adds to the values of a message: its methods are no part of the data.
_METHODS = {
    kind: frozenset(
        name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))
    )
    for kind in (dict, list, tuple, str, Markup, int, float, bool, OwnDict, OwnList)
}


class LimitExceeded(Exception):
    """A template asked for more than a rendering may have; the message says of what."""


class DeadlineExceeded(BaseException):
    """The work took too long. Not an Exception, so that nothing on the way down swallows it."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Gives templates no access to Python's own objects. `refuse_null`: a null that is used as a
    value is an error; else it is noted in `nulls`, if there is a list. `writes_json`: lists and
    objects are printed as JSON, where a null in them is one of its values."""

    intercepted_binops = frozenset({"*", "**"})
    code_generator_class, template_class = Generator, FreshImport
    escape_text = staticmethod(_escape_text)
    own_list, own_dict = OwnList, OwnDict
    newstyle_gettext = True  # a text and its values are one call
    refuse_null = True
    nulls: list[NullUsed] | None = None
    writes_json = False

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return SetParser(self, source, name, filename).parse()

    def make_globals(self, d: Any = None) -> dict[str, Any]:
        return {**self.globals, **(d or {})}  # a plain dict, since each rendering reads it

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What is not called is the message's own: an object's key, and never Python's method."""
        kind = type(obj)
        if (kind is dict or kind is OwnDict) and attribute in obj:
            return obj[attribute]
        if attribute in _METHODS.get(kind, ()):
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """As `getattr`: the library looks for a method where there is no such key."""
        if isinstance(argument, str) and argument in _METHODS.get(type(obj), ()):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)

    # What is called is the method, whether or not there is such a key.
    method_of = ImmutableSandboxedEnvironment.getattr

    def printed(self, value: Any, expression: str) -> Any:
        """As `as_text`; in JSON a null within the value is one of its values."""
        if type(value) not in SCALARS:
            is_json = self.writes_json and value is not None
            refuse_unprintable(value, expression, (lambda _: None) if is_json else self.meet_null)
        return value

    def escaped(self, value: Any, expression: str) -> str:
        """What is printed of a value that is not exactly a text, escaped as HTML."""
        if type(value) is int:
            return str(value)
        return str(markupsafe.escape(self.printed(value, expression)))

    def as_text(self, value: Any, expression: str) -> Any:
        """`value`, unless to make a text of it would be a mistake. Raises NullUsed or
        NotPrintable."""
        if type(value) not in SCALARS:
            refuse_unprintable(value, expression, self.meet_null)
        return value

    def meet_null(self, null: NullUsed) -> None:
        """Raise it where that is an error, else note it with its place."""
        if self.refuse_null:
            raise null
        if self.nulls is not None:
            frames = (frame for frame, _ in walk_stack(currentframe()))
            place = next(one for one in frames if "__jinja_template__" in one.f_globals)
            null.__traceback__ = TracebackType(None, place, place.f_lasti, place.f_lineno)
            self.nulls.append(null)

    def call_filter(self, name: str, value: Any, *arguments: Any, **more: Any) -> Any:
        """As the library does for `map`, but few filters are given a null."""
        if value is None and name not in ACCEPT_NULL:
            self.meet_null(NullUsed("an item", NullUsed.ITEM_REMEDY, in_filter=name))
        return super().call_filter(name, value, *arguments, **more)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse products that are small to write and huge to hold, before they are made."""
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length()
            bits = bits * abs(right) if operator == "**" else bits + right.bit_length()
            if bits > _MAX_NUMBER_BITS:
                raise LimitExceeded("a number of more than a thousand digits")
        for repeated, times in ((left, right), (right, left)):
            is_repetition = isinstance(times, int) and isinstance(repeated, str | list | tuple)
            if is_repetition and operator == "*" and len(repeated) * times > MAX_RANGE:
                raise LimitExceeded(f"a repetition longer than {MAX_RANGE}")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """A list or an object that the file itself has made may be changed, and no other."""
        is_safe = SandboxedEnvironment.is_safe_attribute(self, obj, attr, value)
        return is_safe and (obj.__class__ in _OWN or not modifies_known_mutable(obj, attr))

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        hint = ""
        if modifies_known_mutable(obj, attribute):
            hint = ": what is written out in a file with {% do %}, as [], may be changed"
        raise SecurityError(f"access to {attribute!r} of {type(obj).__name__!r} is unsafe{hint}")


def make_environment(
    escaping: Escaping,
    *,
    lenient: bool,
    nulls: list[NullUsed] | None = None,
    own_filters: Mapping[str, Callable[..., Any]] | None = None,
) -> Environment:
    """An environment without templates, to be overlaid with a loader of one set. `lenient` ones
    note in `nulls` what is null and used as a value. `own_filters`: those of the set."""
    environment = _Sandbox(
        undefined=Undefined if lenient else StrictUndefined,
        autoescape=escaping.is_on,
        finalize=_finalizer(escaping),
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=CodeCache(),
    )
    environment.refuse_null, environment.nulls = not lenient, nulls
    environment.writes_json = escaping.in_json
    environment.globals["range"] = _bounded_range
    environment.globals |= {name: _later("translation", name) for name in GETTEXT}
    environment.filters |= {"tojson": tojson, "join": join, "nl2br": nl2br}
    environment.filters |= {name: _later("formats", name) for name in FORMATS}
    environment.filters |= {PLURAL: _later("translation", PLURAL), **(own_filters or {})}
    environment.tests["none"] = is_none
    return environment


def loader_of(texts: Mapping[str, str]) -> FunctionLoader:
    """A loader from one immutable set of texts; nothing is ever looked up on disk."""

    def source(template: str) -> tuple[str, str, None] | None:
        name = "/".join(split_template_path(template))
        return (texts[name], name, None) if name in texts else None

    return FunctionLoader(source)


def _later(module: str, name: str) -> Callable[..., Any]:
    """A function of ours that is loaded when it is first called. It takes the context, so that
    nothing is worked out before a message says its language."""

    @pass_context
    def call(*arguments: Any, **more: Any) -> Any:
        found = import_module(f"adapters.templates.{module}")
        return found.FUNCTIONS[name](*arguments, **more)

    return call


def _bounded_range(*arguments: int) -> range:
    numbers = range(*arguments)
    if numbers[MAX_RANGE:]:  # of a huge one `len` would overflow
        raise LimitExceeded(f"a range longer than {MAX_RANGE}")
    return numbers


def _finalizer(escaping: Escaping) -> Callable[..., Any] | None:
    escape = escaping.escape
    if escape is None:
        return None

    # It takes the context, unused, since Jinja2 then leaves constants to it as well; escaping by a
    # Markup value keeps what a macro or a block has already escaped from being escaped again.
    @pass_context
    def finalize(_context: Context, value: object) -> object:
        if hasattr(value, "__html__"):
            return value
        if not escaping.in_json:
            text = escape(value)
        elif isinstance(value, str | Undefined):
            text = json.dumps(escape(value), ensure_ascii=False)[1:-1]
        else:
            text = json.dumps(value, default=str, ensure_ascii=False)
        return Markup(text)  # noqa: S704 - just escaped

    return finalize
