"""What has no program that runs it in a test is read by a linter of its kind."""

import re
from pathlib import Path

import pytest

from tests.support.tools import ROOT, run, tool

FORMS = ROOT / ".github/ISSUE_TEMPLATE"
_SINGLE = ("compose.yaml", "Dockerfile", ".dockerignore")
_FOLDERS = (".ci", "deploy", "requirements")


def _shell_scripts() -> list[Path]:
    files = [path for folder in _FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    first_lines = {path: path.read_bytes().partition(b"\n")[0] for path in files}
    return [path for path, line in first_lines.items() if line.startswith(b"#!") and b"sh" in line]


def test_the_shell_scripts_have_no_known_fault() -> None:
    scripts = _shell_scripts()

    assert {ROOT / ".ci/run", ROOT / "deploy/image/health"} <= set(scripts)
    run(tool("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR", *scripts)


def test_the_dockerfile_has_no_known_fault() -> None:
    run(tool("hadolint"), "Dockerfile")


@pytest.mark.parametrize(
    ("schema", "names"),
    [("github-issue-forms", ["fault.yml", "wish.yml"]), ("github-issue-config", ["config.yml"])],
    ids=["forms", "config"],
)
def test_the_issue_forms_fit_githubs_schemas(schema: str, names: list[str]) -> None:
    paths = [FORMS / name for name in names]

    run(tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *paths)


def test_the_table_of_what_reads_each_file_leaves_none_out() -> None:
    rows = [
        [re.findall(r"`([^`]+)`", cell) for cell in line.split(" | ")]
        for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines()
        if line.startswith(("| `deploy/", "| `.github/", "| `compose", "| `Docker"))
    ]
    named = [name for paths, *_ in rows for name in paths]
    tests = {name for *_, names in rows for name in names}
    tracked = run("git", "ls-files", "deploy", ".github", *_SINGLE).splitlines()

    read = [path for path in tracked if any(path.startswith(name) for name in named)]

    assert read == tracked
    assert all((ROOT / name).exists() for name in named)
    assert all((Path(__file__).parent / test).exists() for test in tests)
