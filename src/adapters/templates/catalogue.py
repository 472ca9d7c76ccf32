"""Which files make which template, read off the paths, and which look like a slip of the pen."""

import difflib
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from domain.notification import locale_fault, template_name_fault

SUFFIX = ".jinja2"
MANIFEST = "template.toml"
_EXAMPLES = "examples"


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


@dataclass(frozen=True, slots=True)
class UnknownFile:
    """A file that looks like a part, an example or a manifest, and is not."""

    template: str
    path: str
    hint: str

    def __str__(self) -> str:
        return f"{self.path}: unknown file, {self.hint}"


def unknown_files(
    paths: Collection[str],
    entries: Mapping[str, Entry],
    included: Collection[str],
    known: PartNames,
) -> Iterator[UnknownFile]:
    """Those among `paths` that are next to the parts, manifest or examples of a template.

    `included` are files that templates include by name; whatever they are called is right.
    """
    named = [path for path in paths if not any(one.startswith("_") for one in path.split("/"))]
    folders = {name for name, entry in entries.items() if not entry.is_flat}
    for path in named:
        folder, _, filename = path.rpartition("/")
        if folder.endswith(f"/{_EXAMPLES}"):
            folders.add(folder.removesuffix(f"/{_EXAMPLES}"))
        elif folder and known.is_part_in_no_locale(filename):
            folders.add(folder)
    for path in sorted(set(named).difference(included)):
        folder, _, filename = path.rpartition("/")
        if folder in folders and not _is_flat_on_purpose(path, entries):
            if hint := _hint(filename, known):
                yield UnknownFile(folder, path, hint)
        elif filename.endswith(".json") and (owner := _owner_of_examples(folder, entries)):
            name, right = owner
            yield UnknownFile(name, path, f"did you mean the folder {right!r}?")


def _hint(filename: str, known: PartNames) -> str | None:
    if filename == MANIFEST or known.part_and_locale(filename):
        return None
    if known.is_part_in_no_locale(filename):
        locale = filename.removesuffix(SUFFIX).rpartition(".")[2]
        return f"{locale!r} is no language tag such as it or it-IT"
    stems = (*known.names, MANIFEST.removesuffix(".toml"))
    near = difflib.get_close_matches(filename.partition(".")[0].lower(), stems, n=1, cutoff=0.7)
    if not near:
        return None
    if f"{near[0]}.toml" == MANIFEST:
        return f"did you mean {MANIFEST!r}?"
    written_out = [name for name in known.names if filename.startswith(name)]
    part = max(written_out, key=len, default=near[0])
    return f"did you mean {part + SUFFIX!r}?"


def _is_flat_on_purpose(path: str, entries: Mapping[str, Entry]) -> bool:
    """Whether a file such as `order/test.jinja2` is a template with examples of its own."""
    flat = entries.get(path.removesuffix(SUFFIX))
    return flat is not None and flat.is_flat and bool(flat.examples)


def _owner_of_examples(folder: str, entries: Mapping[str, Entry]) -> tuple[str, str] | None:
    """The template whose examples a folder such as `order/example` was made for, and its name."""
    if folder.endswith((f"/{_EXAMPLES}", f".{_EXAMPLES}")):
        return None
    for separator in "/", ".":
        name, found, last = folder.rpartition(separator)
        if (
            found
            and name in entries
            and difflib.get_close_matches(last.lower(), [_EXAMPLES], cutoff=0.7)
        ):
            return name, f"{name}{separator}{_EXAMPLES}"
    return None
