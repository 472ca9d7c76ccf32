"""Programs that tests run: found on the PATH, or a skip that says why; in CI a failure."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.containers import unavailable

ROOT = Path(__file__).resolve().parents[2]


def tool(name: str) -> str:
    """The program's path: this environment's, else the machine's."""
    folders = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        unavailable(f"{name} is not installed: .ci/tools installs it")
    assert path is not None
    return path


def run(
    *command: str | Path,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    seconds: float = 60,
) -> str:
    """Run a command that must end with 0 within `seconds`; its standard output."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, (
        f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
    )
    return done.stdout
