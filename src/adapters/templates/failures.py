"""Make one Permanent error of what a template raised: it names the file, the line and the cause."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from traceback import walk_tb

import jinja2
from jinja2.exceptions import SecurityError

from adapters.templates.catalogue import OWN_FILTERS
from adapters.templates.environment import DeadlineExceeded, LimitExceeded
from adapters.templates.values import NotPrintable, NullUsed, UnfitValue
from adapters.texts import nearest, short_text
from domain.errors import FailureReason, Permanent
from domain.value_object import value_object

_LONGEST_DETAIL = 120  # enough to see what is wrong, too little to carry a parameter's text along
_LONGEST_FAULT = 400  # of a file that does not compile: no parameter is in it

_MOST_NAMED = 3
_LIMITS: Mapping[type[BaseException], str] = {
    DeadlineExceeded: "rendering took too long, stopped",
    MemoryError: "rendering took too much memory",
    RecursionError: "it includes or calls itself without end",
}
_REMEDIES: Mapping[type[BaseException], str] = {
    DeadlineExceeded: "look for a loop without an end, or raise DISPATCHER_RENDER_TIMEOUT",
    jinja2.UndefinedError: "give it in 'parameters', or write default('…')",
    jinja2.TemplateNotFound: "make the file, or write 'ignore missing'",
}
_MEANT = "(did you mean "
_OPEN = re.compile(r"Unexpected end of template\..* closed is '(\w+)'\.")
_UNKNOWN_TAG = re.compile(r"Encountered unknown tag '(\w+)'\.(?! Jinja)")
_UNREADABLE = re.compile(
    r"unexpected (?!end of template)|expected token|tag name expected", re.IGNORECASE
)
_TAGS = (
    *("if", "for", "block", "extends", "include", "import", "from", "set", "macro", "call"),
    *("filter", "with", "trans", "do", "raw", "else", "elif"),
)
_LIKENESS = 0.5  # from 0 to 1; tags are short
_UNKNOWN = re.compile(r"No (filter|test) named '([^']+)'\.")
_WORD = re.compile(r"\w+")
_EXPRESSION = re.compile(r"\{\{([^{}]*)\}\}")
_VARIABLE = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*(?:\.\w+)*")


@value_object()
class TemplatePlace:
    """Where in the templates something happened; `source` is the line itself."""

    path: str
    line: int
    source: str

    def __str__(self) -> str:
        return f"{self.path} line {self.line}"


class RenderFailure(Permanent):
    """A rendering that failed, with the place where it did, if that is known."""

    def __init__(self, message: str, *, reason: FailureReason, place: TemplatePlace | None) -> None:
        super().__init__(message, reason=reason)
        self.place = place


def compile_fault(path: str, error: Exception, environment: jinja2.Environment) -> str:
    """One line for a file that does not compile."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        text = short_text(f"{error.message}{_meant(error, environment)}", _LONGEST_FAULT)
        return f"{error.name or path} line {error.lineno}: {text}"
    return f"{path}: {type(error).__name__}: {short_text(error, _LONGEST_FAULT)}"


def missing_file(path: str, line: int, name: str, known: Iterable[str]) -> str:
    """One line for a file that names another one that is not there."""
    near = nearest(name, known)
    remedy = f"did you mean {near!r}?" if near else "make it, or name another one"
    return f"{path} line {line}: there is no file {name!r}; {remedy}"


def _meant(error: jinja2.TemplateSyntaxError, environment: jinja2.Environment) -> str:
    """What to do: the filter, test or tag that an unknown one was probably meant as, or the end
    that is missing."""
    message = error.message or ""
    if open_tag := _OPEN.search(message):
        return f" Write {{% end{open_tag[1]} %}} where it ends."
    if unknown_tag := _UNKNOWN_TAG.match(message):
        near = nearest(unknown_tag[1], _TAGS, _LIKENESS)
        return f" Did you mean {near!r}?" if near else ""
    if _UNREADABLE.match(message):
        return " Check that each {{, {% and quote is closed, here and above."
    named = _UNKNOWN.fullmatch(message)
    if named is None:
        return ""
    known = environment.filters if named[1] == "filter" else environment.tests
    near = nearest(named[2], known)
    return f" Did you mean {near!r}?" if near else f" Remove it, or use a {named[1]} that there is."


def render_failure(
    template: str, error: BaseException, texts: Mapping[str, str], variables: Mapping[str, object]
) -> RenderFailure:
    """The error of a rendering that failed. `variables`: what was there."""
    place = _place(error, texts)
    source = place.source if place else ""
    error = _named(error, source, variables)
    reason = FailureReason.TEMPLATE_ERROR
    match error:
        case DeadlineExceeded() | LimitExceeded() | MemoryError() | RecursionError():
            reason, detail = FailureReason.TEMPLATE_LIMIT, _LIMITS.get(type(error), str(error))
        case NullUsed():
            reason, detail = FailureReason.TEMPLATE_UNDEFINED, str(error)
        case jinja2.UndefinedError():
            reason = FailureReason.TEMPLATE_UNDEFINED
            detail = _undefined(error, source, variables)
        case NotPrintable() | UnfitValue():
            detail = str(error)
        case SecurityError():
            detail = short_text(error, _LONGEST_DETAIL)
        case jinja2.TemplateNotFound():
            detail = f"there is no file {short_text(error, _LONGEST_DETAIL)!r} to include"
        case _:
            detail = f"{type(error).__name__}: {short_text(error, _LONGEST_DETAIL)}"
    detail += _in_own_filter(error)
    where = f"{place}" if place else f"template {template!r}"
    remedy = "" if _MEANT in detail else _remedy(error)
    return RenderFailure(f"{detail} in {where}{remedy}", reason=reason, place=place)


