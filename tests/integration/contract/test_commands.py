"""Every command with its arguments and options, as `--help` shows them."""

import re
from typing import Any

import pytest

from tests.integration.contract.outside import Ended, Home, golden

COMMANDS: dict[str, dict[str, Any]] = golden("commands")
REASONS: list[str] = golden("reasons")

_OPTION = re.compile(r"^ {2}(?:-\w, )?(--[a-z-]+)( +(?:[A-Z]|\[)\S*)?")


def options_of(text: str) -> dict[str, str]:
    """Option -> `value` where it takes one, else `switch`."""
    section = text.partition("\nOptions:\n")[2].partition("\n\n")[0]
    found = filter(None, map(_OPTION.match, section.splitlines()))
    return {match[1]: "value" if _takes_value(match) else "switch" for match in found}


def _takes_value(match: re.Match[str]) -> bool:
    # One blank before a metavar, two or more before the words about a switch.
    return match[2] is not None and not match[2].startswith("  ")


def usage_of(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def subcommands_of(text: str) -> set[str]:
    section = text.partition("\nCommands:\n")[2]
    return {line.split()[0] for line in section.splitlines() if re.match(r"^ {2}\w", line)}


def reasons_of(text: str) -> set[str]:
    choices = re.search(r"--reason \[([a-z_|\s]+)\]", text)
    return set(re.sub(r"\s", "", choices[1]).split("|")) if choices else set()


@pytest.fixture(scope="module")
def helps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """What each command says of itself."""
    home = Home(tmp_path_factory.mktemp("help"), {})
    ended = home.run_all(*((*command.split(), "--help") for command in COMMANDS))
    return {" ".join(command[:-1]): done for command, done in ended.items()}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_what_it_took(helps: dict[str, Ended], command: str) -> None:
    expected = COMMANDS[command]

    text = helps[command].stdout

    assert helps[command].code == 0
    assert usage_of(text) == f"Usage: {expected['usage']}"
    assert expected["options"].items() <= options_of(text).items()
    assert set(expected.get("commands", ())) <= subcommands_of(text)
    if command.startswith("failed") and "--reason" in expected["options"]:
        assert set(REASONS) <= reasons_of(text)


def test_the_short_form_of_help_is_the_same(home: Home) -> None:
    assert home.ok("-h").stdout == home.ok("--help").stdout


def test_the_version_is_printed(home: Home) -> None:
    assert re.search(r"\d+\.\d+\.\d+", home.ok("--version").stdout)
