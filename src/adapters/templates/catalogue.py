"""Which files make which template, read off the paths, and which are probably misnamed."""

import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from adapters.texts import nearest
from domain.notification import locale_fault, template_name_fault

SUFFIX = ".jinja2"
MANIFEST = "template.toml"
LOCALE_FOLDER = "locale"
OWN_FILTERS = "filters.py"
PO_FILE = re.compile(rf"{LOCALE_FOLDER}/(?P<tag>[^/]+)/LC_MESSAGES/messages\.po")
_EXAMPLES = "examples"
_LIKENESS = 0.7  # from 0 to 1: a name that is less like a known one was not meant as it
_MARKUP = re.compile(r"(?:[^.]+\.)?(?:ji?nja[23]?|j2|html?|tmpl|tpl)")


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
        return match["part"], normal_locale(match["locale"] or "")

    def is_part_in_no_locale(self, filename: str) -> bool:
        """Whether a file such as `html.italiano.jinja2` would be a part if its locale were one."""
        return bool(self._file.fullmatch(filename)) and self.part_and_locale(filename) is None

    def is_misspelt(self, filename: str) -> bool:
        """Whether a file such as `html.jinja`, `htlm.jinja2` or `html.italiano.jinja2` can only be
        meant as a part."""
        stem, _, suffix = filename.partition(".")
        # The letters of a part's name, in any order: a word such as `test` is no slip for `text`.
        is_near = _MARKUP.fullmatch(suffix) and sorted(stem) in map(sorted, self.names)
        return self.is_part_in_no_locale(filename) or bool(
            is_near and not self.part_and_locale(filename)
        )


