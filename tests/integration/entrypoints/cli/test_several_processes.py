"""What several processes print, as one worker would."""

from pathlib import Path

import pytest

from tests.support.worker import run_command


@pytest.mark.parametrize("folder", ["absent", "broken"])
def test_several_processes_say_each_fault_of_the_templates_once(
    tmp_path: Path, folder: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/a.jinja2").write_text("{{ broken")
    settings = {"templates_dir": folder, "http": "127.0.0.1:0", "log_level": "WARNING"}
    alone = run_command("worker", settings=settings, cwd=tmp_path)

    result = run_command("worker", "--processes=3", settings=settings, cwd=tmp_path)

    assert result.returncode == alone.returncode == 78
    assert result.stderr == alone.stderr
    assert "DISPATCHER_TEMPLATES_DIR: " in alone.stderr
