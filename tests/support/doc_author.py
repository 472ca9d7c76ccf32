"""Follows a page as the author whom it is for: types what it says, saves what it says, looks where
it says, all in one shell that begins in an empty folder.

What the page can say, and what is done:

- A block `sh` is typed as it stands. Its lines that end with `# exits with N` must end so, and all
  others well. A block `text` below it is all that is printed until then; `…` stands for anything.
- "Save this as `FILE`:" and a block: the file is written as it stands.
- "In `FILE`, write `NEW` in place of `OLD`": done at the one place where that is.
- "In `FILE`, below its head, fill in each `msgstr`" and a block: the file must have all of that but
  the translations, and then has it all.
- "Open `ADDRESS` …: you see **WORDS** …": these words are on that page or in its frames. One called
  a picture is a picture with this text, and has come with the mail.

Three things are not as the page says, since the tests need no package index and no port of their
own: `pip install` puts this checkout's `dispatcher` there, the ports are free ones, and `python3`
is the Python of the tests.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

from tests.support.doc_runner import FENCE, checked, write_program
from tests.support.ports import free_port
from tests.support.worker import clean_environment

_PATIENCE = 30.0  # seconds until a page or a line is there; the machine may be busy
_SAVE = re.compile(r"[Ss]ave\s+this\s+as\s+`([^`]+)`:\s*\Z")
_FILL = re.compile(r"In\s+`([^`]+)`,\s+below\s+its\s+head,\s+fill\s+in\b")
_ACTS = re.compile(
    r"[Ii]n\s+`(?P<file>[^`]+)`,\s+write\s+`(?P<new>[^`]+)`\s+in\s+place\s+of\s+`(?P<old>[^`]+)`"
    r"|Open\s+`(?P<address>http[^`]+)`(?P<seen>.*?)(?=\n\n|\Z)",
    re.DOTALL,
)
_BOLD = re.compile(r"(the picture )?\*\*(.+?)\*\*", re.DOTALL)
_INSTALL = re.compile(r"^pip install .*$", re.MULTILINE)
_MSGSTR = re.compile(r'^msgstr ".*"$', re.MULTILINE)
_FRAME = re.compile(r'<iframe [^>]*src="([^"]+)"')
_DONE = "what was typed has ended with"


@contextmanager
def a_shell(folder: Path) -> Iterator["AuthorShell"]:
    """A shell in an empty folder below `folder`. What still runs is ended."""
    shell = AuthorShell(folder)
    try:
        yield shell
    finally:
        shell.close()


class AuthorShell:
    """The author's window."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "empty"
        self._bin = folder / "bin"
        self._log = folder / "log"
        self._typed = folder / "typed"
        self.home.mkdir()
        self._bin.mkdir()
        write_program(self._bin / "dispatcher")
        write_program(self._bin / "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        with self._log.open("wb") as log:
            self._bash = subprocess.Popen(
                ["bash", "--noprofile", "--norc"],
                env=clean_environment() | {"PATH": f"{self._bin}:{os.environ['PATH']}"},
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    @property
    def folder(self) -> Path:
        """Where the shell is."""
        return Path(f"/proc/{self._bash.pid}/cwd").resolve()

    def type(self, text: str) -> Callable[[], str]:
        """Type this, wait until there is a prompt again, and return what reads all that was printed
        from then on. Fails where a command does."""
        start = self._log.stat().st_size
        text = _INSTALL.sub(f"cp {self._bin / 'dispatcher'} .venv/bin/", checked(text))
        self._typed.write_text(f"set -e\n{text}\n")
        assert self._bash.stdin is not None
        self._bash.stdin.write(f". {self._typed}; echo {_DONE}\n")
        self._bash.stdin.flush()

        def printed() -> str:
            with self._log.open("rb") as log:
                log.seek(start)
                return log.read().decode()

        def is_done() -> bool:
            return _DONE in printed() or self._bash.poll() is not None

        _until(is_done, lambda: f"{text}\nhas not ended:\n{printed()}")
        assert self._bash.poll() is None, f"{text}\nfailed:\n{printed()}"
        return lambda: printed().replace(f"{_DONE}\n", "").strip()

    def close(self) -> None:
        """End it, and what it has started."""
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        assert self._bash.stdin is not None
        self._bash.stdin.close()


def follow(page: Path, shell: AuthorShell, seen: Callable[[str], None] = lambda _: None) -> None:
    """Do all that the page says. `seen`: told each address that was looked at."""
    text, at, printed = _with_free_ports(page.read_text("utf-8")), 0, None
    for fence in FENCE.finditer(text):
        prose = text[at : fence.start()]
        _act(prose, shell, seen)
        at, (language, block) = fence.end(), fence.groups()
        if save := _SAVE.search(prose):
            file = shell.folder / save[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, "utf-8")
        elif language == "sh":
            printed = shell.type(block)
        elif language == "text" and printed is not None and not prose.strip():
            _compare(block, printed)
        elif fill := _FILL.search(prose):
            _fill_in(shell.folder / fill[1], block)
        else:
            raise AssertionError(f"the page does not say what to do with\n{block}")
    _act(text[at:], shell, seen)


def _with_free_ports(text: str) -> str:
    """The page with the ports of this run."""
    preview, mailbox, smtp = (str(free_port()) for _ in range(3))
    for command, options in (
        ("preview", f"--port {preview}"),
        ("mailbox", f"--port {mailbox} --smtp-port {smtp}"),
    ):
        text = text.replace(f"dispatcher {command} &", f"dispatcher {command} {options} &")
    for port, ours in (("8026", preview), ("8025", mailbox), ("1025", smtp)):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{ours}")
    return text


def _compare(expected: str, printed: Callable[[], str]) -> None:
    pattern = ".*?".join(map(re.escape, expected.strip().split("…")))
    _until(
        lambda: re.fullmatch(pattern, printed(), re.DOTALL) is not None,
        lambda: f"the page shows\n{expected}\nand this was printed:\n{printed()}",
        seconds=5,
    )


def _act(prose: str, shell: AuthorShell, seen: Callable[[str], None]) -> None:
    for act in _ACTS.finditer(prose):
        if act["file"]:
            file = shell.folder / act["file"]
            before = file.read_text("utf-8")
            assert before.count(act["old"]) == 1, f"{act['old']} must be once in {file}"
            file.write_text(before.replace(act["old"], act["new"]), "utf-8")
        else:
            _look(act["address"], act["seen"])
            seen(act["address"])


def _fill_in(file: Path, block: str) -> None:
    head, rest = file.read_text("utf-8").split("\n\n", 1)
    assert rest.strip() == _MSGSTR.sub('msgstr ""', block).strip()
    file.write_text(f"{head}\n\n{block}", "utf-8")


def _look(address: str, promised: str) -> None:
    wanted = [
        (bool(picture), " ".join(words.split())) for picture, words in _BOLD.findall(promised)
    ]
    assert wanted, f"the page does not say what is seen at {address}"

    def absent() -> list[str]:
        shown = _shown(address)
        words = " ".join(unescape(re.sub("<[^>]*>", " ", shown)).split())
        pictures = {unescape(alt) for alt in re.findall(r'<img src="data:[^>]* alt="(.*?)"', shown)}
        return [one for is_picture, one in wanted if one not in (pictures if is_picture else words)]

    _until(lambda: not absent(), lambda: f"{address} does not show {absent()}")


def _shown(address: str) -> str:
    """The page and what is in its frames."""
    page = _get(address)
    host = "/".join(address.split("/", 3)[:3])
    return page + "".join(_get(host + unescape(frame)) for frame in _FRAME.findall(page))


def _get(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE) as reply:
            return str(reply.read().decode())
    except urllib.error.URLError as error:
        return str(error)


def _until(
    holds: Callable[[], bool], failure: Callable[[], str], *, seconds: float = _PATIENCE
) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, failure()
        time.sleep(0.05)