def _remedy(error: BaseException) -> str:
    """What to do about it, where that can be said of all errors of this kind."""
    if isinstance(error, NullUsed):
        return f"; {error.remedy}"
    return next((f"; {text}" for kind, text in _REMEDIES.items() if isinstance(error, kind)), "")


def _in_own_filter(error: BaseException) -> str:
    """Where in the set's own filters it happened, if it did."""
    lines = [
        line
        for frame, line in walk_tb(error.__traceback__)
        if frame.f_code.co_filename == OWN_FILTERS
    ]
    return f" at {OWN_FILTERS} line {lines[-1]}" if lines else ""


def _place(error: BaseException, texts: Mapping[str, str]) -> TemplatePlace | None:
    """The innermost template line that was running, read as Jinja2's debug module reads it."""
    place = None
    for frame, line_of_code in walk_tb(error.__traceback__):
        template = frame.f_globals.get("__jinja_template__")
        if isinstance(template, jinja2.Template) and template.name:
            line = template.get_corresponding_lineno(line_of_code)
            lines = texts.get(template.name, "").splitlines()
            source = lines[line - 1] if line <= len(lines) else ""
            place = TemplatePlace(template.name, line, source)
    return place


def _named(error: BaseException, source: str, variables: Mapping[str, object]) -> BaseException:
    """Python's word that there was a null, as an error that names what in the line `source` may
    have been it."""
    in_filter = error.in_filter if isinstance(error, NullUsed) else ""
    if not (in_filter or (isinstance(error, TypeError) and "NoneType" in str(error))):
        return error
    values = {path: _value_of(path, variables) for path in _VARIABLE.findall(source)}
    nulls = " or ".join(repr(path) for path, value in values.items() if value is None)
    items = " or ".join(map(repr, islice(_null_items(values, source), _MOST_NAMED)))
    if in_filter:
        given = items or _given_to(in_filter, source) or "an item"
        return NullUsed(f"{given} given to the filter {in_filter!r}", NullUsed.ITEM_REMEDY)
    if items and not nulls:
        return NullUsed(items, NullUsed.ITEM_REMEDY)
    return NullUsed(nulls or "a value")


def _null_items(values: Mapping[str, object], source: str) -> Iterator[str]:
    """How each null in the lists that a line is about is written; in a list of objects, those whose
    key the line has."""
    words = frozenset(_WORD.findall(source))
    for path, value in values.items():
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if item is None:
                yield f"{path}[{index}]"
            elif isinstance(item, Mapping):
                nulls = (key for key, inner in item.items() if inner is None and key in words)
                yield from (f"{path}[{index}].{key}" for key in nulls)


def _given_to(name: str, source: str) -> str:
    """What a line applies a filter to, where the data do not say it, as for a loop's variable."""
    for expression in _EXPRESSION.findall(source):
        value, *filters = expression.split("|")
        variable = _VARIABLE.search(value)
        if variable and any(name in _WORD.findall(one) for one in filters):
            return f"an item of {variable[0]!r}"
    return ""


def _value_of(path: str, variables: Mapping[str, object]) -> object:
    """The value of a dotted path, or the path itself where there is no such value."""
    value: object = variables
    for key in path.split("."):
        value = value.get(key, path) if isinstance(value, Mapping) else path
    return value


def _near_key(path: str, variables: Mapping[str, object]) -> str:
    """The key that the last one of a path was probably meant as."""
    outer, _, key = path.replace("['", ".").replace('["', ".").rpartition(".")
    holder = _value_of(outer, variables)
    near = nearest(key, holder) if isinstance(holder, Mapping) else None
    return f" {_MEANT}{near!r}?)" if near else ""


def _undefined(error: Exception, source: str, variables: Mapping[str, object]) -> str:
    """`order.total` rather than Jinja2's "'dict object' has no attribute 'total'"."""
    text = short_text(error, _LONGEST_DETAIL)
    if named := re.search(r"'([^']+)' is undefined", text):
        near = nearest(named[1], (v for v in variables if v != named[1]))
        return f"{named[1]!r} is undefined" + (f" {_MEANT}{near!r}?)" if near else "")
    if named := re.search(r"(?:attribute|element) '([^']+)'$", text):
        path = re.search(rf"[A-Za-z_][\w.]*(?:\.|\[['\"]){re.escape(named[1])}\b", source)
        return f"{path[0]!r} is undefined: {text}{_near_key(path[0], variables)}" if path else text
    return text
