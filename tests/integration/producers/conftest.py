"""A producer's project in Python."""

from pathlib import Path

import pytest

from tests.support.producers import helper


@pytest.fixture
def python_project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "messages.py").write_text(helper("python", folder))
    return folder
