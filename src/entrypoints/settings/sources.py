"""Where values come from: the environment, which wins, `_FILE` twins, and `dispatcher.toml`."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "DISPATCHER_"
TOML_FILE = Path("dispatcher.toml")
TARGETS = "targets__"

# A cluster's service named "dispatcher" injects such names into every pod beside it.
_SERVICE_LINK = re.compile(r"PORT|.*_PORT(_.*)?|(.*_)?SERVICE_HOST|(.*_)?SERVICE_PORT.*|PORT_.*")


@dataclass(slots=True)
class RawSettings:
    """Values as text by setting name, where each came from, and what is wrong already. `files`: the
    files of those that were read from one."""

    values: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)


def variable(name: str) -> str:
    """The environment variable of a setting: `broker_url` -> `DISPATCHER_BROKER_URL`."""
    return PREFIX + name.upper()


def read_sources(
    names: Iterable[str],
    with_file_twin: Iterable[str],
    environ: Mapping[str, str] | None = None,
    toml_file: Path = TOML_FILE,
) -> RawSettings:
    """Collect every value set anywhere. `names` are all settings there are; those in
    `with_file_twin` may also be given as the path of a file that holds the value."""
    raw = RawSettings()
    known, twins = set(names), set(with_file_twin)
    _read_toml(raw, known, toml_file)
    _read_environment(raw, known, twins, os.environ if environ is None else environ)
    return raw


def _read_toml(raw: RawSettings, known: set[str], path: Path) -> None:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raw.faults.append(f"{path}: cannot be read: {error}")
        return
    for table, entries in content.items():
        if table == "targets" and isinstance(entries, dict):
            items = [(TARGETS + str(name), value) for name, value in entries.items()]
        else:
            items = [(table, entries)]
        for name, value in items:
            if name not in known and not name.startswith(TARGETS):
                raw.faults.append(f"{path}: {name}: unknown setting{_hint(name, known)}")
            elif isinstance(value, dict):
                raw.faults.append(f"{path}: {name}: must be a single value")
            else:
                raw.values[name] = _toml_text(value)
                raw.origins[name] = str(path)


def _toml_text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(_toml_text(item) for item in value)
    return str(value)


def _read_environment(
    raw: RawSettings, known: set[str], twins: set[str], environ: Mapping[str, str]
) -> None:
    for name_in_environment, text in sorted(environ.items()):
        if not name_in_environment.startswith(PREFIX):
            continue
        rest = name_in_environment.removeprefix(PREFIX)
        name = rest.lower()
        if name in known or (name.startswith(TARGETS) and not name.endswith("_file")):
            if text != "":  # an empty variable counts as not set, as compose files write it
                raw.values[name] = text
                raw.origins[name] = name_in_environment
        elif name.endswith("_file") and _has_twin(name.removesuffix("_file"), twins):
            _read_file(raw, name.removesuffix("_file"), name_in_environment, text, environ)
        elif not rest.startswith("TEST_") and not _SERVICE_LINK.fullmatch(rest):
            raw.faults.append(f"{name_in_environment}: unknown setting{_hint(name, known)}")


def _has_twin(name: str, twins: set[str]) -> bool:
    return name in twins or name.startswith(TARGETS)


def _read_file(
    raw: RawSettings, name: str, twin: str, path: str, environ: Mapping[str, str]
) -> None:
    if path == "":
        return
    if environ.get(variable(name)):
        raw.faults.append(f"{twin}: {variable(name)} is set too; set only one of them")
        return
    try:
        raw.values[name] = Path(path).read_text("utf-8").strip()
        raw.origins[name] = twin
        raw.files[name] = Path(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raw.faults.append(f"{twin}: cannot read {path}: {reason}")


def _hint(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {variable(near[0])}?" if near else ""
