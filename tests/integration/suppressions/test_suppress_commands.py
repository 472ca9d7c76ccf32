"""`dispatcher suppress` at a shell: how an address may be written, and where the list may lie."""

import json
from pathlib import Path

from tests.support.worker import run_command

LIST = {"suppressions": "list.txt"}


def test_a_list_in_the_folder_of_embedded_files_needs_no_folder_first(tmp_path: Path) -> None:
    settings = {"home": "files", "suppressions": "files/list.txt"}

    added = run_command("suppress", "add", "ann@example.org", settings=settings, cwd=tmp_path)

    assert added.returncode == 0, added.stderr
    assert "ann@example.org" in (tmp_path / "files" / "list.txt.added").read_text("utf-8")


def test_an_address_may_be_written_with_its_channel(tmp_path: Path) -> None:
    named = ["telegram:-1001234", "ann@example.org", "webhook:https://hooks.example.org/a"]

    def ran(*arguments: str) -> tuple[int, list[tuple[str, str]]]:
        result = run_command("suppress", *arguments, *named, settings=LIST, cwd=tmp_path)
        left = run_command("suppress", "list", "--json", settings=LIST, cwd=tmp_path)
        listed = [(one["channel"], one["address"]) for one in json.loads(left.stdout)]
        return result.returncode, listed

    written = [
        ("email", "ann@example.org"),
        ("telegram", "-1001234"),
        ("webhook", "https://hooks.example.org/a"),
    ]
    assert ran("add", "--reason", "asked") == (0, written)
    assert ran("list") == (0, written)
    assert ran("remove") == (0, [])


def test_the_negative_number_of_a_group_is_an_address_and_no_option(tmp_path: Path) -> None:
    def add(*arguments: str) -> tuple[int, str]:
        result = run_command("suppress", "add", *arguments, settings=LIST, cwd=tmp_path)
        return result.returncode, result.stderr

    assert add("-1001234", "--channel", "telegram")[0] == 0
    code, misspelt = add("ann@example.org", "--raeson", "x")

    assert "telegram:-1001234" in (tmp_path / "list.txt.added").read_text("utf-8")
    assert code == 2
    assert "--raeson" in misspelt
