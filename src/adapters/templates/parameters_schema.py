"""The parameters that a template wants, as a JSON Schema (draft 2020-12)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import NoneType
from typing import Any

from jinja2 import nodes

from adapters.templates.inspection import examples_of, trees_of, variables_of
from adapters.templates.keys_read import ASK_FOR_IT, WITH_DEFAULT, keys_read, walked_through
from adapters.templates.snapshot import Snapshot
from domain.notification import JsonValue
from domain.value_object import value_object

GENERATED = "Written by `dispatcher templates schema`; a change by hand is lost."
"""The comment in a parameters' schema, by which a file with one is known."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
    NoneType: "null",
}


@value_object()
class _Keys:
    """The paths of keys that must be there, where no value lacks them; and those of objects whose
    keys may be any."""

    needed: Collection[str]
    free: Collection[str]


def parameters_schema(snapshot: Snapshot, template: str, *, is_strict: bool) -> dict[str, Any]:
    """What `parameters` of a message for this template looks like: what it reads, and what its
    examples have beyond that, since a file that it names by a variable may read it.

    Types are those of the examples. Required is, where undefined variables are an error
    (`is_strict`), what is read without a default and is in every example; also within objects.
    Raises KeyError for an unknown template, and ExampleBroken.
    """
    examples = [example.parameters for example in examples_of(snapshot, template)]
    variables = variables_of(snapshot, template)
    trees = trees_of(snapshot, template)
    keys = _Keys(needed=keys_read(trees) if is_strict else (), free=walked_through(trees))
    read = sorted(variables.intersection(_needed(trees) if is_strict else ()))
    required = [name for name in read if all(name in e for e in examples)]
    return {
        "$schema": _DIALECT,
        "$comment": GENERATED,
        "title": title_of(template),
        "type": "object",
        "required": required,
        "properties": {
            name: _of([e[name] for e in examples if name in e], name, keys)
            for name in sorted(variables.union(*examples))
        },
        "examples": examples,
    }


def title_of(template: str) -> str:
    """The title of its parameters' schema."""
    return f"Parameters of the template {template}"


def _needed(trees: Iterable[nodes.Template]) -> set[str]:
    """Names that are read without a default, and never asked for with `is defined`."""
    asked: set[str] = set()
    read: set[str] = set()
    for tree in trees:
        tests = [one for one in tree.find_all(nodes.Test) if one.name in ASK_FOR_IT]
        defaults = [one.node for one in tree.find_all(nodes.Filter) if one.name in WITH_DEFAULT]
        asked.update(one.node.name for one in tests if isinstance(one.node, nodes.Name))
        read.update(
            one.name
            for one in tree.find_all(nodes.Name)
            if one.ctx == "load" and not any(one is other for other in defaults)
        )
    return read - asked


def _of(values: Sequence[JsonValue], path: str, known: _Keys) -> dict[str, Any]:
    """What all these values have in common; everything where there is no value. `path`: where they
    are."""
    if not values:
        return {}
    schema: dict[str, Any] = {}
    types = sorted({_TYPES[type(value)] for value in values})
    if "number" in types and "integer" in types:
        types.remove("integer")
    schema["type"] = types[0] if len(types) == 1 else types
    objects = [value for value in values if isinstance(value, Mapping)]
    if path in known.free and any(objects):
        inner = [value for one in objects for value in one.values()]
        schema["additionalProperties"] = _of(inner, f"{path}.*", known)
    elif objects:
        keys = dict.fromkeys(key for one in objects for key in one)
        schema["properties"] = {
            key: _of([o[key] for o in objects if key in o], f"{path}.{key}", known) for key in keys
        }
        read = (key for key in keys if f"{path}.{key}" in known.needed)
        if required := sorted(key for key in read if all(key in one for one in objects)):
            schema["required"] = required
    if items := [item for one in values if isinstance(one, list) for item in one]:
        schema["items"] = _of(items, f"{path}[]", known)
    return schema
