"""What commands do with an output that is closed, full, or a terminal without colours."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.worker import ROOT, clean_environment

COMMANDS = [["templates", "list"], ["templates", "list", "--json"], ["config", "show"], ["--help"]]
ESCAPE = b"\x1b["


def command(
    folder: Path, arguments: list[str], stdout: int, stderr: int, env: Mapping[str, str]
) -> tuple[int, bytes]:
    ended = subprocess.run(
        [sys.executable, "-c", "from entrypoints.cli import main; main()", *arguments],
        cwd=folder,
        env={**clean_environment(templates_dir=str(ROOT / "templates")), **env},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr or b""


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_whose_reader_has_gone_ends_without_a_word(
    tmp_path: Path, arguments: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    code, said = command(tmp_path, arguments, writing, subprocess.PIPE, {})
    os.close(writing)

    assert (code, said) == (1, b"")


def test_a_command_that_cannot_store_its_output_says_so_in_one_line(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)

    code, said = command(tmp_path, ["templates", "list", "--json"], full, subprocess.PIPE, {})
    os.close(full)

    assert (code, said) == (1, b"output: No space left on device\n")


def shown(folder: Path, arguments: list[str], **env: str) -> bytes:
    ours, theirs = pty.openpty()
    command(folder, arguments, theirs, theirs, {"TERM": "xterm", **env})
    os.close(theirs)
    text = b""
    with suppress(OSError):  # a terminal without a program is an error on Linux
        while data := os.read(ours, 65536):
            text += data
    os.close(ours)
    return text


@pytest.mark.parametrize("arguments", [["doctor"], ["templates", "list"]], ids=" ".join)
def test_field_8_13_commands_show_no_colours_where_they_are_not_wanted(
    tmp_path: Path, arguments: list[str]
) -> None:
    assert ESCAPE in shown(tmp_path, arguments)
    assert ESCAPE not in shown(tmp_path, arguments, NO_COLOR="1")
    assert ESCAPE not in shown(tmp_path, arguments, TERM="dumb")
