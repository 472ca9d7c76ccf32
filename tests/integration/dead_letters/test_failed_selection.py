"""Finding one dead letter: by the beginning of its id, in a narrow terminal, and for programs."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.dead_letters import Office
from tests.support.worker import clean_environment, run_command

LONG = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
OTHER = "3f2504e0-4f89-41d3-9a0c-0305e82c3302"


@pytest.mark.parametrize(
    "command", [("list",), ("list", "--json"), ("export",), ("retry", "--all", "--yes")]
)
def test_field_8_1_a_command_names_the_embedded_queue_it_reads_and_makes_none(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    answer = run_command("failed", *command, settings={}, cwd=tmp_path)

    assert answer.returncode == 0
    assert "embedded queue var/queue.db" in answer.stderr
    assert "no DISPATCHER_BROKER_URL is set" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_field_8_1_status_names_the_embedded_queue_it_reads_and_makes_none(tmp_path: Path) -> None:
    answer = run_command("status", settings={}, cwd=tmp_path)

    assert answer.returncode == 0
    assert "embedded queue var/queue.db" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_field_8_1_a_queue_that_was_chosen_is_not_remarked_on(tmp_path: Path) -> None:
    chosen = {"broker_url": f"sqlite:///{tmp_path}/mine.db"}

    answer = run_command("failed", "list", settings=chosen, cwd=tmp_path)

    assert answer.stderr == "no dead letters\n"
    assert list(tmp_path.iterdir()) == []


def test_field_8_5_the_beginning_of_an_id_names_a_letter(office: Office) -> None:
    office.bury([office.line(LONG), office.line("another")])

    shown = office.failed("show", LONG[:8], "--json")
    short = office.failed("show", LONG[:7])
    retried = office.failed("retry", LONG[:12], "--yes")

    assert [letter["id"] for letter in json.loads(shown.stdout)] == [LONG]
    assert (short.returncode, short.stdout) == (1, "")
    assert "needs 8 characters" in short.stderr
    assert retried.stdout.split() == [LONG]
    assert office.dead() == ["another"]


@pytest.mark.parametrize("command", ["show", "retry", "remove", "edit"])
def test_field_8_5_the_beginning_of_two_ids_is_refused_and_both_are_named(
    office: Office, command: str
) -> None:
    office.bury([office.line(LONG), office.line(OTHER)])
    sure = ["--yes"] if command in {"retry", "remove"} else []

    refused = office.failed(command, LONG[:10], *sure)

    assert refused.returncode == 2
    assert LONG in refused.stderr
    assert OTHER in refused.stderr
    assert office.dead() == [LONG, OTHER]


def test_field_8_5_the_log_names_a_malformed_message_by_the_id_that_show_takes(
    office: Office,
) -> None:
    settings = {**office.settings, "log_format": "json"}
    for message in ('{"template": "welcome"}', '{"id": "mine", "template": "welcome"}'):
        run_command(
            "failed",
            "import",
            "-",
            settings=settings,
            cwd=office.home,
            stdin=json.dumps({"queue": "email", "headers": {}, "properties": {}, "body": message}),
        )
    office.failed("retry", "--all", "--yes")

    worked = run_command("worker", "--drain", settings=settings, cwd=office.home)

    entries = [json.loads(line) for line in worked.stderr.splitlines() if line.startswith("{")]
    logged = [e["id"] for e in entries if e["event"] == "message dead-lettered"]
    assert len(logged) == 2
    assert sorted(logged) == sorted(office.dead())
    for name in logged:
        assert office.failed("show", name).returncode == 0


@pytest.mark.parametrize("arguments", [("list",), ("list", "--each")])
def test_field_8_6_no_id_and_no_reason_is_folded_at_80_columns(
    office: Office, arguments: tuple[str, ...]
) -> None:
    error = "451 4.7.1 the relay has a long story to tell about why it did not take this mail today"
    office.bury([office.line(LONG, reason="retries_exhausted", error=error)])

    output = in_a_terminal(office, *arguments, columns=80)

    assert LONG in output
    assert "retries_exhausted" in output
    [line] = [line for line in output.splitlines() if "451" in line]
    assert line.strip() == error


def in_a_terminal(office: Office, *arguments: str, columns: int) -> str:
    """What `failed` prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    environment = clean_environment(**office.settings) | {"COLUMNS": str(columns), "LINES": "24"}
    with subprocess.Popen(
        [sys.executable, "-c", "from entrypoints.cli import main; main()", "failed", *arguments],
        env=environment,
        cwd=office.home,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    ):
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # how Linux says that the other side is closed
                piece = b""
            if not piece:
                break
            text += piece
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def test_field_8_7_several_letters_of_one_id_are_shown_as_one_json_list(office: Office) -> None:
    office.bury([office.line("twice"), office.line("twice", reason="expired")])

    shown = office.failed("show", "twice", "--json")

    assert [(x["id"], x["reason"]) for x in json.loads(shown.stdout)] == [
        ("twice", "template_missing"),
        ("twice", "expired"),
    ]


def test_field_8_7_a_dry_run_prints_json_for_each_letter(office: Office) -> None:
    office.template("strict", "{{ name }}")
    office.bury([office.line("a"), office.line("b", template="strict")])

    rehearsed = office.failed("retry", "--dry-run", "--all", "--json")
    misplaced = office.failed("retry", "--all", "--yes", "--json")

    assert rehearsed.returncode == 1
    passing, failing = json.loads(rehearsed.stdout)
    assert (passing["id"], passing["would_pass"], passing["fault"]) == ("a", True, None)
    assert (failing["id"], failing["would_pass"]) == ("b", False)
    assert failing["fault"].startswith("template_undefined: 'name'")
    assert misplaced.returncode == 2
    assert office.dead() == ["a", "b"]
