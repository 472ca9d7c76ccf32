"""Compile one set of files into a snapshot: what can be used, and what is wrong with the rest."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import get_args

import jinja2
from jinja2 import nodes

from adapters.template_parts import (
    COMMON,
    HTML_ESCAPING,
    NO_ESCAPING,
    SUBJECT,
    ChannelParts,
    Escaping,
)
from adapters.templates.catalogue import SUFFIX, Entry, PartNames, catalogue, unknown_files
from adapters.templates.environment import loader_of, make_environment
from adapters.templates.failures import compile_fault, missing_file
from adapters.templates.folder import MUST_BE_TEXT, FileSet
from adapters.templates.generator import chunks_of
from adapters.templates.manifest import Manifest, read_manifest
from adapters.templates.values import NullUsed


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
    probably a slip, with the template next to it. `channels`: what each sends. `chunks`: what the
    files themselves have printed, each its own key.
    """

    version: str
    texts: Mapping[str, str] = field(repr=False)
    templates: Mapping[str, CompiledTemplate] = field(repr=False)
    broken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stray: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, ChannelParts] = field(default_factory=dict, repr=False)
    chunks: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def faults(self) -> tuple[str, ...]:
        """All that is wrong, one line each."""
        return tuple(sorted(set(chain(*self.broken.values(), *self.stray.values()))))

    def breaks_more_than(self, other: "Snapshot") -> bool:
        """Whether something is broken here that is not broken in `other`."""
        return bool(
            self.broken.keys() - other.broken.keys() or self.stray.keys() - other.stray.keys()
        )


_Reference = nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport
_REFERENCES: tuple[type[_Reference], ...] = get_args(_Reference)
_MAY_BE_EMPTY = "text"
_NO_LINES_OF_SIGNS = ("subject", "html")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_MERGE = re.compile(r"^(?:<{7}|>{7}|\|{7})(?:[ \t].*)?$", re.MULTILINE)
_MERGE_MIDDLE = re.compile(r"^={7}$", re.MULTILINE)  # in a plain text it may underline a heading


class Compiler:
    """Makes snapshots; what an earlier set compiled is used again where the source is equal."""

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
        self._environments = {
            escaping: make_environment(escaping, lenient=lenient, nulls=nulls)
            for escaping in self._escaping.values()
        }

    def compile(self, files: FileSet) -> Snapshot:
        """Compile every template, layout and include; `broken` says which cannot be used."""
        entries = catalogue((*files.texts, *files.faults), self._names)
        loader = loader_of(files.texts)
        environments = {e: one.overlay(loader=loader) for e, one in self._environments.items()}
        work = _Compilation(files, environments)
        compiled = {name: self._compile(work, entry) for name, entry in entries.items()}
        for path in files.texts:  # includes chosen by a variable, and the like
            if path.endswith(SUFFIX) and path not in work.references:
                work.compile(HTML_ESCAPING, path)
        included = set(chain.from_iterable(work.references.values()))
        if work.chooses:  # any file that is no template by its name may be meant
            included |= {path for path in files.texts if not path.endswith(MUST_BE_TEXT)}
        unknown = {
            line: name for name, line in unknown_files(files.texts, entries, included, self._names)
        }
        broken = {name: f for name, one in compiled.items() if (f := work.faults_of(one))}
        for line, name in unknown.items():
            parts = entries.get(name, Entry()).parts
            if not parts.keys() - {SUBJECT.name}:  # the file was probably meant to be the body
                broken[name] = (*broken.get(name, ()), line)
        used = {path for one in compiled.values() for path in (*one.sources, one.entry.manifest)}
        return Snapshot(
            version=files.version,
            texts=files.texts,
            templates={name: one for name, one in compiled.items() if name not in broken},
            broken=broken,
            stray={path: tuple(f) for path, f in work.faults.items() if path not in used},
            unknown=unknown,
            channels=self._channels,
            chunks=work.chunks,
        )

    def _compile(self, work: "_Compilation", entry: Entry) -> CompiledTemplate:
        parts: dict[str, dict[str, jinja2.Template]] = {}
        for part, files in entry.parts.items():
            escaping = self._flat if entry.is_flat else self._escaping[part]
            for locale, path in files.items():
                work.check_body(part, path)
                if (template := work.compile(escaping, path)) is not None:
                    parts.setdefault(part, {})[locale] = template
        manifest = work.manifest(entry, self._channels)
        return CompiledTemplate(entry, manifest, parts, work.sources(entry.paths))


