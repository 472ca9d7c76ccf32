"""The parameters that a template wants, as a JSON Schema (draft 2020-12)."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import nodes

from adapters.templates.inspection import examples_of, trees_of, variables_of
from adapters.templates.snapshot import Snapshot
from domain.notification import JsonValue

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WITH_DEFAULT = frozenset(("default", "d"))
_TYPES: Sequence[tuple[type, str]] = (
    (bool, "boolean"),  # before int, which it is too
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (Mapping, "object"),
)
_ASKS_FOR_IT = frozenset(("defined", "undefined"))


def parameters_schema(snapshot: Snapshot, template: str, *, is_strict: bool) -> dict[str, Any]:
    """What `parameters` of a message for this template looks like.

    Types are those of the examples. Required is, where undefined variables are an error
    (`is_strict`), what is read without a default and is in every example. Raises KeyError for an
    unknown template, and ExampleBroken.
    """
    examples = [example.parameters for example in examples_of(snapshot, template)]
    names = sorted(variables_of(snapshot, template))
    required = [
        name
        for name in names
        if is_strict
        and name not in _optional(snapshot, template)
        and all(name in parameters for parameters in examples)
    ]
    return {
        "$schema": _DIALECT,
        "title": f"Parameters of the template {template}",
        "type": "object",
        "required": required,
        "properties": {name: _of([e[name] for e in examples if name in e]) for name in names},
        "examples": examples,
    }


def _optional(snapshot: Snapshot, template: str) -> frozenset[str]:
    """Names that are asked for with `is defined`, or never read but with a default."""
    asked: set[str] = set()
    defaulted: set[int] = set()
    bare: set[str] = set()
    read: set[str] = set()
    for tree in trees_of(snapshot, template):
        for test in tree.find_all(nodes.Test):
            if test.name in _ASKS_FOR_IT and isinstance(test.node, nodes.Name):
                asked.add(test.node.name)
        for one in tree.find_all(nodes.Filter):
            if one.name in _WITH_DEFAULT and isinstance(one.node, nodes.Name):
                defaulted.add(id(one.node))
        for name in tree.find_all(nodes.Name):
            read.add(name.name)
            if name.ctx == "load" and id(name) not in defaulted:
                bare.add(name.name)
    return frozenset(asked | (read - bare))


def _of(values: Sequence[JsonValue]) -> dict[str, Any]:
    """What all these values have in common; everything where there is no value."""
    if not values:
        return {}
    schema: dict[str, Any] = {}
    types = sorted({_type(value) for value in values})
    if "number" in types and "integer" in types:
        types.remove("integer")
    schema["type"] = types[0] if len(types) == 1 else types
    objects = [value for value in values if isinstance(value, Mapping)]
    if objects:
        keys = dict.fromkeys(key for one in objects for key in one)
        schema["properties"] = {key: _of([o[key] for o in objects if key in o]) for key in keys}
    lists = [value for value in values if isinstance(value, list)]
    if items := [item for one in lists for item in one]:
        schema["items"] = _of(items)
    return schema


def _type(value: JsonValue) -> str:
    if value is None:
        return "null"
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "array")
