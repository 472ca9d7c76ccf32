"""Compile one set of files into a snapshot: what can be used, and what is wrong with the rest."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

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
    OWN_FILTERS,
    SUFFIX,
    Entry,
    PartNames,
    catalogue,
    unknown_files,
    unused_files,
)
from adapters.templates.compiled_files import Compilation
from adapters.templates.environment import loader_of, make_environment
from adapters.templates.folder import MUST_BE_TEXT, FileSet
from adapters.templates.messages import TRANSLATES, WRITES_FORMATS
from adapters.templates.snapshot import CompiledTemplate, Snapshot
from adapters.templates.values import NullUsed

if TYPE_CHECKING:
    from adapters.templates.languages import Languages
    from adapters.templates.message_catalogues import CatalogueReader
    from adapters.templates.own_filters import OwnFilters


class Compiler:
    """Makes snapshots; what an earlier set compiled is used again where the source is equal.

    `own`: the set's own filters, where they may be used.
    """

    def __init__(
        self,
        *,
        lenient: bool,
        nulls: list[NullUsed] | None,
        autoescape_flat: bool,
        channels: Mapping[str, ChannelParts],
    ) -> None:
        """`lenient`: undefined variables print nothing. `nulls`: where those that
        lenient mode prints are noted. `autoescape_flat`: bare NAME.jinja2 files are escaped as
        HTML. `channels`: what each sends; a template.toml may name these; empty: any."""
        self._flat = HTML_ESCAPING if autoescape_flat else NO_ESCAPING
        self._channels = channels
        parts = (*COMMON, *chain.from_iterable(one.own for one in channels.values()))
        self._escaping = {part.name: part.escaping for part in parts}
        self._names = PartNames(self._escaping)
        self._lenient, self._nulls = lenient, nulls
        self._reader: CatalogueReader | None = None
        self.own: OwnFilters | None = None
        self._environments = self._make_environments()

    def use(self, own: "OwnFilters") -> None:
        """Compile with these filters from now on."""
        self.own = own
        self._environments = self._make_environments(own_filters=own.functions)

    def _make_environments(self, **more: Any) -> dict[Escaping, jinja2.Environment]:
        return {
            one: make_environment(one, lenient=self._lenient, nulls=self._nulls, **more)
            for one in self._escaping.values()
        }

    def compile(self, files: FileSet) -> Snapshot:
        """Compile every template, layout and include; `broken` says which cannot be used."""
        entries = catalogue((*files.texts, *files.faults), self._names)
        loader = loader_of(files.texts)
        environments = {e: one.overlay(loader=loader) for e, one in self._environments.items()}
        work = Compilation(files, environments)
        if self.own is not None and self.own.fault:
            work.refuse(OWN_FILTERS, self.own.fault)
        compiled = {name: self._compile(work, entry) for name, entry in entries.items()}
        for path in files.texts:  # includes chosen by a variable, and the like
            if path.endswith(SUFFIX) and path not in work.references:
                work.compile(HTML_ESCAPING, path)
        for name, one in compiled.items():
            paths = (*one.sources, one.entry.manifest or "")
            compiled[name] = replace(one, translates=work.translates(paths))
        languages = self._languages(files, work)
        included = set(chain.from_iterable(work.references.values()))
        if work.choosing:  # any file that is no template by its name may be meant
            included |= {path for path in files.texts if not path.endswith(MUST_BE_TEXT)}
        unknown = {
            line: name for name, line in unknown_files(files.texts, entries, included, self._names)
        }
        broken = {name: f for name, one in compiled.items() if (f := work.faults_of(one))}
        for line, name in unknown.items():
            parts = entries.get(name, Entry()).parts
            if not parts.keys() - {SUBJECT.name}:  # the file was probably meant to be the body
                broken[name] = (*broken.get(name, ()), line)
        used = {path for one in compiled.values() for path in work.paths_of(one)}
        return Snapshot(
            version=files.version,
            texts=files.texts,
            templates={name: one for name, one in compiled.items() if name not in broken},
            broken=broken,
            stray={path: tuple(f) for path, f in work.faults.items() if path not in used},
            unknown=unknown,
            channels=self._channels,
            chunks=work.chunks | languages.chunks if languages else work.chunks,
            languages=languages,
            unused=tuple(unused_files(files.texts, runs_filters=self.own is not None)),
        )

    def _languages(self, files: FileSet, work: Compilation) -> "Languages | None":
        """What the set needs of languages; Babel is loaded for it, and not in a rendering."""
        uses = set(chain.from_iterable(work.uses.values()))
        if uses.isdisjoint((TRANSLATES, WRITES_FORMATS)):
            return None
        from adapters.templates.languages import Languages, load_formats, load_translation
        from adapters.templates.message_catalogues import CatalogueReader

        if WRITES_FORMATS in uses:
            load_formats()
        if TRANSLATES not in uses:
            return Languages({})
        load_translation()
        self._reader = self._reader or CatalogueReader()
        catalogues, faults = self._reader.read(files.texts, work.faults)
        for path, found in faults.items():
            work.refuse(path, *found)
        return Languages(catalogues)

    def _compile(self, work: Compilation, entry: Entry) -> CompiledTemplate:
        parts: dict[str, dict[str, jinja2.Template]] = {}
        for part, files in entry.parts.items():
            escaping = self._flat if entry.is_flat else self._escaping[part]
            for locale, path in files.items():
                work.check_body(part, path)
                if (template := work.compile(escaping, path)) is not None:
                    parts.setdefault(part, {})[locale] = template
        manifest = work.manifest(entry, self._channels)
        sources = work.sources(entry.paths)
        preheader = {
            locale: work.compile_text(entry, text) for locale, text in manifest.preheader.items()
        }
        unsubscribe = tuple([work.compile_text(entry, text) for text in manifest.unsubscribe])
        return CompiledTemplate(
            entry, manifest, parts, sources, preheader=preheader, unsubscribe=unsubscribe
        )
