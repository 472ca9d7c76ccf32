"""The program as its users see it: commands, environment, files, HTTP. Imports nothing of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"
COMMAND = Path(sys.executable).parent / "dispatcher"
PREFIX = "DISPATCHER_"
PATIENCE = 60.0
"""Seconds; the machine may be busy."""


def golden(name: str) -> Any:
    """Return the golden values of `golden/NAME.json`."""
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without its own settings, plus `settings` by full name."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
    return {**kept, "PYTHONSAFEPATH": "1", **settings}


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def faults(self) -> list[str]:
        """The lines on stderr."""
        return self.stderr.splitlines()


@dataclass(frozen=True)
class Home:
    """A working folder with the settings that hold in it."""

    folder: Path
    settings: Mapping[str, str]

    def with_(self, **settings: str) -> "Home":
        """Return the same folder with more settings, named without the prefix."""
        more = {PREFIX + name: value for name, value in settings.items()}
        return Home(self.folder, {**self.settings, **more})

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        """Run `dispatcher` with these arguments to its end."""
        done = subprocess.run(
            [str(COMMAND), *arguments],
            env=environment(self.settings),
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def run_all(self, *commands: tuple[str, ...], stdin: str = "") -> dict[tuple[str, ...], Ended]:
        """Run commands that do not disturb each other, several at once."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            ended = pool.map(lambda command: self.run(*command, stdin=stdin), commands)
            return dict(zip(commands, ended, strict=True))

    def ok(self, *arguments: str, stdin: str = "") -> Ended:
        """Run it and expect exit code 0."""
        done = self.run(*arguments, stdin=stdin)
        assert done.code == 0, (arguments, done)
        return done

    def read(self, *arguments: str) -> Any:
        """Return the JSON that a reading command prints."""
        return self.ok(*arguments, "--json").json

    @contextmanager
    def process(self, *arguments: str) -> Iterator["Running"]:
        """Start `dispatcher` with these arguments; it has ended when the block is left."""
        log = self.folder / f"output-{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(COMMAND), *arguments],
                env=environment(self.settings),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        running = Running(process, log)
        try:
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=10)


@dataclass(frozen=True)
class Running:
    """A command that goes on until it is stopped."""

    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)

    def until(self, holds: Callable[[], object], *, pause: float = 0.05) -> None:
        """Poll until `holds` returns something true; fail with the output after a while."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, self.log.read_text()[-4000:]
            time.sleep(pause)


@dataclass(frozen=True)
class Page:
    """An HTTP answer."""

    status: int
    content_type: str
    text: str


def get(port: int, path: str, method: str = "GET") -> Page | None:
    """Ask 127.0.0.1; None where nothing listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return Page(answer.status, answer.headers["Content-Type"] or "", answer.read().decode())
    except ConnectionError:
        return None
    finally:
        connection.close()


def page(port: int, path: str, method: str = "GET") -> Page:
    """Ask 127.0.0.1, where something listens."""
    answer = get(port, path, method)
    assert answer is not None
    return answer


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "list": (list,),
    "null": (type(None),),
}


def shape_faults(value: Any, shape: Any, where: str = "$") -> list[str]:
    """Compare JSON with its shape; more keys than the shape has are allowed.

    A shape is the name of a type, several with `|` between, a list with the shape of each item, or
    an object with the shape of each key that must be there.
    """
    if isinstance(shape, str):
        names = shape.split("|")
        fits = any(isinstance(value, _KINDS[name]) for name in names)
        is_bool = isinstance(value, bool)
        return [] if fits and is_bool <= ("boolean" in names) else [f"{where}: no {shape}: {value}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: no list: {value}"]
        each = [shape_faults(item, shape[0], f"{where}[{n}]") for n, item in enumerate(value)]
        return [fault for faults in each for fault in faults]
    if not isinstance(value, dict):
        return [f"{where}: no object: {value}"]
    faults = [f"{where}: no {name}" for name in shape if name not in value]
    for name in shape.keys() & value.keys():
        faults += shape_faults(value[name], shape[name], f"{where}.{name}")
    return faults


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files by their path in the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def lines_that_begin(lines: Sequence[str], start: str) -> list[str]:
    """Return the lines that begin with `start`."""
    return [line for line in lines if line.startswith(start)]
