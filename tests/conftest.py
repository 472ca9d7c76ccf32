"""A run of the tests has a folder that all its processes know; what it shares ends with it."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.containers import TestRun

_FOLDER = "test_run_folder"
_RUN = pytest.StashKey[TestRun]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder, or take that of the process which started this one."""
    # Hundreds of processes load the same modules: the first one keeps them compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    given: dict[str, Any] = getattr(config, "workerinput", {})
    folder = Path(given.get(_FOLDER) or tempfile.mkdtemp(prefix="dispatcher-tests-"))
    config.stash[_RUN] = TestRun(folder, given.get("workerid", ""))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the folder to a process that pytest-xdist is about to start."""
    node.workerinput[_FOLDER] = str(node.config.stash[_RUN].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Where the run was begun it is ended, however it went."""
    run = config.stash[_RUN]
    if not run.process:
        run.end()
        shutil.rmtree(run.folder)


@pytest.fixture(scope="session")
def test_run(request: pytest.FixtureRequest) -> TestRun:
    """The run that this process belongs to."""
    return request.config.stash[_RUN]