@dataclass(slots=True)
class Entry:
    """The files of one template. `parts` maps part to locale to path; the locale `""` is the
    fall-back. `is_flat`: a bare NAME.jinja2, which is an HTML body. `faults`: what is wrong with
    the files as a whole."""

    is_flat: bool = False
    manifest: str | None = None
    parts: dict[str, dict[str, str]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The files of all parts."""
        return [path for files in self.parts.values() for path in files.values()]


def catalogue(paths: Iterable[str], known: PartNames) -> dict[str, Entry]:
    """Sort paths into templates by name.

    `NAME.jinja2` is a flat template. A folder with a part file or a `template.toml` is a template
    too. Whatever has a path segment that begins with `_` is a layout or an include and never a
    template. Examples lie in `NAME/examples/` or, for a flat template, in `NAME.examples/`.
    """
    found: dict[str, Entry] = {}
    examples: list[str] = []
    for path in sorted(_not_included(paths)):  # NAME.jinja2 comes before what is in NAME/
        folder, _, filename = path.rpartition("/")
        name = path.removesuffix(SUFFIX)
        if filename.endswith(".json"):
            examples.append(path)
        elif folder and (filename == MANIFEST or known.part_and_locale(filename)):
            if not template_name_fault(folder):
                _add(found.setdefault(folder, Entry()), path, known)
        elif (
            name != path
            and not template_name_fault(name)
            and not (folder and known.is_misspelt(filename))
        ):
            found[name] = Entry(is_flat=True, parts={"html": {"": path}})
    for path in examples:
        if (name := example_of(path)) in found:
            found[name].examples.append(path)
    return found


def example_of(path: str) -> str:
    """The name of the template whose example this path is; "" where it is no example."""
    folder, _, filename = path.rpartition("/")
    name = folder.removesuffix(f"/{_EXAMPLES}").removesuffix(f".{_EXAMPLES}")
    return name if name != folder and filename.endswith(".json") else ""


def localized(files: Container[str], locale: str | None) -> str | None:
    """The one of the locales `files` that serves `locale` best: it-IT, else it, else none."""
    tag = normal_locale(locale or "")
    while tag not in files:
        if not tag:
            return None
        tag = tag.rpartition("-")[0]
    return tag


def normal_locale(locale: str) -> str:
    """A language tag as tags are compared: it_IT is it-it."""
    return locale.replace("_", "-").lower()


def _not_included(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if not any(one.startswith("_") for one in path.split("/"))]


def _add(entry: Entry, path: str, known: PartNames) -> None:
    """Add a file that lies in the folder of a template."""
    name, _, filename = path.rpartition("/")
    if entry.is_flat:
        entry.faults.append(f"{name}{SUFFIX} and {path}: both are the template {name!r}; keep one")
    elif named := known.part_and_locale(filename):
        part, locale = named
        taken = entry.parts.setdefault(part, {}).setdefault(locale, path)
        if taken != path:
            entry.faults.append(
                f"{taken} and {path}: both are the same part in the same locale; keep one"
            )
    else:
        entry.manifest = path


def unknown_files(
    paths: Collection[str],
    entries: Mapping[str, Entry],
    included: Collection[str],
    known: PartNames,
) -> Iterator[tuple[str, str]]:
    """The templates with files next to their parts, manifest or examples that are no such thing,
    and what is to be said of each.

    `included` are files that templates include by name; whatever they are called is right.
    """
    named = [path for path in _not_included(paths) if path not in included]
    folders = {name for name, entry in entries.items() if not entry.is_flat}
    for path in named:
        folder, _, filename = path.rpartition("/")
        if folder.endswith(f"/{_EXAMPLES}"):
            folders.add(folder.removesuffix(f"/{_EXAMPLES}"))
        elif folder and known.is_misspelt(filename):
            folders.add(folder)
    # A file such as `order/test.jinja2` is a template if it has examples of its own.
    flat = [entry for entry in entries.values() if entry.is_flat and entry.examples]
    on_purpose = [path for entry in flat for path in entry.paths]
    for path in sorted(set(named).difference(on_purpose)):
        folder, _, filename = path.rpartition("/")
        if folder in folders:
            name, hint = folder, _hint(filename, known)
        else:
            name, hint = _hint_of_another(folder, path, entries)
        if hint:
            yield name, f"{path} line 1: unknown file, {hint}"


def tag_of(path: str) -> str | None:
    """The normal tag of the language of which a file is the catalogue, if it is one."""
    named = PO_FILE.fullmatch(path)
    tag = normal_locale(named["tag"]) if named else ""
    return None if named is None or locale_fault(tag) else tag


def unused_files(paths: Iterable[str], *, runs_filters: bool) -> Iterator[str]:
    """What is to be said of each catalogue in a wrong place, and of filters that are not run."""
    for path in sorted(paths):
        if path == OWN_FILTERS and not runs_filters:
            yield (
                f"{path}: is not used; if you trust all who write it, "
                "set DISPATCHER_TEMPLATES_FILTERS=on"
            )
        elif path.endswith(".po") and tag_of(path) is None:
            named = PO_FILE.fullmatch(path)
            hint = f"{named['tag']!r} is no language tag" if named else "it lies in another place"
            place = f"{LOCALE_FOLDER}/it/LC_MESSAGES/messages.po"
            yield f"{path}: is not used, {hint}; a catalogue lies in {place}"


def _hint(filename: str, known: PartNames) -> str:
    if filename == MANIFEST or known.part_and_locale(filename):
        return ""
    if known.is_part_in_no_locale(filename):
        locale = filename.removesuffix(SUFFIX).rpartition(".")[2]
        return f"{locale!r} is no language tag such as it or it-IT"
    manifest = MANIFEST.removesuffix(".toml")
    stem = filename.partition(".")[0].lower()
    near = nearest(stem, (*known.names, manifest), _LIKENESS)
    if not near:
        return ""
    written_out = [name for name in known.names if filename.startswith(name)]
    part = max(written_out, key=len, default=near)
    return f"did you mean {MANIFEST if near == manifest else part + SUFFIX!r}?"


def _hint_of_another(folder: str, path: str, entries: Mapping[str, Entry]) -> tuple[str, str]:
    """The template that a file such as `welcome.jinja` was made for, or whose examples a folder
    such as `order/example` was made for, and its right name."""
    name, _, suffix = path.rpartition(".")
    is_other = not path.endswith(SUFFIX) and name not in entries
    if is_other and nearest(suffix, (SUFFIX[1:], "j2"), _LIKENESS):
        return name, f"did you mean {name + SUFFIX!r}?"
    if suffix == "json" and not folder.endswith((f"/{_EXAMPLES}", f".{_EXAMPLES}")):
        for separator in "/.":
            name, _, last = folder.rpartition(separator)
            if name in entries and nearest(last.lower(), [_EXAMPLES], _LIKENESS):
                return name, f"did you mean the folder {f'{name}{separator}{_EXAMPLES}'!r}?"
    return "", ""
