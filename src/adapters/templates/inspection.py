"""What there is in a template set: templates, their parts, examples and variables."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2 import meta, nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from adapters.templates.compilation import references
from adapters.templates.snapshot import Snapshot
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
        return RenderRequest(
            template=template,
            channel=channel,
            parameters=self.parameters,
            subject=self._text("subject"),
            recipient=self._recipient(),
            locale=self._text("locale"),
            now=now,
        )

    def _recipient(self) -> str | None:
        try:
            return Recipient.parse(self._text("to") or "").address
        except InvalidNotification:
            return None  # several, none, or nonsense: what a template sees in a wider mail

    def _text(self, key: str) -> str | None:
        value = self.message.get(key)
        return value if isinstance(value, str) else None


class ExampleBroken(ValueError):
    """An example that is no sample message."""

    def __init__(self, path: str, detail: str) -> None:
        self.path = path
        self.detail = detail
        super().__init__(f"{path}: {detail}")


def list_templates(snapshot: Snapshot) -> tuple[TemplateInfo, ...]:
    """All templates by name."""
    return tuple(
        TemplateInfo(
            name=name,
            parts=template.entry.parts,
            locales=template.entry.locales,
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

    What any of these files sets or imports itself is not among them.
    """
    read: set[str] = set()
    made = set(_ALWAYS_THERE)
    for tree in trees_of(snapshot, template):
        read |= meta.find_undeclared_variables(tree)
        made |= set(_made_by(tree))
    return frozenset(read - made)


def trees_of(snapshot: Snapshot, template: str) -> Iterator[nodes.Template]:
    """The syntax trees of all that a template consists of, its layouts and includes counted in.
    Raises KeyError for an unknown template."""
    environment = jinja2.Environment(autoescape=True)
    parts = snapshot.templates[template].entry.parts
    todo = [path for files in parts.values() for path in files.values()]
    seen: set[str] = set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            tree = environment.parse(snapshot.texts[path])
            yield tree
            todo += [name for name, _line in references(tree)]


def _made_by(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all((nodes.Name, nodes.Import, nodes.FromImport)):
        if isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.FromImport):
            for name in node.names:
                yield name if isinstance(name, str) else name[1]
        elif isinstance(node, nodes.Name) and node.ctx == "store":
            yield node.name


def _read_example(path: str, text: str | None) -> Example:
    if text is None:
        raise ExampleBroken(path, "is not UTF-8")
    try:
        message = json.loads(text)
    except ValueError as error:
        raise ExampleBroken(path, f"is not JSON: {error}") from None
    if not isinstance(message, dict) or not isinstance(message.get("parameters", {}), dict):
        raise ExampleBroken(path, "must be an object, with an object in 'parameters'")
    return Example(name=Path(path).stem, path=path, message=message)
