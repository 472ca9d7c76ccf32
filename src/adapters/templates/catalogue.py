"""Which files make which template: names, parts, locales and examples, read off the paths."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from domain.notification import locale_fault, template_name_fault

SUFFIX = ".jinja2"
MANIFEST = "template.toml"


class PartNames:
    """Which parts there are, and which part a file is by its name."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        longest_first = sorted(self.names, key=len, reverse=True)
        self._file = re.compile(
            rf"(?P<part>{'|'.join(map(re.escape, longest_first))})(?:\.(?P<locale>[^.]+))?\.jinja2"
        )

    def part_and_locale(self, filename: str) -> tuple[str, str] | None:
        """Which part in which locale a file is by its name; None: it is no part."""
        match = self._file.fullmatch(filename)
        if match is None or (match["locale"] and locale_fault(match["locale"])):
            return None
        return match["part"], _normal(match["locale"] or "")

    def is_part_in_no_locale(self, filename: str) -> bool:
        """Whether a file such as `html.italiano.jinja2` would be a part if its locale were one."""
        match = self._file.fullmatch(filename)
        return (
            match is not None and bool(match["locale"]) and self.part_and_locale(filename) is None
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


@dataclass(slots=True)
class Catalogue:
    """Templates by name, and by the same name what is wrong with their files as a whole."""

    entries: dict[str, Entry] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, name: str, fault: str) -> None:
        """Note a fault of the template `name`."""
        self.faults.setdefault(name, []).append(fault)


def catalogue(paths: Iterable[str], known: PartNames) -> Catalogue:
    """Sort paths into templates by name.

    `NAME.jinja2` is a flat template. A folder with a part file or a `template.toml` is a template
    too. Whatever has a path segment that begins with `_` is a layout or an include and never a
    template. Examples lie in `NAME/examples/` or, for a flat template, in `NAME.examples/`.
    """
    found = Catalogue()
    examples: list[tuple[str, str]] = []
    for path in sorted(paths):
        if any(segment.startswith("_") for segment in path.split("/")):
            continue
        folder, _, filename = path.rpartition("/")
        if filename.endswith(".json"):
            examples.append((folder, path))
        elif folder and (filename == MANIFEST or known.part_and_locale(filename)):
            _add_to_folder(found, folder, path, known)
        elif filename.endswith(SUFFIX) and not (folder and known.is_part_in_no_locale(filename)):
            _add_flat(found, path)
    for folder, path in examples:
        name = folder.removesuffix("/examples").removesuffix(".examples")
        if name != folder and name in found.entries:
            found.entries[name].examples.append(path)
    return found


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


def _add_to_folder(found: Catalogue, name: str, path: str, names: PartNames) -> None:
    if template_name_fault(name):
        return
    entry = found.entries.setdefault(name, Entry(name))
    if entry.is_flat:
        fault = f"{name}{SUFFIX} and {path}: both are the template {name!r}; keep one"
        found.refuse(name, fault)
        return
    filename = path.rpartition("/")[2]
    known = names.part_and_locale(filename)
    if known is None:
        entry.manifest = path
        return
    part, locale = known
    taken = entry.parts.setdefault(part, {}).setdefault(locale, path)
    if taken != path:
        fault = f"{taken} and {path}: both are the same part in the same locale; keep one"
        found.refuse(name, fault)


def _add_flat(found: Catalogue, path: str) -> None:
    name = path.removesuffix(SUFFIX)
    if template_name_fault(name):
        return
    if name in found.entries:
        entry = found.entries[name]
        other = entry.manifest or min(min(p.values()) for p in entry.parts.values())
        found.refuse(name, f"{path} and {other}: both are the template {name!r}; keep one")
        return
    found.entries[name] = Entry(name, is_flat=True, parts={"html": {"": path}})