class _Compilation:
    """What of one set is compiled already, and the faults found by then, by path."""

    def __init__(self, files: FileSet, environments: Mapping[Escaping, jinja2.Environment]) -> None:
        self.faults: dict[str, dict[str, None]] = defaultdict(dict)  # each once
        self.references: dict[str, list[str]] = {}  # the files that each file names
        self.chunks = {"": ""}
        self.chooses = False  # whether a file is named at run time, in a list, or may be missing
        self._texts = files.texts
        self._environments = environments
        self._done: set[tuple[Escaping, str]] = set()
        for path, fault in files.faults.items():
            self._refuse(path, fault)
        for path in files.texts:
            if path.endswith(MUST_BE_TEXT):
                self._refuse_merge(path)

    def manifest(self, entry: Entry, channels: Iterable[str]) -> Manifest:
        """What the template.toml of an entry says, if there is one."""
        path = entry.manifest
        if path is None or path in self.faults:
            return Manifest()
        if not entry.parts:
            self._refuse(path, f"{path}: there is no part such as html{SUFFIX} next to it")
        manifest, faults = read_manifest(path, self._texts[path], tuple(channels))
        self._refuse(path, *faults)
        return manifest

    def check_body(self, part: str, path: str) -> None:
        """Refuse an empty body, and what a merge left in it."""
        if path in self.faults:
            return
        if part != _MAY_BE_EMPTY and not _COMMENT.sub("", self._texts[path]).strip():
            self._refuse(path, f"{path}: is empty; write what people read, or remove the file")
        if part in _NO_LINES_OF_SIGNS:
            self._refuse_merge(path, _MERGE_MIDDLE)

    def compile(self, escaping: Escaping, path: str) -> jinja2.Template | None:
        """Compile a file and all that it names."""
        environment = self._environments[escaping]
        for one in self.sources([path]):
            if one in self._texts and (escaping, one) not in self._done:
                self._done.add((escaping, one))
                try:
                    chunks = chunks_of(environment.get_template(one))
                    self.chunks |= dict(zip(chunks, chunks, strict=True))
                except Exception as error:  # noqa: BLE001 - Jinja2's compiler raises anything
                    self._refuse(one, compile_fault(one, error, environment))
        return None if path in self.faults else environment.get_template(path)

    def sources(self, paths: Iterable[str]) -> tuple[str, ...]:
        """These files and all that they name."""
        todo, found = list(paths), dict[str, None]()
        while todo:
            path = todo.pop()
            if path not in found:
                found[path] = None
                if path not in self.references:
                    self.references[path] = list(self._named_by(path))
                todo += self.references[path]
        return tuple(found)

    def faults_of(self, one: CompiledTemplate) -> tuple[str, ...]:
        """What is wrong with a template."""
        paths = (*one.sources, *filter(None, [one.entry.manifest]))
        faults = {fault for path in paths for fault in self.faults.get(path, ())}
        return (*one.entry.faults, *sorted(faults))

    def _named_by(self, path: str) -> Iterator[str]:
        if not path.endswith(MUST_BE_TEXT):
            self._refuse_merge(path)
        try:
            tree = self._environments[HTML_ESCAPING].parse(self._texts.get(path, ""), path)
        except Exception:  # noqa: BLE001 - the compilation that follows says what
            return
        for node in tree.find_all(_REFERENCES):
            # Names made at run time, lists to choose from and `ignore missing` are left to the
            # rendering.
            name = getattr(node.template, "value", None)
            if not isinstance(name, str) or getattr(node, "ignore_missing", False):
                self.chooses = True
                continue
            target = "/".join(one for one in name.split("/") if one not in ("", "."))
            if target in self._texts or target in self.faults:
                yield target
            else:
                self._refuse(path, missing_file(path, node.lineno, name, self._texts))

    def _refuse(self, path: str, *faults: str) -> None:
        for fault in faults:
            self.faults[path][fault] = None

    def _refuse_merge(self, path: str, pattern: re.Pattern[str] = _MERGE) -> None:
        text = self._texts[path]
        if found := pattern.search(text):
            line = text.count("\n", 0, found.start()) + 1
            self._refuse(
                path,
                f"{path} line {line}: {found[0][:7]!r} is left from a merge; "
                "keep one of the two versions",
            )
