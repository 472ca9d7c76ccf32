"""Where values come from: the environment, which wins, `_FILE` twins, and `dispatcher.toml`."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.secret import read_secret, stripped

PREFIX = "DISPATCHER_"
TOML_FILE = Path("dispatcher.toml")

# A cluster's service named "dispatcher" injects such names into every pod of its namespace.
_SERVICE_LINK = re.compile(r"PORT|.*_PORT(_.*)?|(.*_)?SERVICE_HOST|(.*_)?SERVICE_PORT.*|PORT_.*")


@dataclass(slots=True)
class RawSettings:
    """Values as text by setting name, where each came from, and what is wrong already. `files`: the
    files of those that were read from one."""

    values: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    """Which settings there are."""

    names: frozenset[str]
    twins: frozenset[str]
    families: frozenset[str]

    def is_member(self, name: str) -> bool:
        """Whether the operator chose the name's end."""
        return name.partition("__")[0] in self.families and "__" in name


def variable(name: str) -> str:
    """The environment variable of a setting: `broker_url` -> `DISPATCHER_BROKER_URL`."""
    return PREFIX + name.upper()


def label(raw: RawSettings, name: str) -> str:
    """The name to look for when fixing a setting: its variable, or its line in the file."""
    origin = raw.origins.get(name, variable(name))
    return origin if origin.startswith(PREFIX) else f"{origin}: {name}"


def read_sources(
    names: Iterable[str],
    with_file_twin: Iterable[str],
    families: Iterable[str],
    environ: Mapping[str, str] | None = None,
    toml_file: Path = TOML_FILE,
) -> RawSettings:
    """Collect every value set anywhere. `names` are all settings there are; those in
    `with_file_twin` may also be given as the path of a file that holds the value. `families`: the
    words before secrets whose names the operator chooses, `<family>__<name>`."""
    raw = RawSettings()
    known = _Known(frozenset(names), frozenset(with_file_twin), frozenset(families))
    _read_toml(raw, known, toml_file)
    _read_environment(raw, known, os.environ if environ is None else environ)
    return raw


def _read_toml(raw: RawSettings, known: _Known, path: Path) -> None:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raw.faults.append(f"{path}: cannot be read: {error}")
        return
    for table, entries in content.items():
        if table in known.families and isinstance(entries, dict):
            items = [(f"{table}__{name}", value) for name, value in entries.items()]
        else:
            items = [(table, entries)]
        for name, value in items:
            if name not in known.names and not known.is_member(name):
                raw.faults.append(f"{path}: {name}: unknown setting{_hint(name, known.names)}")
            elif isinstance(value, dict):
                raw.faults.append(f"{path}: {name}: must be a single value")
            else:
                raw.values[name] = stripped(_toml_text(value))
                raw.origins[name] = str(path)


def _toml_text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(_toml_text(item) for item in value)
    return str(value)


def _read_environment(raw: RawSettings, known: _Known, environ: Mapping[str, str]) -> None:
    for name_in_environment, text in sorted(environ.items()):
        if not name_in_environment.startswith(PREFIX):
            continue
        rest = name_in_environment.removeprefix(PREFIX)
        name = rest.lower()
        if name in known.names or (known.is_member(name) and not name.endswith("_file")):
            if value := stripped(text):  # an empty variable counts as not set, as in compose files
                raw.values[name] = value
                raw.origins[name] = name_in_environment
        elif name.endswith("_file") and _has_twin(name.removesuffix("_file"), known):
            _read_file(raw, name.removesuffix("_file"), name_in_environment, text, environ)
        elif not rest.startswith("TEST_") and not _SERVICE_LINK.fullmatch(rest):
            raw.faults.append(f"{name_in_environment}: unknown setting{_hint(name, known.names)}")


def _has_twin(name: str, known: _Known) -> bool:
    return name in known.twins or known.is_member(name)


def _read_file(
    raw: RawSettings, name: str, twin: str, path: str, environ: Mapping[str, str]
) -> None:
    if path == "":
        return
    if environ.get(variable(name)):
        raw.faults.append(f"{twin}: {variable(name)} is set too; set only one of them")
        return
    try:
        file = Path(path).expanduser()
        raw.values[name] = read_secret(file)
    except (OSError, UnicodeDecodeError, ValueError, RuntimeError) as error:
        raw.faults.append(f"{twin}: cannot read {_shown_path(path)}: {_reason(error)}")
        return
    raw.origins[name] = twin
    raw.files[name] = file
    if not raw.values[name]:
        raw.faults.append(f"{twin}: {file} is empty; it must hold the value")


def _shown_path(path: str) -> str:
    # Some set the secret itself where the path of its file belongs.
    is_path = "/" in path and "://" not in path and "@" not in path
    return path if is_path else "the file, whose path must be given here and not the value itself"


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8 text"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "its path cannot be used"


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {variable(near[0])}?" if near else ""
