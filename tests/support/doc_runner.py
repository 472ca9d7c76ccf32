"""Runs the blocks of a page as a reader would, in order, in a folder of their own.

`dispatcher` is this checkout's, and Python imports what is in the folder. A worker ends once its
queues are empty, since no reader waits for it here. Addresses that a page makes up are replaced by
those of real peers.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.worker import ROOT, clean_environment

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""A block: its language, and its text."""
_EXITS_WITH = re.compile(r"^(?P<command>.+?)\s+# exits with (?P<code>\d+)\b.*$", re.MULTILINE)
_PROGRAM = """#!/bin/sh
[ "$1" != worker ] || set -- "$@" --drain
exec {python} -c 'from entrypoints.cli import main; main()' "$@"
"""


def blocks_of(page: Path, *languages: str) -> list[tuple[str, str]]:
    """(Language, text) of the page's fenced blocks in these languages, in order."""
    found = FENCE.findall(page.read_text("utf-8"))
    return [(language, text) for language, text in found if language in languages]


def checked(text: str) -> str:
    """Lines of shell; one that ends with `# exits with N` fails unless it ends so."""
    return _EXITS_WITH.sub(r"code=0; \g<command> || code=$?; [ $code = \g<code> ]", text)


def write_program(file: Path, text: str = _PROGRAM.format(python=sys.executable)) -> None:
    """A program that can be run; by default this checkout's `dispatcher`."""
    file.write_text(text)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@dataclass
class Reader:
    """Reads below `folder`; `replace`: text of the page to what it stands for here. What a block
    exports holds for the blocks after it."""

    folder: Path
    replace: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.forget()
        for place in (self.folder / "bin", self.folder / ".venv/bin"):
            place.mkdir(parents=True)
            write_program(place / "dispatcher")
        shutil.copytree(ROOT / "templates", self.folder / "templates")  # a page may write into it

    def forget(self) -> None:
        """What was exported so far holds no longer."""
        (self.folder / "exported").write_text("")

    def run(self, language: str, text: str) -> str:
        """Run one block; what it printed. Fails where a command of it does. A line of shell that
        ends with `# exits with N` must end so."""
        for old, new in self.replace.items():
            text = text.replace(old, new)
        if language == "python":
            command = [sys.executable, "-c", text]
        else:
            script = f". ./exported\nset -e\n{checked(text)}\nexport -p > exported\n"
            command = ["bash", "-c", script]
        done = subprocess.run(
            command,
            env=clean_environment(**self.settings)
            | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", **self.environment}
            | {"PYTHONPATH": f"{ROOT / 'src'}:{self.folder}"},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, f"{text}\nended with {done.returncode}:\n{output}"
        return output
