"""Files of a template folder whose names are nearly a part's: the part is lost."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from adapters.templates.catalogue import MANIFEST, SUFFIX, Entry, PartNames

_EXAMPLES = "examples"


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
