"""What the commands say of a template folder that is not there."""

from pathlib import Path

from tests.support.worker import run_command


def test_lint_counts_one_finding_in_the_singular_and_doctor_says_what_to_do(
    tmp_path: Path,
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/a.jinja2").write_text("{{ broken")

    linted = run_command("templates", "lint", settings={"templates_dir": "one"}, cwd=tmp_path)
    checked = run_command("doctor", settings={"templates_dir": "nowhere"}, cwd=tmp_path)

    assert "1 finding\n" in linted.stderr
    assert "the templates folder nowhere does not exist (create it, or set" in checked.stdout
