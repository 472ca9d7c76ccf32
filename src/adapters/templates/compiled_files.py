"""The files of one set as they are compiled, and what is wrong with each."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

import jinja2
from jinja2 import nodes

from adapters.template_parts import HTML_ESCAPING, NO_ESCAPING, Escaping
from adapters.templates.catalogue import LOCALE_FOLDER, SUFFIX, Entry
from adapters.templates.failures import compile_fault, missing_file
from adapters.templates.folder import MUST_BE_TEXT, FileSet
from adapters.templates.manifest import Manifest, read_manifest
from adapters.templates.messages import TRANSLATES
from adapters.templates.snapshot import CompiledTemplate

_Reference = nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport
_REFERENCES: tuple[type[_Reference], ...] = get_args(_Reference)
_MAY_BE_EMPTY = "text"
_NO_LINES_OF_SIGNS = ("subject", "html")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_MERGE = re.compile(r"^(?:<{7}|>{7}|\|{7})(?:[ \t].*)?$", re.MULTILINE)
_MERGE_MIDDLE = re.compile(r"^={7}$", re.MULTILINE)  # in a plain text it may underline a heading


class Compilation:
    """What of one set is compiled already, and the faults found by then, by path."""

    def __init__(self, files: FileSet, environments: Mapping[Escaping, jinja2.Environment]) -> None:
        self.faults: dict[str, dict[str, None]] = defaultdict(dict)  # each once
        self.references: dict[str, list[str]] = {}  # the files that each file names
        self.uses: dict[str, tuple[str, ...]] = {}  # what each file does of languages
        self.chunks = {"": ""}
        self.choosing = set[
            str
        ]()  # where a file is named at run time, in a list, or may be missing
        self._texts = files.texts
        self._environments = environments
        self._done: set[tuple[Escaping, str]] = set()
        for path, fault in files.faults.items():
            self.refuse(path, fault)
        for path in files.texts:
            if path.endswith(MUST_BE_TEXT):
                self._refuse_merge(path)

    def manifest(self, entry: Entry, channels: Iterable[str]) -> Manifest:
        """What the template.toml of an entry says, if there is one."""
        path = entry.manifest
        if path is None or path in self.faults:
            return Manifest()
        if not entry.parts:
            self.refuse(path, f"{path}: there is no part such as html{SUFFIX} next to it")
        manifest, faults = read_manifest(path, self._texts[path], tuple(channels))
        self.refuse(path, *faults)
        return manifest

    def check_body(self, part: str, path: str) -> None:
        """Refuse an empty body, and what a merge left in it."""
        if path in self.faults:
            return
        if part != _MAY_BE_EMPTY and not _COMMENT.sub("", self._texts[path]).strip():
            self.refuse(path, f"{path}: is empty; write what people read, or remove the file")
        if part in _NO_LINES_OF_SIGNS:
            self._refuse_merge(path, _MERGE_MIDDLE)

    def compile(self, escaping: Escaping, path: str) -> jinja2.Template | None:
        """Compile a file and all that it names."""
        environment = self._environments[escaping]
        for one in self.sources([path]):
            if one in self._texts and (escaping, one) not in self._done:
                self._done.add((escaping, one))
                try:
                    template = environment.get_template(one)
                    self.uses[one] = _uses_of(template)
                    chunks = _chunks_of(template)
                    self.chunks |= dict(zip(chunks, chunks, strict=True))
                except Exception as error:  # noqa: BLE001 - Jinja2's compiler raises anything
                    self.refuse(one, compile_fault(one, error, environment))
        return None if path in self.faults else environment.get_template(path)

    def translates(self, paths: Iterable[str]) -> bool:
        """Whether these have texts to translate; where they choose a file, it may be any."""
        named = tuple(paths)
        looked = named if self.choosing.isdisjoint(named) else self.uses
        return any(TRANSLATES in self.uses.get(path, ()) for path in looked)

    def compile_text(self, entry: Entry, source: str) -> jinja2.Template:
        """Compile a text of a template.toml, whose `source` begins with the lines before it."""
        environment, path = self._environments[NO_ESCAPING], entry.manifest or ""
        try:
            tree = environment.parse(source, path, path)
            code = environment.compile(tree, path, path)
            for node in tree.find_all(_REFERENCES):
                fault = "a text of template.toml takes nothing from another file; write it out"
                self.refuse(path, f"{path} line {node.lineno}: {fault}")
        except Exception as error:  # noqa: BLE001 - as above
            self.refuse(path, compile_fault(path, error, environment))
            code = environment.compile("", path, path)
        template = jinja2.Template.from_code(environment, code, environment.make_globals(None))
        self.uses[path] = (*self.uses.get(path, ()), *_uses_of(template))
        return template

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
        faults = {fault for path in self.paths_of(one) for fault in self.faults.get(path, ())}
        return (*one.entry.faults, *sorted(faults))

    def paths_of(self, one: CompiledTemplate) -> Iterator[str]:
        """The files of which a fault breaks a template."""
        yield from one.sources
        if one.entry.manifest is not None:
            yield one.entry.manifest
        if one.translates:
            yield from (path for path in self.faults if path.startswith(f"{LOCALE_FOLDER}/"))

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
                self.choosing.add(path)
                continue
            target = "/".join(one for one in name.split("/") if one not in ("", "."))
            if target in self._texts or target in self.faults:
                yield target
            else:
                self.refuse(path, missing_file(path, node.lineno, name, self._texts))

    def refuse(self, path: str, *faults: str) -> None:
        """Note what is wrong with a file."""
        for fault in faults:
            self.faults[path][fault] = None

    def _refuse_merge(self, path: str, pattern: re.Pattern[str] = _MERGE) -> None:
        text = self._texts[path]
        if found := pattern.search(text):
            line = text.count("\n", 0, found.start()) + 1
            self.refuse(
                path,
                f"{path} line {line}: {found[0][:7]!r} is left from a merge; "
                "keep one of the two versions",
            )


def _chunks_of(template: jinja2.Template) -> tuple[str, ...]:
    """What the file itself has printed."""
    chunks: tuple[str, ...] = template.root_render_func.__globals__["chunks"]
    return chunks


def _uses_of(template: jinja2.Template) -> tuple[str, ...]:
    """What the file does of TRANSLATES, WRITES_FORMATS and CHANGES."""
    uses: tuple[str, ...] = template.root_render_func.__globals__["uses"]
    return uses
