"""Find what is wrong in a template folder before a message meets it."""

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from adapters.template_parts import HTML, ChannelParts
from adapters.templates.examples import Example, example_faults
from adapters.templates.failures import RenderFailure, render_failure
from adapters.templates.folder import TemplateSetBroken
from adapters.templates.inspection import (
    TemplateInfo,
    examples_and_faults,
    list_templates,
    place_of,
    variables_of,
)
from adapters.templates.renderer import FilesystemTemplates, RenderOptions
from adapters.templates.snapshot import Snapshot
from adapters.templates.values import NullUsed
from adapters.texts import nearest
from domain.errors import FailureReason, Permanent
from domain.events import Event, StylesNotInlined
from domain.ports import RenderRequest
from domain.value_object import value_object

Severity = Literal["error", "warning"]

_FAULT = re.compile(r"(.+?)(?: line (\d+))?: (.*)", re.DOTALL)  # path, line, text


@value_object(kw_only=True)
class LintFinding:
    """Something wrong. `file` is the path from the root, `template` "" where no single one is."""

    template: str
    file: str
    line: int | None
    severity: Severity
    text: str


@value_object()
class LintNotes:
    """An EventSink that keeps what a set does without an error: nulls that it prints, and by
    template and version why styles could not be inlined."""

    nulls: list[NullUsed] = field(default_factory=list)
    styles: dict[tuple[str, str], str] = field(default_factory=dict)

    def templates(self, root: Path, options: RenderOptions) -> FilesystemTemplates:
        """The set in this folder, of which these notes are. Raises TemplateSetBroken where the
        folder cannot be read."""
        options = replace(options, nulls=self.nulls)
        return FilesystemTemplates(root, options=options, allow_broken=True, events=self)

    def emit(self, event: Event) -> None:
        """Note what is of interest."""
        if isinstance(event, StylesNotInlined):
            self.styles[event.template, event.version] = event.error


def lint(root: Path, options: RenderOptions, now: datetime) -> list[LintFinding]:
    """Compile the set and render every example for every channel its template serves."""
    notes = LintNotes()
    try:
        templates = notes.templates(root, options)
    except TemplateSetBroken as broken:
        return [_from_fault(fault) for fault in broken.faults]
    return lint_set(templates, notes, now)


def lint_set(
    templates: FilesystemTemplates, notes: LintNotes, now: datetime, only: str = ""
) -> list[LintFinding]:
    """The same for the set in use. `notes`: those that it was made with. `only`: render the
    examples of this template alone, and say nothing of catalogues."""
    snapshot = templates.snapshot
    findings = _of_files(snapshot)
    unusable = [name for name in snapshot.broken if only in ("", name)]
    for name in sorted(unusable):  # the examples of the others are read below
        findings += [_from_fault(one, name) for one in example_faults(snapshot.texts, [name])]
    if only not in snapshot.templates:
        findings += _of_languages(snapshot)
    for info in list_templates(snapshot, only):
        found = _of_template(templates, notes.nulls, info, now)
        findings += dict.fromkeys(found)  # what fails on two channels is said once
        findings += _of_styles(notes, info, snapshot.version)
    return findings


def _of_styles(notes: LintNotes, info: TemplateInfo, version: str) -> Iterator[LintFinding]:
    if error := notes.styles.get((info.name, version)):
        path = min(info.parts[HTML.name].values())
        yield _warning(info, path, f"the styles are not inlined: {error}")


def _of_files(snapshot: Snapshot) -> list[LintFinding]:
    """What is wrong with files; a fault that several templates share is of no single one."""
    owners = {fault: set[str]() for fault in snapshot.faults}
    owners |= {line: {name} for line, name in snapshot.unknown.items()}
    for name, faults in snapshot.broken.items():
        for fault in faults:
            owners[fault].add(name)
    return [
        _from_fault(fault, "".join(names) if len(names) == 1 else "", snapshot.texts)
        for fault, names in sorted(owners.items())
    ]


def _of_languages(snapshot: Snapshot) -> list[LintFinding]:
    """What is wrong with catalogues that can be used, and which files are not."""
    found = [replace(_from_fault(line), severity="warning") for line in snapshot.unused]
    catalogues = snapshot.languages.catalogues if snapshot.languages else {}
    if catalogues:
        from adapters.templates.catalogue_lint import catalogue_faults

        for text, is_error in catalogue_faults(snapshot, catalogues):
            found.append(replace(_from_fault(text), severity="error" if is_error else "warning"))
    return found


def _of_template(
    templates: FilesystemTemplates,
    nulls: list[NullUsed],
    info: TemplateInfo,
    now: datetime,
) -> Iterator[LintFinding]:
    path = min(min(files.values()) for files in info.parts.values())
    examples, faults = examples_and_faults(templates.snapshot, info.name)
    for fault in faults:
        yield _from_fault(str(fault), info.name, templates.snapshot.texts)
    if not examples and not faults:
        yield _warning(info, path, "has no example, so nothing shows that it renders")
        return
    for example, channel in product(examples, info.channels):
        request = example.request(info.name, channel, now)
        is_endless = yield from _of_example(templates, nulls, info, example, request)
        if is_endless:
            return  # the others would take as long
    if faults:
        return
    shown = {name for example in examples for name in example.parameters}
    for name in sorted(variables_of(templates.snapshot, info.name) - shown):
        file, line = place_of(templates.snapshot, info.name, name) or (path, None)
        near = nearest(name, shown)
        text = f"the variable {name!r} is in no example" + (
            f"; did you mean {near!r}?" if near else ""
        )
        yield replace(_warning(info, file, text), line=line)


def _of_example(
    templates: FilesystemTemplates,
    nulls: list[NullUsed],
    info: TemplateInfo,
    example: Example,
    request: RenderRequest,
) -> Generator[LintFinding, None, bool]:
    """What is wrong with one example; returns whether it was stopped at a limit."""
    nulls.clear()
    try:
        content = templates.render(request)
    except Permanent as failure:
        yield _failed(info, example, failure, "error")
        return failure.reason is FailureReason.TEMPLATE_LIMIT
    sent = templates.snapshot.channels.get(request.channel, ChannelParts())
    if sent.needs_subject and not content.subject:
        text = "the example gives no subject, and the template has none"
        yield _warning(info, example.path, text)
    for part in sent.own:
        if part.hints and (rendered := content.parts.get(part.name)):
            for hint, file in product(part.hints(rendered), info.parts.get(part.name, {}).values()):
                yield _warning(info, file, f"{hint} (with {example.path})")
    for null in nulls:
        met = render_failure(info.name, null, templates.snapshot.texts, request.parameters)
        yield _failed(info, example, met, "warning", "; lenient mode prints None")
    return False


def _failed(
    info: TemplateInfo, example: Example, failure: Permanent, severity: Severity, more: str = ""
) -> LintFinding:
    place = failure.place if isinstance(failure, RenderFailure) else None
    return LintFinding(
        template=info.name,
        file=place.path if place else example.path,
        line=place.line if place else None,
        severity=severity,
        text=f"{failure}{more} (with {example.path})",
    )


def _warning(info: TemplateInfo, path: str, text: str) -> LintFinding:
    return LintFinding(template=info.name, file=path, line=None, severity="warning", text=text)


def _from_fault(
    fault: str, template: str = "", texts: Mapping[str, str] = MappingProxyType({})
) -> LintFinding:
    match = _FAULT.fullmatch(fault)
    file, line, text = match.groups() if match else ("", None, fault)
    return LintFinding(
        template=template,
        file=file,
        line=int(line) if line else (1 if file in texts else None),
        severity="error",
        text=text,
    )
