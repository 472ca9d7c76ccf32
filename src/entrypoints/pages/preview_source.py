"""The files of a template, with what is wrong next to each line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from adapters.templates import Snapshot
from adapters.templates.lint import LintFinding
from domain.value_object import value_object


@value_object()
class SourceLine:
    """A line, and what is to be said of it."""

    number: int
    text: str = field(repr=False)
    findings: Sequence[LintFinding] = ()


@value_object()
class SourceFile:
    """A file; `findings` are those about no single line."""

    path: str
    lines: Sequence[SourceLine] = field(repr=False)
    findings: Sequence[LintFinding] = ()

    @property
    def worst(self) -> str:
        """The gravest severity of what is wrong in it; empty where all is well."""
        severities = {one.severity for one in self.findings}
        severities |= {one.severity for line in self.lines for one in line.findings}
        return "error" if "error" in severities else next(iter(severities), "")

    @property
    def anchor(self) -> str:
        """The page's place of this file."""
        return f"file-{self.path}"


def findings_of(
    snapshot: Snapshot, name: str, findings: Iterable[LintFinding]
) -> list[LintFinding]:
    """Those that are about this template, or about a file or a catalogue that it uses."""
    paths = set(_paths_of(snapshot, name))
    if (usable := snapshot.templates.get(name)) and usable.translates and snapshot.languages:
        paths |= {one.path for one in snapshot.languages.catalogues.values()}
    return [one for one in findings if one.template == name or one.file in paths]


def source_files(
    snapshot: Snapshot, name: str, findings: Sequence[LintFinding]
) -> list[SourceFile]:
    """The template's files, and those that the findings are about; first those with findings."""
    paths = dict.fromkeys([*_paths_of(snapshot, name), *(one.file for one in findings)])
    files = [_file(path, snapshot.texts, findings) for path in paths if path]
    return sorted(files, key=lambda file: ("error", "warning", "").index(file.worst))


def _paths_of(snapshot: Snapshot, name: str) -> list[str]:
    if usable := snapshot.templates.get(name):
        more = filter(None, [usable.entry.manifest, *usable.entry.examples])
        return [*usable.sources, *more]
    own = (f"{name}/", f"{name}.examples/")
    broken = [path for path in snapshot.texts if path.startswith(own) or path == f"{name}.jinja2"]
    faults = snapshot.broken.get(name, ())
    return broken + [path for path in snapshot.texts if _is_named(path, faults)]


def _is_named(path: str, faults: Iterable[str]) -> bool:
    return any(fault.startswith((f"{path}:", f"{path} line ")) for fault in faults)


def _file(path: str, texts: Mapping[str, str], findings: Sequence[LintFinding]) -> SourceFile:
    own = [one for one in findings if one.file == path]
    lines = texts.get(path, "").splitlines()
    by_line: dict[int, list[LintFinding]] = {}
    for one in own:
        if one.line:  # a tag that is missing is missed after the last line
            by_line.setdefault(max(1, min(one.line, len(lines))), []).append(one)
    return SourceFile(
        path,
        [SourceLine(at, text, by_line.get(at, ())) for at, text in enumerate(lines, 1)],
        [one for one in own if not (one.line and lines)],
    )
