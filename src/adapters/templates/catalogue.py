"""Which files make which template: names, parts, locales and examples, read off the paths."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from domain.notification import locale_fault, template_name_fault

SUFFIX = ".jinja2"
MANIFEST = "template.toml"
PARTS = ("subject", "html", "text", "telegram", "slack", "slack.json")

_PART_FILE = re.compile(
    r"(?P<part>subject|html|text|telegram|slack\.json|slack)(?:\.(?P<locale>[^.]+))?\.jinja2"
)


@dataclass(slots=True)
class Entry:
    """The files of one template. `parts` maps part to locale to path; the locale `""` is the
    fall-back. `is_flat`: a bare NAME.jinja2, which is an HTML body."""

    name: str
    is_flat: bool = False
    manifest: str | None = None
    parts: dict[str, dict[str, str]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def locales(self) -> tuple[str, ...]:
        """The locales that have a part of their own."""
        return tuple(sorted({tag for tags in self.parts.values() for tag in tags if tag}))


def catalogue(paths: Iterable[str]) -> tuple[dict[str, Entry], list[str]]:
    """Sort paths into templates by name; the second value has one line for each fault.

    `NAME.jinja2` is a flat template. A folder with a part file or a `template.toml` is a template
    too. Whatever has a path segment that begins with `_` is a layout or an include and never a
    template. Examples lie in `NAME/examples/` or, for a flat template, in `NAME.examples/`.
    """
    entries: dict[str, Entry] = {}
    faults: list[str] = []
    examples: list[tuple[str, str]] = []
    for path in sorted(paths):
        if any(segment.startswith("_") for segment in path.split("/")):
            continue
        folder, _, filename = path.rpartition("/")
        if filename.endswith(".json"):
            examples.append((folder, path))
        elif folder and (filename == MANIFEST or _part_and_locale(filename)):
            _add_to_folder(entries, faults, folder, path)
        elif filename.endswith(SUFFIX):
            _add_flat(entries, faults, path)
    for folder, path in examples:
        name = folder.removesuffix("/examples").removesuffix(".examples")
        if name != folder and name in entries:
            entries[name].examples.append(path)
    return entries, faults


def localized(files: Container[str], locale: str | None) -> str | None:
    """The one of the locales `files` that serves `locale` best: it-IT, else it, else none."""
    tag = _normal(locale or "")
    while tag not in files:
        if not tag:
            return None
        tag = tag.rpartition("-")[0]
    return tag


def _normal(locale: str) -> str:
    return locale.replace("_", "-").lower()


def _part_and_locale(filename: str) -> tuple[str, str] | None:
    match = _PART_FILE.fullmatch(filename)
    if match is None or (match["locale"] and locale_fault(match["locale"])):
        return None
    return match["part"], _normal(match["locale"] or "")


def _add_to_folder(entries: dict[str, Entry], faults: list[str], name: str, path: str) -> None:
    if template_name_fault(name):
        return
    entry = entries.setdefault(name, Entry(name))
    if entry.is_flat:
        faults.append(f"{name}{SUFFIX} and {path}: both are the template {name!r}; keep one")
        return
    filename = path.rpartition("/")[2]
    found = _part_and_locale(filename)
    if found is None:
        entry.manifest = path
        return
    part, locale = found
    taken = entry.parts.setdefault(part, {}).setdefault(locale, path)
    if taken != path:
        faults.append(f"{taken} and {path}: both are the same part in the same locale; keep one")


def _add_flat(entries: dict[str, Entry], faults: list[str], path: str) -> None:
    name = path.removesuffix(SUFFIX)
    if template_name_fault(name):
        return
    if name in entries:
        other = entries[name].manifest or min(min(p.values()) for p in entries[name].parts.values())
        faults.append(f"{path} and {other}: both are the template {name!r}; keep one")
        return
    entries[name] = Entry(name, is_flat=True, parts={"html": {"": path}})
