"""A whole set of templates, compiled."""

from collections.abc import Mapping
from dataclasses import field
from itertools import chain
from typing import TYPE_CHECKING

import jinja2

from adapters.template_parts import ChannelParts
from adapters.templates.catalogue import Entry
from adapters.templates.examples import example_faults
from adapters.templates.manifest import Manifest
from domain.value_object import value_object

if TYPE_CHECKING:
    from adapters.templates.languages import Languages


@value_object()
class CompiledTemplate:
    """A template ready to render: part -> locale -> compiled file. `sources`: the files of its
    parts and all that these name. `translates`: whether these have texts to translate. `preheader`:
    by locale, and `unsubscribe`: the links, both from its template.toml."""

    entry: Entry
    manifest: Manifest
    parts: Mapping[str, Mapping[str, jinja2.Template]]
    sources: tuple[str, ...]
    translates: bool = False
    preheader: Mapping[str, jinja2.Template] = field(default_factory=dict)
    unsubscribe: tuple[jinja2.Template, ...] = ()


@value_object()
class Snapshot:
    """A whole set, compiled. Nothing in it changes, so what it renders is never a mixture.

    `broken`: the faults of each template that cannot be used. `stray`: those of each other file,
    which no template names, by its path. `unknown`: what is to be said of each file whose name is
    probably a slip, with the template next to it. `channels`: what each sends. `chunks`: what the
    files themselves have printed, each its own key. `languages`: where a file needs one. `unused`:
    what is to be said of each other file that is not used.
    """

    version: str
    texts: Mapping[str, str] = field(repr=False)
    templates: Mapping[str, CompiledTemplate] = field(repr=False)
    broken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stray: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, ChannelParts] = field(default_factory=dict, repr=False)
    chunks: Mapping[str, str] = field(default_factory=dict, repr=False)
    languages: "Languages | None" = None
    unused: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """All that is wrong, one line each."""
        return tuple(sorted(set(chain(*self.broken.values(), *self.stray.values()))))

    @property
    def example_faults(self) -> tuple[str, ...]:
        """What is wrong with the examples that lie next to templates."""
        return tuple(example_faults(self.texts, {*self.templates, *self.broken}))

    def translated(self, text: str) -> str:
        """A text that is no template, such as the subject in a template.toml, in the language of
        the rendering under way."""
        from adapters.templates.languages import speech

        return speech().translated(text) or text

    def breaks_more_than(self, other: "Snapshot") -> bool:
        """Whether something is broken here that is not broken in `other`."""
        return bool(
            self.broken.keys() - other.broken.keys() or self.stray.keys() - other.stray.keys()
        )
