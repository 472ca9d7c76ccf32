"""A folder with the JSON Schema of each template, which producers depend on: brought up to date
file by file, each of them whole at any moment."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from adapters.templates.parameters_schema import GENERATED, title_of
from domain.value_object import value_object

SUFFIX = ".schema.json"

State = Literal["missing", "different", "stale"]
_DONE: Mapping[State, str] = {"missing": "written", "different": "written", "stale": "removed"}


@value_object()
class SchemaDifference:
    """A file that is not as it should be; `path` is from the folder. `stale`: it is one of ours,
    and its template is no longer there."""

    path: str
    state: State

    @property
    def done(self) -> str:
        """What is done about it."""
        return _DONE[self.state]


def schema_files(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The text of each file, by its path from the folder. It depends on the schema alone."""
    return {
        name + SUFFIX: json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        for name, schema in sorted(schemas.items())
    }


def differences_of(folder: Path, files: Mapping[str, str]) -> list[SchemaDifference]:
    """What must change in the folder, by path. Raises OSError."""
    found = [
        SchemaDifference(path, "different" if (folder / path).exists() else "missing")
        for path, text in files.items()
        if _content(folder / path) != text.encode()
    ]
    found += [
        SchemaDifference(path, "stale")
        for one in folder.rglob(f"*{SUFFIX}")
        if (path := one.relative_to(folder).as_posix()) not in files and _is_ours(folder, path)
    ]
    return sorted(found, key=lambda difference: difference.path)


def bring_up_to_date(
    folder: Path, files: Mapping[str, str], differences: list[SchemaDifference]
) -> None:
    """Write what is missing or different, then remove what is stale. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for difference in sorted(differences, key=lambda one: one.state == "stale"):
        path = folder / difference.path
        if difference.state == "stale":
            path.unlink(missing_ok=True)
            _remove_empty(path.parent, folder)
        else:
            _write(path, files[difference.path])


def _write(path: Path, text: str) -> None:
    """Replace the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_ours(folder: Path, path: str) -> bool:
    """Whether this command has written it into this folder; not into one within it."""
    try:
        schema = json.loads((folder / path).read_bytes())
    except (OSError, ValueError):
        return False
    own = {"$comment": GENERATED, "title": title_of(path.removesuffix(SUFFIX))}
    return isinstance(schema, dict) and {**schema, **own} == schema
