"""What there is in a template set: templates, their parts, examples and variables."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path

import jinja2
from jinja2 import meta, nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from adapters.templates.compilation import Snapshot
from domain.notification import InvalidNotification, JsonValue, Recipient
from domain.ports import RenderRequest

_ALWAYS_THERE = frozenset(("subject", "altro", "recipient", "locale", "now", *DEFAULT_NAMESPACE))


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


def list_templates(snapshot: Snapshot) -> tuple[TemplateInfo, ...]:
    """All templates by name."""
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
    )


def examples_of(snapshot: Snapshot, template: str) -> tuple[Example, ...]:
    """The examples of a template. Raises ExampleBroken, or KeyError for an unknown template."""
    paths = snapshot.templates[template].entry.examples
    return tuple(_read_example(path, snapshot.texts.get(path)) for path in paths)


def variables_of(snapshot: Snapshot, template: str) -> frozenset[str]:
    """The top-level variables that a template reads, its layouts and includes counted in.

    What any of these files sets or imports itself is not among them. Raises KeyError for an unknown
    template.
    """
    trees = trees_of(snapshot, template)
    read = chain.from_iterable(map(meta.find_undeclared_variables, trees))
    return frozenset(read).difference(_ALWAYS_THERE, *map(_made_by, trees))


def trees_of(snapshot: Snapshot, template: str) -> list[nodes.Template]:
    """The syntax of its files, its layouts and includes counted in."""
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
        raise ExampleBroken(f"{path}: is not UTF-8")
    try:
        message = json.loads(text)
    except ValueError as error:
        raise ExampleBroken(f"{path}: is not JSON: {error}") from None
    if not isinstance(message, dict) or not isinstance(message.get("parameters", {}), dict):
        raise ExampleBroken(f"{path}: must be an object, with an object in 'parameters'")
    return Example(name=Path(path).stem, path=path, message=message)
