"""Which field of a message a failed rendering is about, and what would do in its place."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, cast

from adapters.templates.failures import RenderFailure, TemplatePlace
from adapters.templates.inspection import variables_of
from adapters.templates.snapshot import Snapshot
from domain.notification import JsonValue

PARAMETERS = "parameters"
PLACEHOLDER = "…"
"""Stands where no example has a value."""

_OURS = frozenset(("subject", "recipient", "locale", "timezone"))  # variables that are fields
_NAME = r"[A-Za-z_]\w*"
_NAMED = re.compile(
    rf"(['\"])(?P<path>{_NAME}(?:\.\w+|\[\d+\]|\[['\"][^'\"\]]+(?:['\"]\])?)*)\1"
    r"(?: or '[^']+')* (?:is undefined|is null|given to the filter)"
)
_KEY_MARK = re.compile(r"\[?['\"]\]?")
_TAG = re.compile(r"\{[{%](.*?)[%}]\}")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"|\|\s*\w+")  # texts in a tag, and the names of filters
_VARIABLE = re.compile(rf"(?<![\w.]){_NAME}(?:\.\w+|\[\d+\])*")
_BEGINS = r"\{%[-+]?\s*"
_FROM = rf"(?P<path>{_NAME}(?:\.\w+)*)"
_LOOP = re.compile(rf"{_BEGINS}for\s+(?P<name>{_NAME})\s+in\s+{_FROM}\b(?!\()")
_SET = re.compile(rf"{_BEGINS}set\s+(?P<name>{_NAME})\s*=\s*{_FROM}\s*[-+]?%\}}")
_MACRO = re.compile(rf"{_BEGINS}macro\s+(?P<name>{_NAME})\s*\((?P<arguments>[^()]*)\)")
_LOOP_MARK = re.compile(r"\{%[-+]?\s*(for|endfor)\b")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_MOST_STEPS = 10  # from the variable of a loop to that of the loop around it, and so on

Step = str | int
_UNKNOWN: Step = ""
"""The first step where it is not known what a macro is given."""


def blamed_field(
    failure: RenderFailure, snapshot: Snapshot, template: str, parameters: Mapping[str, JsonValue]
) -> tuple[str, bool]:
    """The path of the field without whose fault the rendering would have got further, such as
    `parameters.order.lines[1].price`; `parameters` where it may be any of them. And whether the
    error itself names it."""
    origins = _Origins(snapshot, template, failure.place, parameters)
    if named := _NAMED.match(str(failure)):
        return _field(origins.of(named["path"]), parameters), True
    known = {*parameters, *_OURS, *variables_of(snapshot, template)}
    found = {
        _field(steps, parameters): value_at(parameters, steps) is None
        for tag in _TAG.findall(failure.place.source if failure.place else "")
        for name in _VARIABLE.findall(_TEXT.sub(" ", tag))
        if (steps := origins.of(name))[0] in known
    }
    fields = [field for field, is_absent in found.items() if is_absent] or list(found)
    return (fields[0] if len(fields) == 1 else PARAMETERS), False


def with_value(
    parameters: Mapping[str, JsonValue], path: str, examples: Iterable[Mapping[str, JsonValue]]
) -> tuple[Mapping[str, JsonValue], bool] | None:
    """A copy of the parameters in which the field at `path` has a value that an example has there,
    and whether one has; else it has the placeholder. None: nothing can be put there."""
    steps = steps_of(path)[1:]
    if not (path.startswith(f"{PARAMETERS}.") and steps):
        return None
    generous = [0 if isinstance(step, int) else step for step in steps]
    values = [value for one in examples if (value := value_at(one, generous)) is not None]
    value = values[0] if values else PLACEHOLDER
    copy = deepcopy(dict(parameters))
    holder: Any = value_at(copy, steps[:-1])
    last = steps[-1]
    is_item = isinstance(holder, list) and isinstance(last, int) and last < len(holder)
    if not (is_item or (isinstance(holder, dict) and isinstance(last, str))):
        return None
    holder[last] = value
    return copy, bool(values)


def steps_of(path: str) -> list[Step]:
    """`a.b[1]` as `a`, `b`, 1."""
    return [int(index) if index else name for name, index in _STEP.findall(path)]


def value_at(value: JsonValue, steps: Sequence[Step]) -> JsonValue:
    """What is at the end of these steps; None where there is nothing."""
    found: Any = value
    for step in steps:
        if isinstance(found, Mapping) and isinstance(step, str):
            found = found.get(step)
        elif isinstance(found, list) and isinstance(step, int) and step < len(found):
            found = found[step]
        else:
            return None
    return cast("JsonValue", found)


def _field(steps: Sequence[Step], parameters: Mapping[str, JsonValue]) -> str:
    if steps[0] == _UNKNOWN:
        return PARAMETERS
    if steps[0] in _OURS and steps[0] not in parameters:
        return str(steps[0])
    written = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return PARAMETERS + "".join(written)


class _Origins:
    """Where the variables of a line get their values from: a parameter, a loop, a `set`, or what a
    macro is given."""

    def __init__(
        self,
        snapshot: Snapshot,
        template: str,
        place: TemplatePlace | None,
        parameters: Mapping[str, JsonValue],
    ) -> None:
        path = place.path if place else ""
        lines = snapshot.texts.get(path, "").splitlines()[: place.line if place else 0]
        *self._before, self._line = lines or [""]
        sources = snapshot.templates[template].sources
        self._texts = [snapshot.texts[one] for one in sources]
        self._others = [snapshot.texts[one] for one in sources if one != path]
        self._parameters = parameters

    def of(self, written: str) -> list[Step]:
        """The way from a parameter to the value that is written so in the line."""
        at = self._line.rfind(written)
        line = self._line[:at] if at >= 0 else self._line
        above = "\n".join([*self._before, line])
        return self._resolved(above, steps_of(_KEY_MARK.sub(".", written)))

    def _resolved(self, above: str, steps: Sequence[Step], most: int = _MOST_STEPS) -> list[Step]:
        first, *rest = steps
        origin = self._origin(above, str(first)) if most else None
        if origin is None and most and (given := self._given(above, str(first))):
            return self._resolved(given[0], [*given[1], *rest], most - 1)
        if origin is None or origin[0][0] == first:
            return list(steps)
        path, is_item = origin
        base = self._resolved(above, path, most - 1)
        return [*base, *(self._index(base, rest) if is_item else ()), *rest]

    def _given(self, above: str, name: str) -> tuple[str, list[Step]] | None:
        """What the first call gives the macro around the line for its argument of that name, and
        the text above the call."""
        for macro in _MACRO.finditer(above.rpartition("endmacro")[2]):
            names = [one.partition("=")[0].strip() for one in macro["arguments"].split(",")]
            if name not in names:
                continue
            call = re.compile(rf"(?<!macro )\b{macro['name']}\((?P<given>[^()]*)\)")
            for text in self._texts:
                if found := call.search(text):
                    given = [one.strip() for one in found["given"].split(",")]
                    at = names.index(name)
                    by_name = (one for one in given if re.match(rf"{name}\s*=", one))
                    value = next(by_name, given[at] if at < len(given) else "")
                    path = re.fullmatch(rf"({name}\s*=\s*)?{_FROM}", value)
                    return text[: found.start()], steps_of(path["path"]) if path else [_UNKNOWN]
            return "", [_UNKNOWN]
        return None

    def _origin(self, above: str, name: str) -> tuple[list[Step], bool] | None:
        """What a loop or a `set` takes the variable from; whether it is an item of that."""
        for text in [above] if name in self._parameters else [above, *self._others]:
            for pattern in (_LOOP, _SET):
                found = [
                    one["path"]
                    for one in pattern.finditer(text)
                    if one["name"] == name
                    and (pattern is _SET or text is not above or _is_open(text[one.end() :]))
                ]
                if found:
                    return steps_of(found[-1]), pattern is _LOOP
        return None

    def _index(self, path: Sequence[Step], rest: Sequence[Step]) -> Iterator[int]:
        """The first item that has nothing at `rest`, else the first."""
        items = value_at(self._parameters, path)
        if isinstance(items, list) and items:
            lacking = (at for at, item in enumerate(items) if value_at(item, rest) is None)
            yield next(lacking, 0)


def _is_open(below: str) -> bool:
    """Whether a loop that has begun just above has not ended at the end of this text."""
    depth = 0
    for mark in _LOOP_MARK.findall(below):
        depth += 1 if mark == "for" else -1
        if depth < 0:
            return False
    return True
