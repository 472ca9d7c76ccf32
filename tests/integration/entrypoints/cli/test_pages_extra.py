"""The local pages without the packages that they are made with."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.worker import clean_environment

WITHOUT = "import sys; sys.modules['{}'] = None; from entrypoints.cli import main; main()"


def run(folder: Path, without: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(without), *arguments],
        env=clean_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("command", "without"),
    [("preview", "starlette"), ("preview", "watchfiles"), ("mailbox", "uvicorn")],
)
def test_without_the_extra_one_line_says_what_to_install(
    tmp_path: Path, command: str, without: str
) -> None:
    done = run(tmp_path, without, command)

    assert done.returncode == 69
    assert done.stderr == (
        f"Error: {command} needs the extra: pip install 'dispatcher-worker[pages]'\n"
    )


def test_help_and_the_demo_need_no_extra(tmp_path: Path) -> None:
    assert "--allow-host" in run(tmp_path, "starlette", "preview", "--help").stdout
    assert run(tmp_path, "starlette", "demo").returncode == 0
