"""What is wrong in a template folder, found before a message finds it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from adapters.template_parts import ChannelParts
from adapters.templates.failures import RenderFailure
from adapters.templates.folder import TemplateSetBroken
from adapters.templates.inspection import (
    Example,
    ExampleBroken,
    TemplateInfo,
    examples_of,
    list_templates,
    variables_of,
)
from adapters.templates.renderer import FilesystemTemplates, RenderOptions
from adapters.templates.snapshot import Snapshot
from domain.errors import Permanent

Severity = Literal["error", "warning"]

_FAULT = re.compile(r"(?P<path>.+?)(?: line (?P<line>\d+))?: (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong. `file` is the path from the root, `template` "" where no single one is."""

    template: str
    file: str
    line: int | None
    severity: Severity
    text: str


def lint(root: Path, options: RenderOptions, now: datetime) -> list[Finding]:
    """Compile the set and render every example for every channel its template serves."""
    try:
        templates = FilesystemTemplates(root, options=options, allow_broken=True)
    except TemplateSetBroken as broken:
        return [_from_fault(fault) for fault in broken.faults]
    nulls = _nulls_refused(root, options)
    findings = _of_files(templates.snapshot)
    for info in list_templates(templates.snapshot):
        found = _of_template(templates, nulls, info, now)
        findings += dict.fromkeys(found)  # what fails on two channels is said once
    return findings


def _nulls_refused(root: Path, options: RenderOptions) -> FilesystemTemplates | None:
    """The same set where a null that is printed is an error, if it is not one already."""
    if not options.lenient or options.refuse_null:
        return None
    return FilesystemTemplates(root, options=replace(options, refuse_null=True), allow_broken=True)


def _of_files(snapshot: Snapshot) -> list[Finding]:
    """What is wrong with files; a fault that several templates share is of no single one."""
    owners: dict[str, list[str]] = {}
    for name, faults in snapshot.broken.items():
        for fault in faults:
            owners.setdefault(fault, []).append(name)
    for fault in snapshot.faults:  # and those of files that no template names
        owners.setdefault(fault, [])
    for line, template in snapshot.unknown.items():
        owners.setdefault(line, [template])
    return [
        _from_fault(fault, names[0] if len(names) == 1 else "")
        for fault, names in sorted(owners.items())
    ]


def _of_template(
    templates: FilesystemTemplates,
    nulls: FilesystemTemplates | None,
    info: TemplateInfo,
    now: datetime,
) -> Iterator[Finding]:
    path = min(min(files.values()) for files in info.parts.values())
    try:
        examples = examples_of(templates.snapshot, info.name)
    except ExampleBroken as broken:
        yield Finding(
            template=info.name, file=broken.path, line=None, severity="error", text=broken.detail
        )
        return
    if not examples:
        yield _warning(info, path, "has no example, so nothing shows that it renders")
        return
    for example in examples:
        for channel in info.channels:
            found = list(_of_example(templates, info, example, channel, now))
            yield from found
            if nulls is not None and not any(one.severity == "error" for one in found):
                yield from _printed_nulls(nulls, info, example, channel, now)
    shown = {name for example in examples for name in example.parameters}
    for name in sorted(variables_of(templates.snapshot, info.name) - shown):
        yield _warning(info, path, f"the variable {name!r} is in no example")


def _of_example(
    templates: FilesystemTemplates,
    info: TemplateInfo,
    example: Example,
    channel: str,
    now: datetime,
) -> Iterator[Finding]:
    try:
        content = templates.render(example.request(info.name, channel, now))
    except Permanent as failure:
        yield _failed(info, example, failure, "error")
    else:
        sent = templates.snapshot.channels.get(channel, ChannelParts())
        if sent.needs_subject and not content.subject:
            text = "the example gives no subject, and the template has none"
            yield _warning(info, example.path, text)
        for part in sent.own:
            if part.hints and (rendered := content.parts.get(part.name)):
                yield from _hints(info, example, part.name, part.hints(rendered))


def _hints(
    info: TemplateInfo, example: Example, part: str, hints: Iterable[str]
) -> Iterator[Finding]:
    for hint in hints:
        for file in sorted(set(info.parts.get(part, {}).values())):
            yield _warning(info, file, f"{hint} (with {example.path})")


def _printed_nulls(
    templates: FilesystemTemplates,
    info: TemplateInfo,
    example: Example,
    channel: str,
    now: datetime,
) -> Iterator[Finding]:
    try:
        templates.render(example.request(info.name, channel, now))
    except RenderFailure as failure:
        if failure.is_null:
            yield _failed(info, example, failure, "warning", "; lenient mode prints None")
    except Permanent:
        return  # an error found already


def _failed(
    info: TemplateInfo, example: Example, failure: Permanent, severity: Severity, more: str = ""
) -> Finding:
    place = failure.place if isinstance(failure, RenderFailure) else None
    return Finding(
        template=info.name,
        file=place.path if place else example.path,
        line=place.line if place else None,
        severity=severity,
        text=f"{failure}{more} (with {example.path})",
    )


def _warning(info: TemplateInfo, path: str, text: str) -> Finding:
    return Finding(template=info.name, file=path, line=None, severity="warning", text=text)


def _from_fault(fault: str, template: str = "") -> Finding:
    match = _FAULT.fullmatch(fault)
    if match is None:
        return Finding(template=template, file="", line=None, severity="error", text=fault)
    line = int(match["line"]) if match["line"] else None
    file, text = match["path"], match["text"]
    return Finding(template=template, file=file, line=line, severity="error", text=text)
