"""Which release this is stands twice."""

import tomllib
from pathlib import Path

from entrypoints.release import VERSION

ROOT = Path(__file__).resolve().parents[3]


def test_the_program_and_the_package_have_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == VERSION
