"""The compilation of one set of files: what can be used, and what is wrong with the rest."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import jinja2
from jinja2 import nodes

from adapters.template_parts import HTML_ESCAPING, Escaping, TemplatePart
from adapters.templates.catalogue import SUFFIX, Entry
from adapters.templates.failures import compile_fault
from adapters.templates.folder import MUST_BE_TEXT, FileSet
from adapters.templates.manifest import Manifest, read_manifest

_REFERENCES: tuple[type[nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport], ...] = (
    nodes.Extends,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
)
_MAY_BE_EMPTY = "text"
_NO_LINES_OF_SIGNS = ("subject", "html")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_MERGE = re.compile(r"^(?:<{7}|>{7}|\|{7})(?:[ \t].*)?$", re.MULTILINE)
_MERGE_MIDDLE = re.compile(r"^={7}$", re.MULTILINE)  # in a plain text it may underline a heading


class Compilation:
    """What of one set is compiled already, and the faults found by then, by path."""

    def __init__(
        self,
        files: FileSet,
        environments: Mapping[Escaping, jinja2.Environment],
        parts: Mapping[str, TemplatePart],
        channels: Collection[str],
    ) -> None:
        self.faults: dict[str, list[str]] = {path: [text] for path, text in files.faults.items()}
        self._texts = files.texts
        self._environments = environments
        self._parts = parts
        self._channels = channels
        self._compiled: dict[tuple[Escaping, str], jinja2.Template | None] = {}
        self._references: dict[str, list[str]] = {}
        for path in files.texts:
            if path.endswith(MUST_BE_TEXT):
                self._refuse_merge(path)

    @property
    def included(self) -> set[str]:
        """The files that others name."""
        return {name for names in self._references.values() for name in names}

    def manifest(self, entry: Entry) -> Manifest:
        """What the template.toml of an entry says, if there is one."""
        path = entry.manifest
        if path is None or path in self.faults:
            return Manifest()
        if not entry.parts:
            self._refuse(path, f"{path}: there is no part such as html{SUFFIX} next to it")
        manifest, faults = read_manifest(path, self._texts[path], self._channels)
        self._refuse(path, *faults)
        return manifest

    def parts(self, entry: Entry, flat: Escaping) -> dict[str, dict[str, jinja2.Template]]:
        """Compile all files of an entry. `flat`: the escaping of a flat file."""
        compiled: dict[str, dict[str, jinja2.Template]] = {}
        for part, files in entry.parts.items():
            escaping = flat if entry.is_flat else self._parts[part].escaping
            for locale, path in files.items():
                self._check_body(part, path)
                template = self._compile(escaping, path)
                if template is not None:
                    compiled.setdefault(part, {})[locale] = template
        return compiled

    def compile_the_rest(self) -> None:
        """Files that no part names, such as includes chosen by a variable."""
        done = {path for _, path in self._compiled}
        for path in self._texts:
            if path.endswith(SUFFIX) and path not in done:
                self._compile(HTML_ESCAPING, path)

    def paths_of(self, entry: Entry) -> set[str]:
        """The files of an entry and all that they name."""
        todo = [path for files in entry.parts.values() for path in files.values()]
        todo += [entry.manifest] if entry.manifest else []
        seen: set[str] = set()
        while todo:
            path = todo.pop()
            if path not in seen:
                seen.add(path)
                todo += self._references.get(path, ())
        return seen

    def faults_of(self, paths: Iterable[str]) -> tuple[str, ...]:
        """What is wrong with these files."""
        return tuple(sorted({fault for path in paths for fault in self.faults.get(path, ())}))

    def _refuse(self, path: str, *faults: str) -> None:
        if faults:
            self.faults.setdefault(path, []).extend(faults)

    def _refuse_merge(self, path: str, pattern: re.Pattern[str] = _MERGE) -> None:
        text = self._texts[path]
        if found := pattern.search(text):
            line = text.count("\n", 0, found.start()) + 1
            self._refuse(
                path,
                f"{path} line {line}: {found[0][:7]!r} is left from a merge; "
                "keep one of the two versions",
            )

    def _check_body(self, part: str, path: str) -> None:
        if path in self.faults:
            return
        if part != _MAY_BE_EMPTY and not _COMMENT.sub("", self._texts[path]).strip():
            self._refuse(path, f"{path}: is empty; write what people read, or remove the file")
        if part in _NO_LINES_OF_SIGNS:
            self._refuse_merge(path, _MERGE_MIDDLE)

    def _compile(self, escaping: Escaping, path: str) -> jinja2.Template | None:
        """Compile a file and all that it names."""
        if path not in self._texts:
            return None
        key = (escaping, path)
        if key not in self._compiled:
            self._compiled[key] = None  # until it is done, for files that name each other
            environment = self._environments[escaping]
            try:
                for name in self._referenced(environment, path):
                    self._compile(escaping, name)
                self._compiled[key] = environment.get_template(path)
            except Exception as error:  # noqa: BLE001 - Jinja2's compiler raises whatever it meets
                self._refuse(path, compile_fault(path, error))
        return None if path in self.faults else self._compiled[key]

    def _referenced(self, environment: jinja2.Environment, path: str) -> list[str]:
        if path not in self._references:
            self._references[path] = []
            if not path.endswith(MUST_BE_TEXT):
                self._refuse_merge(path)
            for name, line in references(environment.parse(self._texts[path], path)):
                target = "/".join(
                    segment for segment in name.split("/") if segment not in ("", ".")
                )
                if target in self._texts or target in self.faults:
                    self._references[path].append(target)
                else:
                    self._refuse(path, f"{path} line {line}: there is no file {name!r}")
        return self._references[path]


def references(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    """The files that a template names outright and cannot do without, with the lines.

    Names made at run time, lists to choose from and `ignore missing` are left to the rendering.
    """
    for node in tree.find_all(_REFERENCES):
        target = node.template
        if getattr(node, "ignore_missing", False) or not isinstance(target, nodes.Const):
            continue
        if isinstance(target.value, str):
            yield target.value, node.lineno
