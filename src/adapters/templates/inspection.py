"""What there is in a template set: templates, their parts, examples and variables; and the
parameters that a template wants, as a JSON Schema (draft 2020-12)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import NoneType
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from adapters.templates.compilation import Snapshot
from domain.notification import InvalidNotification, JsonValue, Recipient
from domain.ports import RenderRequest

_ALWAYS_THERE = frozenset(("subject", "altro", "recipient", "locale", "now", *DEFAULT_NAMESPACE))
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WITH_DEFAULT = frozenset(("default", "d"))
_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
    NoneType: "null",
}
_ASKS_FOR_IT = frozenset(("defined", "undefined"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateInfo:
    """One line of a list of templates. `parts` maps part to locale to path, `""` the fall-back."""

    name: str
    parts: Mapping[str, Mapping[str, str]]
    locales: tuple[str, ...]
    channels: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A sample message that lies next to a template; `message` is the whole object as written."""

    name: str
    path: str
    message: Mapping[str, JsonValue] = field(repr=False)

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """What the template sees."""
        parameters = self.message.get("parameters")
        return parameters if isinstance(parameters, Mapping) else {}

    def request(self, template: str, channel: str, now: datetime) -> RenderRequest:
        """The request that this message would lead to."""
        texts = {key: value for key, value in self.message.items() if isinstance(value, str)}
        try:
            recipient = Recipient.parse(texts.get("to", "")).address
        except InvalidNotification:
            recipient = None  # several, none, or nonsense: what a template sees in a wider mail
        return RenderRequest(
            template=template,
            channel=channel,
            parameters=self.parameters,
            subject=texts.get("subject"),
            recipient=recipient,
            locale=texts.get("locale"),
            now=now,
        )


class ExampleBroken(ValueError):
    """An example that is no sample message; the message names the file."""


def list_templates(snapshot: Snapshot, only: str = "") -> tuple[TemplateInfo, ...]:
    """All templates by name, or the one of this name."""
    return tuple(
        TemplateInfo(
            name=name,
            parts=template.entry.parts,
            locales=tuple(sorted(set(chain(*template.entry.parts.values())) - {""})),
            # Those that the template names, else those that it has parts of their own for.
            channels=template.manifest.envelope.channels
            or tuple(
                channel
                for channel, sent in snapshot.channels.items()
                if sent.serves(tuple(template.entry.parts))
            ),
            examples=tuple(template.entry.examples),
        )
        for name, template in sorted(snapshot.templates.items())
        if only in ("", name)
    )


def examples_of(snapshot: Snapshot, template: str) -> tuple[Example, ...]:
    """The examples of a template. Raises ExampleBroken, or KeyError for an unknown template."""
    examples, faults = examples_and_faults(snapshot, template)
    if faults:
        raise faults[0]
    return examples


def examples_and_faults(
    snapshot: Snapshot, template: str
) -> tuple[tuple[Example, ...], tuple[ExampleBroken, ...]]:
    """The examples of a template that can be read, and what is wrong with the others. Raises
    KeyError for an unknown template."""
    examples, faults = [], []
    for path in snapshot.templates[template].entry.examples:
        try:
            examples.append(_read_example(path, snapshot.texts.get(path)))
        except ExampleBroken as fault:
            faults.append(fault)
    return tuple(examples), tuple(faults)


def variables_of(snapshot: Snapshot, template: str) -> frozenset[str]:
    """The top-level variables that a template reads, its layouts and includes counted in.

    What any of these files sets or imports itself is not among them. Raises KeyError for an unknown
    template.
    """
    trees = _trees_of(snapshot, template)
    read = chain.from_iterable(map(meta.find_undeclared_variables, trees))
    return frozenset(read).difference(_ALWAYS_THERE, *map(_made_by, trees))


def _trees_of(snapshot: Snapshot, template: str) -> list[nodes.Template]:
    environment = jinja2.Environment(autoescape=True)
    sources = snapshot.templates[template].sources
    return [environment.parse(snapshot.texts[path]) for path in sources]


def _made_by(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all(nodes.Node):
        match node:
            case nodes.Import():
                yield node.target
            case nodes.FromImport():
                yield from (name if isinstance(name, str) else name[1] for name in node.names)
            case nodes.Name(ctx="store"):
                yield node.name


def _read_example(path: str, text: str | None) -> Example:
    if text is None:
        raise ExampleBroken(f"{path}: cannot be read, or is not UTF-8")
    try:
        message = json.loads(text)
    except ValueError as error:
        remedy = "names and texts need double quotes, and the last of several no comma after it"
        raise ExampleBroken(f"{path}: is not JSON: {error}; {remedy}") from None
    if not isinstance(message, dict) or not isinstance(message.get("parameters", {}), dict):
        raise ExampleBroken(f"{path}: must be an object, with an object in 'parameters'")
    return Example(name=Path(path).stem, path=path, message=message)


def parameters_schema(snapshot: Snapshot, template: str, *, is_strict: bool) -> dict[str, Any]:
    """What `parameters` of a message for this template looks like.

    Types are those of the examples. Required is, where undefined variables are an error
    (`is_strict`), what is read without a default and is in every example. Raises KeyError for an
    unknown template, and ExampleBroken.
    """
    examples = [example.parameters for example in examples_of(snapshot, template)]
    names = sorted(variables_of(snapshot, template))
    needed = _needed(_trees_of(snapshot, template)) if is_strict else ()
    required = [name for name in names if name in needed and all(name in e for e in examples)]
    return {
        "$schema": _DIALECT,
        "title": f"Parameters of the template {template}",
        "type": "object",
        "required": required,
        "properties": {name: _of([e[name] for e in examples if name in e]) for name in names},
        "examples": examples,
    }


def _needed(trees: Iterable[nodes.Template]) -> set[str]:
    """Names that are read without a default, and never asked for with `is defined`."""
    asked: set[str] = set()
    read: set[str] = set()
    for tree in trees:
        tests = [one for one in tree.find_all(nodes.Test) if one.name in _ASKS_FOR_IT]
        defaults = [one.node for one in tree.find_all(nodes.Filter) if one.name in _WITH_DEFAULT]
        asked.update(one.node.name for one in tests if isinstance(one.node, nodes.Name))
        read.update(
            one.name
            for one in tree.find_all(nodes.Name)
            if one.ctx == "load" and not any(one is other for other in defaults)
        )
    return read - asked


def _of(values: Sequence[JsonValue]) -> dict[str, Any]:
    """What all these values have in common; everything where there is no value."""
    if not values:
        return {}
    schema: dict[str, Any] = {}
    types = sorted({_TYPES[type(value)] for value in values})
    if "number" in types and "integer" in types:
        types.remove("integer")
    schema["type"] = types[0] if len(types) == 1 else types
    if objects := [value for value in values if isinstance(value, Mapping)]:
        keys = dict.fromkeys(key for one in objects for key in one)
        schema["properties"] = {key: _of([o[key] for o in objects if key in o]) for key in keys}
    if items := [item for one in values if isinstance(one, list) for item in one]:
        schema["items"] = _of(items)
    return schema
