"""One immutable set of compiled templates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import jinja2
from jinja2 import nodes

from adapters.templates.catalogue import SUFFIX, Entry, catalogue
from adapters.templates.environment import CodeCache, Escaping, make_environment
from adapters.templates.failures import compile_fault
from adapters.templates.manifest import Manifest, read_manifest
from adapters.templates.source import FileSet
from domain.errors import DispatcherError

_ESCAPING_OF_PART = {
    "subject": Escaping.NONE,
    "text": Escaping.NONE,
    "html": Escaping.HTML,
    "telegram": Escaping.HTML,  # Telegram's parse mode HTML
    "slack": Escaping.SLACK,
    "slack.json": Escaping.SLACK_JSON,
}
_REFERENCES: tuple[type[nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport], ...] = (
    nodes.Extends,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
)


class TemplateSetBroken(DispatcherError):
    """A set of templates that cannot be used. `faults` has one line for each fault."""

    def __init__(self, faults: tuple[str, ...], version: str = "") -> None:
        self.faults = faults
        self.version = version
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template ready to render: part -> locale -> compiled file."""

    entry: Entry
    manifest: Manifest
    parts: Mapping[str, Mapping[str, jinja2.Template]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole set, compiled. Nothing in it changes, so what it renders is never a mixture."""

    version: str
    texts: Mapping[str, str] = field(repr=False)
    templates: Mapping[str, CompiledTemplate] = field(repr=False)


class Compiler:
    """Makes snapshots; what an earlier set compiled is used again where the source is equal."""

    def __init__(self, *, lenient: bool, refuse_null: bool, autoescape_flat: bool) -> None:
        """`lenient`: undefined variables print nothing. `refuse_null`: a null that is printed is
        an error. `autoescape_flat`: bare NAME.jinja2 files are escaped as HTML."""
        self._lenient = lenient
        self._refuse_null = refuse_null
        self._flat = Escaping.HTML if autoescape_flat else Escaping.NONE
        self._caches = {escaping: CodeCache() for escaping in Escaping}

    def compile(self, files: FileSet) -> Snapshot:
        """Compile every template, layout and include. Raises TemplateSetBroken with all faults."""
        entries, faults = catalogue(files.texts)
        job = _Job(files, self._environments(files.texts))
        manifests = {name: job.manifest(entry) for name, entry in entries.items()}
        templates = {
            name: CompiledTemplate(entry, manifests[name], job.parts(entry, self._flat))
            for name, entry in entries.items()
        }
        job.compile_the_rest()
        found = (*files.faults, *faults, *job.faults)
        if found:
            raise TemplateSetBroken(tuple(sorted(set(found))), files.version)
        return Snapshot(files.version, files.texts, templates)

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


class _Job:
    """The compilation of one set: what is done already, and what is wrong."""

    def __init__(self, files: FileSet, environments: Mapping[Escaping, jinja2.Environment]) -> None:
        self.faults: list[str] = []
        self._files = files
        self._environments = environments
        self._done: set[tuple[Escaping, str]] = set()
        self._references: dict[str, list[str]] = {}

    def manifest(self, entry: Entry) -> Manifest:
        if not entry.parts:
            self.faults.append(f"{entry.manifest}: there is no part such as html{SUFFIX} beside it")
        if entry.manifest is None:
            return Manifest()
        manifest, faults = read_manifest(entry.manifest, self._files.texts[entry.manifest])
        self.faults += faults
        return manifest

    def parts(self, entry: Entry, flat: Escaping) -> dict[str, dict[str, jinja2.Template]]:
        compiled: dict[str, dict[str, jinja2.Template]] = {}
        for part, files in entry.parts.items():
            escaping = flat if entry.is_flat else _ESCAPING_OF_PART[part]
            for locale, path in files.items():
                template = self._compile(escaping, path)
                if template is not None:
                    compiled.setdefault(part, {})[locale] = template
        return compiled

    def compile_the_rest(self) -> None:
        """Files that no part names, such as includes chosen by a variable."""
        done = {path for _, path in self._done}
        for path in self._files.texts:
            if path.endswith(SUFFIX) and path not in done:
                self._compile(Escaping.HTML, path)

    def _compile(self, escaping: Escaping, path: str) -> jinja2.Template | None:
        """Compile a file and all that it names."""
        environment = self._environments[escaping]
        if (escaping, path) not in self._done:
            self._done.add((escaping, path))
            try:
                for name in self._referenced(environment, path):
                    self._compile(escaping, name)
                environment.get_template(path)
            except Exception as error:  # noqa: BLE001 - Jinja2's compiler raises whatever it meets
                self.faults.append(compile_fault(path, error))
        try:
            return environment.get_template(path)
        except Exception:  # noqa: BLE001 - told above
            return None

    def _referenced(self, environment: jinja2.Environment, path: str) -> list[str]:
        if path not in self._references:
            self._references[path] = []
            for name, line in references(environment.parse(self._files.texts[path], path)):
                target = "/".join(
                    segment for segment in name.split("/") if segment not in ("", ".")
                )
                if target in self._files.texts:
                    self._references[path].append(target)
                else:
                    self.faults.append(f"{path} line {line}: there is no file {name!r}")
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
