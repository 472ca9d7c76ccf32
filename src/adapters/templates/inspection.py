"""What there is in a template set: templates, their parts, examples and variables."""

from collections.abc import Iterator, Mapping
from itertools import chain

import jinja2
from jinja2 import meta, nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from adapters.templates.examples import Example, ExampleBroken, read_example
from adapters.templates.messages import GETTEXT
from adapters.templates.snapshot import CompiledTemplate, Snapshot
from domain.value_object import value_object

_ALWAYS_THERE = frozenset(
    ("subject", "altro", "recipient", "locale", "now", *DEFAULT_NAMESPACE, *GETTEXT)
)


@value_object(kw_only=True)
class TemplateInfo:
    """One line of a list of templates. `parts` maps part to locale to path, `""` the fall-back."""

    name: str
    parts: Mapping[str, Mapping[str, str]]
    locales: tuple[str, ...]
    channels: tuple[str, ...]
    examples: tuple[str, ...]


def list_templates(snapshot: Snapshot, only: str = "") -> tuple[TemplateInfo, ...]:
    """All templates by name, or the one of this name."""
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
        if only in ("", name)
    )


def _locales(snapshot: Snapshot, template: CompiledTemplate) -> tuple[str, ...]:
    """The languages that it has files, a preheader or a catalogue for."""
    tags = {*chain(*template.entry.parts.values()), *template.manifest.preheader} - {""}
    if template.translates and snapshot.languages:
        tags |= snapshot.languages.catalogues.keys()
    return tuple(sorted(tags))


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
            examples.append(read_example(path, snapshot.texts.get(path)))
        except ExampleBroken as fault:
            faults.append(fault)
    return tuple(examples), tuple(faults)


def variables_of(snapshot: Snapshot, template: str) -> frozenset[str]:
    """The top-level variables that a template reads, its layouts and includes counted in.

    What any of these files sets or imports itself is not among them. Raises KeyError for an unknown
    template.
    """
    trees = trees_of(snapshot, template)
    read = chain.from_iterable(map(meta.find_undeclared_variables, trees))
    return frozenset(read).difference(_ALWAYS_THERE, *map(_made_by, trees))


def place_of(snapshot: Snapshot, template: str, variable: str) -> tuple[str, int] | None:
    """The file and the line where a template first reads this variable; None where that is in a
    text of its template.toml. Raises KeyError for an unknown template."""
    one = snapshot.templates[template]
    environment = parsing_environment()
    for path in sorted(one.sources, key=lambda path: path not in one.entry.paths):
        for node in environment.parse(snapshot.texts[path]).find_all(nodes.Name):
            if (node.name, node.ctx) == (variable, "load"):
                return path, node.lineno
    return None


def trees_of(snapshot: Snapshot, template: str) -> list[nodes.Template]:
    """The syntax of a template's files and of all that these name. Raises KeyError."""
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
