"""One immutable set of compiled templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

import jinja2

from adapters.template_parts import ChannelParts
from adapters.templates.catalogue import Entry
from adapters.templates.manifest import Manifest


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template ready to render: part -> locale -> compiled file. `sources`: the files of its
    parts and all that these name."""

    entry: Entry
    manifest: Manifest
    parts: Mapping[str, Mapping[str, jinja2.Template]]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole set, compiled. Nothing in it changes, so what it renders is never a mixture.

    `broken`: the faults of each template that cannot be used. `stray`: those of each other file,
    which no template names, by its path. `unknown`: what is to be said of each file whose name is
    probably a slip, with the template that it lies next to. `channels`: what each sends.
    """

    version: str
    texts: Mapping[str, str] = field(repr=False)
    templates: Mapping[str, CompiledTemplate] = field(repr=False)
    broken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stray: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, ChannelParts] = field(default_factory=dict, repr=False)

    @property
    def faults(self) -> tuple[str, ...]:
        """All that is wrong, one line each."""
        return tuple(sorted(set(chain(*self.broken.values(), *self.stray.values()))))

    def breaks_more_than(self, other: "Snapshot") -> bool:
        """Whether something is broken here that is not broken in `other`."""
        return bool(
            self.broken.keys() - other.broken.keys() or self.stray.keys() - other.stray.keys()
        )
