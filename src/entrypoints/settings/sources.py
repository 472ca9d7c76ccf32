"""Where values come from: the environment, which wins, files named by `…_FILE`, `dispatcher.toml`;
and what systemd says to a process that it starts, as in sd_notify(3)."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from adapters.secret import read_secret, stripped
from adapters.texts import nearest
from entrypoints.settings.model import FAMILIES, FIELDS

PREFIX = "DISPATCHER_"
TOML_FILE = Path("dispatcher.toml")

# A cluster's service named "dispatcher" injects such names into every pod of its namespace.
_SERVICE_LINK = re.compile(r"PORT|.*_PORT(_.*)?|(.*_)?SERVICE_HOST|(.*_)?SERVICE_PORT.*|PORT_.*")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OTLP = "http/protobuf"

_SOCKET, _PERIOD, _PROCESS = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
"""What the service manager sets."""


@dataclass(slots=True)
class RawSettings:
    """Values as text by setting name, where each came from, and what is wrong already. `files`: the
    files of those that were read from one."""

    values: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    def take(self, name: str, value: str, origin: str) -> None:
        """Note a value; a later one wins."""
        self.values[name] = stripped(value)
        self.origins[name] = origin

    def refuse_unknown(self, place: str, name: str) -> None:
        """Note that there is no such setting, with the one that may be meant."""
        near = nearest(name, FIELDS)
        hint = f"; did you mean {variable(near)}?" if near else ""
        self.faults.append(f"{place}: unknown setting{hint}")


def is_secret(name: str) -> bool:
    """Whether a file may hold the value of this setting, named by its variable with `_FILE`."""
    family, is_member, _ = name.partition("__")
    own = FIELDS.get(name)
    return own.spec.is_secret if own else bool(is_member) and family in FAMILIES


def variable(name: str) -> str:
    """The environment variable of a setting: `broker_url` -> `DISPATCHER_BROKER_URL`."""
    return PREFIX + name.upper()


def may_colour(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether colours are wanted on a terminal: not with `NO_COLOR` (https://no-color.org), nor on
    one that knows no codes."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def read_toml(raw: RawSettings, path: Path) -> None:
    """Collect the values of the file; one that does not exist has none."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raw.faults.append(f"{path}: cannot be read: {error}")
        return
    for family in FAMILIES:
        if isinstance(content.get(family), dict):
            members = content.pop(family).items()
            content |= {f"{family}__{name}": value for name, value in members}
    for name, value in content.items():
        if name not in FIELDS and not is_secret(name):
            raw.refuse_unknown(f"{path}: {name}", name)
        elif isinstance(value, dict):
            raw.faults.append(f"{path}: {name}: must be a single value")
        else:
            raw.take(name, _toml_text(value), str(path))


def _toml_text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(_toml_text(item) for item in value)
    return str(value)


def read_environment(raw: RawSettings, environ: Mapping[str, str]) -> None:
    """Collect the values of our variables, and of the files that they name."""
    for origin, text in sorted(environ.items()):
        rest = origin.removeprefix(PREFIX)
        name = rest.lower()
        plain = name.removesuffix("_file")
        if rest == origin:
            continue
        if name in FIELDS or (is_secret(name) and plain == name):
            if stripped(text):  # an empty variable counts as not set, as in compose files
                raw.take(name, text, origin)
        elif plain != name and is_secret(plain):
            if text and environ.get(variable(plain)):
                raw.faults.append(f"{origin}: {variable(plain)} is set too; set only one of them")
            elif text:
                _read_file(raw, plain, origin, text)
        elif not rest.startswith("TEST_") and not _SERVICE_LINK.fullmatch(rest):
            raw.refuse_unknown(origin, name)


def _read_file(raw: RawSettings, name: str, origin: str, path: str) -> None:
    try:
        file = Path(path).expanduser()
        value = read_secret(file)
    except (OSError, UnicodeDecodeError, ValueError, RuntimeError) as error:
        # Some set the secret itself where the path of its file belongs.
        is_path = "/" in path and "://" not in path and "@" not in path
        hint = "the file, whose path must be given here and not the value itself"
        reason = getattr(error, "strerror", None) or "its path cannot be used"
        if isinstance(error, UnicodeDecodeError):
            reason = "is not UTF-8 text"
        raw.faults.append(f"{origin}: cannot read {path if is_path else hint}: {reason}")
        return
    raw.take(name, value, origin)
    if file.is_file():  # a pipe, as of a shell's <(…), cannot be read a second time
        raw.files[name] = file
    if not value:
        raw.faults.append(f"{origin}: {file} is empty; it must hold the value")


def read_supervision(environ: Mapping[str, str] = os.environ) -> tuple[str, float | None]:
    """Read what is meant for this process: the address of the socket that takes reports, empty
    without a manager; and the seconds after which the manager gives up a process that has not
    reported, None: never."""
    path = environ.get(_SOCKET, "")
    address = "\0" + path[1:] if path.startswith("@") else path
    microseconds = environ.get(_PERIOD, "")
    is_ours = environ.get(_PROCESS, str(os.getpid())) == str(os.getpid())
    if not address or not is_ours or not microseconds.isdecimal() or not int(microseconds):
        return address, None
    return address, int(microseconds) / 1e6


class AskedTraces(NamedTuple):
    """Whether spans are to be exported, and what of the request cannot be met."""

    is_on: bool
    troubles: tuple[str, ...] = ()


def read_tracing(environ: Mapping[str, str] = os.environ) -> AskedTraces:
    """Read whether OpenTelemetry's variables ask for spans over OTLP: an exporter, or where to
    export to (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return AskedTraces(is_on=False)
    named = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if name]
    is_on = "otlp" in named if named else any(environ.get(name) for name in _ENDPOINTS)
    troubles = []
    if others := set(named) - {"otlp", "none"}:
        text = f"{', '.join(sorted(others))} is not supported; otlp and none are"
        troubles.append(f"OTEL_TRACES_EXPORTER: {text}")
    protocols = {name: environ.get(name, "").strip() for name in _PROTOCOLS}
    for name, protocol in protocols.items():
        if is_on and protocol not in ("", _OTLP):
            troubles.append(f"{name}: {protocol} is not supported; {_OTLP} is used")
    return AskedTraces(is_on, tuple(troubles))


def unsupervised() -> dict[str, str]:
    """Make the environment for a process of ours whose parent does the reporting."""
    mine = (_SOCKET, _PERIOD, _PROCESS)
    return {name: value for name, value in os.environ.items() if name not in mine}
