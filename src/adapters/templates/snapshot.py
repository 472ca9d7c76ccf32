"""One immutable set of compiled templates."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain

import jinja2

from adapters.template_parts import (
    COMMON,
    HTML_ESCAPING,
    NO_ESCAPING,
    SUBJECT,
    ChannelParts,
    Escaping,
)
from adapters.templates.catalogue import (
    Catalogue,
    Entry,
    PartNames,
    UnknownFile,
    catalogue,
    unknown_files,
)
from adapters.templates.compilation import Compilation
from adapters.templates.environment import CodeCache, make_environment
from adapters.templates.folder import FileSet
from adapters.templates.manifest import Manifest


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template ready to render: part -> locale -> compiled file."""

    entry: Entry
    manifest: Manifest
    parts: Mapping[str, Mapping[str, jinja2.Template]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole set, compiled. Nothing in it changes, so what it renders is never a mixture.

    `broken`: the faults of each template that cannot be used. `stray`: those of each other file,
    which no template names, by its path. `unknown`: files whose name is probably a slip.
    `channels`: what each sends.
    """

    version: str
    texts: Mapping[str, str] = field(repr=False)
    templates: Mapping[str, CompiledTemplate] = field(repr=False)
    broken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stray: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[UnknownFile, ...] = ()
    channels: Mapping[str, ChannelParts] = field(default_factory=dict, repr=False)

    @property
    def faults(self) -> tuple[str, ...]:
        """All that is wrong, one line each."""
        each = chain(self.broken.values(), self.stray.values())
        return tuple(sorted(set(chain.from_iterable(each))))

    def breaks_more_than(self, other: "Snapshot") -> bool:
        """Whether something is broken here that is not broken in `other`."""
        return not (
            self.broken.keys() <= other.broken.keys() and self.stray.keys() <= other.stray.keys()
        )


class Compiler:
    """Makes snapshots; what an earlier set compiled is used again where the source is equal."""

    def __init__(
        self,
        *,
        lenient: bool,
        refuse_null: bool,
        autoescape_flat: bool,
        channels: Mapping[str, ChannelParts],
    ) -> None:
        """`lenient`: undefined variables print nothing. `refuse_null`: a null that is printed is
        an error. `autoescape_flat`: bare NAME.jinja2 files are escaped as HTML. `channels`: what
        each sends; a template.toml may name these; empty: any."""
        self._lenient = lenient
        self._refuse_null = refuse_null
        self._flat = HTML_ESCAPING if autoescape_flat else NO_ESCAPING
        self._channels = channels
        own = chain.from_iterable(one.own for one in channels.values())
        self._parts = {part.name: part for part in (*COMMON, *own)}
        self._names = PartNames(self._parts)
        self._caches = {part.escaping: CodeCache() for part in self._parts.values()}

    def compile(self, files: FileSet) -> Snapshot:
        """Compile every template, layout and include; `broken` says which cannot be used."""
        found = catalogue((*files.texts, *files.faults), self._names)
        work = Compilation(files, self._environments(files.texts), self._parts, self._channels)
        compiled = {
            name: CompiledTemplate(entry, work.manifest(entry), work.parts(entry, self._flat))
            for name, entry in found.entries.items()
        }
        work.compile_the_rest()
        unknown = tuple(unknown_files(files.texts, found.entries, work.included, self._names))
        broken, stray = _broken(found, work, unknown)
        return Snapshot(
            files.version,
            files.texts,
            {name: one for name, one in compiled.items() if name not in broken},
            broken,
            stray,
            unknown,
            self._channels,
        )

    def _environments(self, texts: Mapping[str, str]) -> dict[Escaping, jinja2.Environment]:
        return {
            escaping: make_environment(
                escaping,
                texts,
                lenient=self._lenient,
                refuse_null=self._refuse_null,
                cache=cache,
            )
            for escaping, cache in self._caches.items()
        }


def _broken(
    found: Catalogue, work: Compilation, unknown: Collection[UnknownFile]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    broken: dict[str, tuple[str, ...]] = {}
    rest = set(work.faults)
    for name, entry in found.entries.items():
        paths = work.paths_of(entry)
        rest -= paths
        if faults := (*found.faults.get(name, ()), *work.faults_of(paths)):
            broken[name] = faults
    for one in unknown:
        parts = (found.entries.get(one.template) or Entry(one.template)).parts
        if not parts.keys() - {SUBJECT.name}:  # the file was probably meant to be the body
            broken[one.template] = (str(one),)
    return broken, {path: work.faults_of([path]) for path in sorted(rest)}
