"""What there is in a template set: templates, their parts, examples and variables; and the
parameters that a template wants, as a JSON Schema (draft 2020-12)."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import NoneType
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from adapters.templates.keys_read import ASK_FOR_IT, WITH_DEFAULT, keys_read, walked_through
from adapters.templates.messages import GETTEXT
from adapters.templates.snapshot import CompiledTemplate, Snapshot
from domain.notification import InvalidNotification, JsonValue, Recipient
from domain.ports import RenderRequest

_ALWAYS_THERE = frozenset(
    ("subject", "altro", "recipient", "locale", "now", *DEFAULT_NAMESPACE, *GETTEXT)
)
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
            timezone=texts.get("timezone"),
            now=now,
        )


@dataclass(frozen=True, slots=True)
class _Keys:
    """The paths of keys that must be there, where no value lacks them; and those of objects whose
    keys may be any."""

    needed: Collection[str]
    free: Collection[str]


class ExampleBroken(ValueError):
    """An example that is no sample message; the message names the file."""


def list_templates(snapshot: Snapshot) -> tuple[TemplateInfo, ...]:
    """All templates by name."""
    return tuple(
        TemplateInfo(
            name=name,
            parts=template.entry.parts,
            locales=_locales(snapshot, template),
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
    )


def _locales(snapshot: Snapshot, template: CompiledTemplate) -> tuple[str, ...]:
    """The languages that it has files, a preheader or a catalogue for."""
    tags = {*chain(*template.entry.parts.values()), *template.manifest.preheader} - {""}
    if template.translates and snapshot.languages:
        tags |= snapshot.languages.catalogues.keys()
    return tuple(sorted(tags))


def examples_of(snapshot: Snapshot, template: str) -> tuple[Example, ...]:
    """The examples of a template. Raises ExampleBroken, or KeyError for an unknown template."""
    paths = snapshot.templates[template].entry.examples
    return tuple(_read_example(path, snapshot.texts.get(path)) for path in paths)


def variables_of(snapshot: Snapshot, template: str) -> frozenset[str]:
    """The top-level variables that a template reads, its layouts and includes counted in.

    What any of these files sets or imports itself is not among them. Raises KeyError for an unknown
    template.
    """
    trees = _trees_of(snapshot, template)
    read = chain.from_iterable(map(meta.find_undeclared_variables, trees))
    return frozenset(read).difference(_ALWAYS_THERE, *map(_made_by, trees))


def _trees_of(snapshot: Snapshot, template: str) -> list[nodes.Template]:
    environment = parsing_environment()
    one = snapshot.templates[template]
    texts = [*(snapshot.texts[path] for path in one.sources), *one.manifest.sources]
    trees = [environment.parse(text) for text in texts]
    for used in chain.from_iterable(tree.find_all(nodes.Filter) for tree in trees):
        environment.filters.setdefault(used.name, str)  # ours, and those of the set's own
    return trees


def parsing_environment() -> jinja2.Environment:
    """What parses a file of a set, and is never used to render one."""
    environment = jinja2.Environment(
        autoescape=True, extensions=["jinja2.ext.i18n", "jinja2.ext.do"]
    )
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    return environment


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
        raise ExampleBroken(f"{path}: is not UTF-8")
    try:
        message = json.loads(text)
    except ValueError as error:
        remedy = "names and texts need double quotes, and the last of several no comma after it"
        raise ExampleBroken(f"{path}: is not JSON: {error}; {remedy}") from None
    if not isinstance(message, dict) or not isinstance(message.get("parameters", {}), dict):
        raise ExampleBroken(f"{path}: must be an object, with an object in 'parameters'")
    return Example(name=Path(path).stem, path=path, message=message)


def parameters_schema(snapshot: Snapshot, template: str, *, is_strict: bool) -> dict[str, Any]:
    """What `parameters` of a message for this template looks like: what it reads, and what its
    examples have beyond that, since a file that it names by a variable may read it.

    Types are those of the examples. Required is, where undefined variables are an error
    (`is_strict`), what is read without a default and is in every example; also within objects.
    Raises KeyError for an unknown template, and ExampleBroken.
    """
    examples = [example.parameters for example in examples_of(snapshot, template)]
    variables = variables_of(snapshot, template)
    trees = _trees_of(snapshot, template)
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
