"""A shell completes what may follow: commands, options, templates and channels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.worker import clean_environment, run_command


@pytest.fixture
def home(tmp_path: Path) -> Path:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "welcome.jinja2").write_text("Hello {{ name }}")
    (templates / "weekly.jinja2").write_text("{% if")
    (templates / "invoice.jinja2").write_text("Pay")
    return tmp_path


def completed(home: Path, *words: str, **settings: str) -> list[str]:
    """What the program offers for the last of these words."""
    ended = subprocess.run(
        [sys.executable, "-c", "from entrypoints.cli import main; main()"],
        env=clean_environment(**settings)
        | {
            "_DISPATCHER_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["dispatcher", *words]),
            "COMP_CWORD": str(len(words)),
        },
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stderr == ""
    return [line.removeprefix("plain,") for line in ended.stdout.split()]


@pytest.mark.parametrize(
    "words",
    [
        ("send", "we"),
        ("templates", "render", "we"),
        ("templates", "schema", "we"),
        ("failed", "list", "--template", "we"),
    ],
    ids=" ".join,
)
def test_a_template_completes_also_a_broken_one(home: Path, words: tuple[str, ...]) -> None:
    assert completed(home, *words) == ["weekly", "welcome"]


@pytest.mark.parametrize(
    "words",
    [
        ("send", "welcome", "--channel", "e"),
        ("templates", "render", "welcome", "--channel", "e"),
        ("failed", "list", "--channel", "e"),
        ("worker", "--channels", "e"),
    ],
    ids=" ".join,
)
def test_a_channel_completes(home: Path, words: tuple[str, ...]) -> None:
    assert completed(home, *words) == ["email"]


def test_a_list_of_channels_completes_with_those_that_it_does_not_name(home: Path) -> None:
    offered = completed(home, "worker", "--channels", "slack,")

    assert "slack,email" in offered
    assert "slack,slack" not in offered


def test_commands_and_options_complete(home: Path) -> None:
    assert completed(home, "templates", "l") == ["lint", "list"]
    assert "--drain" in completed(home, "worker", "--dr")


def test_invalid_settings_and_a_missing_folder_complete_nothing_and_say_nothing(
    home: Path,
) -> None:
    assert completed(home, "send", "we", prefetch="many") == []
    assert completed(home, "send", "we", templates_dir="nowhere") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_program_and_how_to_ask_it(tmp_path: Path, shell: str) -> None:
    ended = run_command("completion", shell, settings={}, cwd=tmp_path)

    assert ended.returncode == 0
    assert f"_DISPATCHER_COMPLETE={shell}_complete" in ended.stdout
    assert "dispatcher" in ended.stdout


def test_another_shell_is_a_wrong_usage(tmp_path: Path) -> None:
    ended = run_command("completion", "tcsh", settings={}, cwd=tmp_path)

    assert ended.returncode == 2
    assert "bash" in ended.stderr


def test_bash_completes_with_the_printed_script(home: Path) -> None:
    """In a real bash, with the program on the path."""
    program = home / "bin" / "dispatcher"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from entrypoints.cli import main; main()' \"$@\"\n"
    )
    program.chmod(0o755)
    script = (
        'eval "$(dispatcher completion bash)"; COMP_WORDS=(dispatcher send we); COMP_CWORD=2;'
        ' _dispatcher_completion dispatcher; printf "%s\\n" "${COMPREPLY[@]}"'
    )

    ended = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=clean_environment() | {"PATH": f"{program.parent}:{os.environ['PATH']}"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.stdout.split() == ["weekly", "welcome"], ended.stderr
