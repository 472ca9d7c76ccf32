"""What commands say of their input, and with which exit code they end."""

from pathlib import Path

import pytest

from tests.support.worker import ROOT, run_command


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "templates").symlink_to(ROOT / "templates")
    return tmp_path


def test_field_8_1_send_names_the_embedded_queue_it_stores_into(home: Path) -> None:
    sent = run_command(
        *("send", "welcome", "--to=a@example.com", "--from=a@example.com"), settings={}, cwd=home
    )

    assert sent.returncode == 0, sent.stderr
    assert "queue.db" in sent.stderr
    assert "no DISPATCHER_BROKER_URL is set" in sent.stderr


def test_dead_letters_are_listed_since_a_time_in_lower_case_and_an_unknown_id_is_1(
    home: Path,
) -> None:
    listed = run_command(*("failed", "list", "--since=2020-01-01t00:00:00z"), settings={}, cwd=home)
    absent = run_command("failed", "list", "--each", "--id=no-such-id", settings={}, cwd=home)

    assert (listed.returncode, absent.returncode) == (0, 1), listed.stderr + absent.stderr
    assert absent.stdout == ""
    assert "no dead letter has the id no-such-id" in absent.stderr


def test_lint_of_a_folder_that_is_missing_is_78(tmp_path: Path) -> None:
    linted = run_command(*("templates", "lint"), settings={"templates_dir": "absent"}, cwd=tmp_path)

    assert linted.returncode == 78
    assert "DISPATCHER_TEMPLATES_DIR: the folder absent is missing" in linted.stderr
