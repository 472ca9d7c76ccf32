"""`.ci/again` gives few failed tests a second chance, and never hides a test that fails twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.worker import ROOT

AGAIN = ROOT / ".ci/again"
FLAKY = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("name", {names})
def test_one(name):
    mark = Path(f"ran-{{name}}")
    first = not mark.exists()
    mark.touch()
    if not first:
        {second}
    assert not (first and name.startswith("flaky")) and name != "broken"
"""


def run(folder: Path, *names: str, second: str = "pass") -> tuple[int, str]:
    """Run tests of these names, of which `flaky…` fails once. Exit code and output."""
    (folder / "test_them.py").write_text(FLAKY.format(names=names, second=second))
    return again(folder, sys.executable, "-m", "pytest", "-q", "-p", "no:randomly")


def again(folder: Path, *command: str) -> tuple[int, str]:
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/pytest").symlink_to(Path(sys.executable).with_name("pytest"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        [AGAIN, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_tests_that_pass_run_once(tmp_path: Path) -> None:
    code, printed = run(tmp_path, "good")

    assert code == 0
    assert "===" not in printed


def test_tests_that_pass_alone_are_named_and_all_is_well(tmp_path: Path) -> None:
    code, printed = run(tmp_path, "good", "flaky", "flaky-[x]::y")

    assert code == 0, printed
    for name in ("flaky", "flaky-[x]::y"):
        assert f"=== failed at first, passed alone: test_them.py::test_one[{name}]\n" in printed
    assert "[good]" not in printed


def test_one_that_fails_again_fails_the_whole(tmp_path: Path) -> None:
    code, printed = run(tmp_path, "flaky", "broken")

    assert code == 1, printed
    assert "=== failed at first, passed alone: test_them.py::test_one[flaky]\n" in printed
    assert "=== failed again: test_them.py::test_one[broken]\n" in printed


def test_a_skip_is_no_pass(tmp_path: Path) -> None:
    code, printed = run(tmp_path, "flaky", second="pytest.skip('not today')")

    assert code == 1, printed
    assert "=== failed again: test_them.py::test_one[flaky]\n" in printed


def test_more_than_three_fail_at_once(tmp_path: Path) -> None:
    code, printed = run(tmp_path, "flaky1", "flaky2", "flaky3", "flaky4")

    assert code == 1, printed
    assert "=== 4 tests failed: only one to 3 are run again\n" in printed
    assert "alone" not in printed


@pytest.mark.parametrize("leftover", [False, True])
def test_a_command_that_fails_without_a_failed_test_keeps_its_code(
    tmp_path: Path, leftover: bool
) -> None:
    if leftover:
        cache = tmp_path / ".pytest_cache/v/cache"
        cache.mkdir(parents=True)
        (cache / "lastfailed").write_text('{"test_old.py::test_old": true}')

    code, printed = again(tmp_path, "sh", "-c", "exit 7")

    assert code == 7, printed
    assert "alone" not in printed
