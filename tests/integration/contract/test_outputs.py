"""What the commands print: JSON by its keys, ids on stdout, words on stderr. Embedded queue."""

import json
import shutil
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from tests.integration.contract.outside import GOLDEN, Home, free_port, get, golden, shape_faults

OUTPUTS: dict[str, Any] = golden("outputs")
QUEUES = ["email", "telegram", "slack"]


@pytest.fixture
def house(home: Home) -> Home:
    """A folder with the templates and an embedded queue."""
    shutil.copytree(GOLDEN / "templates", home.folder / "templates")
    return home.with_(EMAIL_FROM="shop@example.com", LOG_FORMAT="json")


def line(number: int, **changes: Any) -> dict[str, Any]:
    """A dead letter as `failed export` prints it."""
    body = {"id": f"letter-{number}", "to": "ada@example.com", "template": "note"}
    headers = {
        "x-dispatcher-reason": "template_missing",
        "x-dispatcher-attempt": 1,
        "x-dispatcher-failed-at": f"2026-01-0{number}T00:00:00.000Z",
    }
    return {
        "queue": changes.get("queue", "email"),
        "headers": {**headers, **changes.get("headers", {})},
        "properties": {"content_type": "application/json"},
        "body": json.dumps({**body, **changes.get("body", {})}),
    }


LETTERS = [
    line(1),
    line(2, headers={"x-dispatcher-reason": "poison"}, body={"template": "flat"}),
    line(3, queue="slack", body={"to": "C7"}),
]


@pytest.fixture
def letters(house: Home) -> Home:
    """The same folder with three dead letters."""
    house.ok("failed", "import", "-", stdin="\n".join(map(json.dumps, LETTERS)))
    return house


@pytest.mark.parametrize(
    "command",
    ["config show", "templates render note", "templates lint", "templates schema note"],
)
def test_json_has_its_keys(house: Home, command: str) -> None:
    words = command.removesuffix(" note")

    assert shape_faults(house.read(*command.split()), OUTPUTS[words]) == []


def test_the_templates_are_listed_with_what_they_have(house: Home) -> None:
    rows = house.read("templates", "list")

    found = {row["name"]: row for row in rows}
    assert shape_faults(rows, OUTPUTS["templates list"]) == []
    assert found.keys() == {"divides", "flat", "hold", "long", "note", "parts"}
    assert found["note"]["channels"] == ["email", "telegram", "slack"]
    assert found["note"]["locales"] == ["it"]
    assert found["note"]["parts"]["html"] == {
        "": "note/html.jinja2",
        "it": "note/html.it.jinja2",
    }


def test_the_list_of_suppressions_has_its_keys(house: Home) -> None:
    listing = house.with_(SUPPRESSIONS=str(house.folder / "suppressions.txt"))
    listing.ok("suppress", "add", "ada@example.com", "--reason", "550 5.1.1 no such user")

    rows = listing.read("suppress", "list")

    assert len(rows) == 1
    assert shape_faults(rows, OUTPUTS["suppress list"]) == []


def test_status_lists_the_queues_with_their_names(house: Home) -> None:
    rows = house.read("status")

    assert shape_faults(rows, OUTPUTS["status"]) == []
    assert [(row["queue"], row["channel"]) for row in rows] == [(name, name) for name in QUEUES]


def test_doctor_uses_three_words_and_one_name_for_each_part(house: Home) -> None:
    checks = house.read("doctor")

    assert shape_faults(checks, OUTPUTS["doctor"]) == []
    names = {"settings", "templates", "disk", "broker", "ledger", "email", "telegram", "slack"}
    assert names <= {check["name"] for check in checks}
    assert {check["state"] for check in checks} <= {"ok", "warning", "failed"}


def test_a_part_is_rendered_alone(house: Home) -> None:
    shown = house.ok("templates", "render", "note", "--part", "html", "--locale", "it")

    assert shown.stdout.strip() == "<p>Ciao Ada/it</p>"


def test_send_prints_the_ids_and_a_worker_keeps_the_mails(house: Home) -> None:
    parameters = ["--data", '{"name": "Ada"}', "--subject", "Hi", "--to", "ada@example.com"]
    sent = house.ok("send", "note", *parameters, "--id", "one", "--from", "me@example.com")
    made_up = house.ok("send", "note", "--fake", "2", "--id", "made", "--to", "bob@example.com")

    drained = house.ok("worker", "--drain")

    assert sent.stdout.split() == ["one"]
    assert made_up.stdout.split() == ["made-1", "made-2"]
    assert drained.stdout == ""
    mails = [p.read_bytes() for p in (house.folder / "var" / "mail" / "new").iterdir()]
    by_id = {message_from_bytes(raw)["X-Dispatcher-Id"]: raw for raw in mails}
    assert by_id.keys() == {"one", "made-1", "made-2"}
    assert message_from_bytes(by_id["one"])["From"] == "me@example.com"


def test_send_takes_a_whole_message_from_a_file(house: Home) -> None:
    message = {"parameters": {"name": "Ada"}, "subject": "Whole", "to": "ada@example.com"}
    Path(house.folder / "m.json").write_text(json.dumps(message))

    house.ok("send", "note", "--data", "@m.json", "--id", "whole")
    house.ok("worker", "--limit", "1")

    (mail,) = (house.folder / "var" / "mail" / "new").iterdir()
    assert message_from_bytes(mail.read_bytes())["Subject"] == "Whole"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--reason", "poison"], {"letter-2"}),
        (["--template", "note", "--channel", "email"], {"letter-1"}),
        (["--since", "2026-01-02T00:00:00Z", "--until", "2026-01-03T00:00:00Z"], {"letter-2"}),
        (["--id", "letter-3", "--id", "letter-1"], {"letter-1", "letter-3"}),
        (["--since", "1s"], set()),
    ],
)
def test_letters_are_filtered(letters: Home, options: list[str], expected: set[str]) -> None:
    found = letters.read("failed", "list", *options)

    assert {letter["id"] for letter in found} == expected


def test_what_is_exported_is_imported_as_it_was(letters: Home) -> None:
    exported = letters.ok("failed", "export").stdout.splitlines()

    assert sorted(exported) == sorted(json.dumps(json.loads(each)) for each in exported)
    assert {json.loads(each)["body"] for each in exported} == {each["body"] for each in LETTERS}
    assert [shape_faults(json.loads(each), OUTPUTS["failed export"]) for each in exported] == [
        [],
        [],
        [],
    ]


def test_letters_are_removed_and_sent_again(letters: Home) -> None:
    removed = letters.ok("failed", "remove", "--reason", "poison", "--yes")
    again = letters.ok("failed", "retry", "letter-1", "--yes")

    assert removed.stdout.split() == ["letter-2"]
    assert again.stdout.split() == ["letter-1"]
    assert [each["id"] for each in letters.read("failed", "list")] == ["letter-3"]
    (email, *_others) = letters.read("status")
    assert (email["ready"], email["dead"]) == (1, 0)


def test_a_letter_is_edited_with_the_editor_and_gets_a_new_id(letters: Home) -> None:
    editor = letters.folder / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/ada@/eve@/ "$1"\n')
    editor.chmod(0o755)
    chosen = Home(letters.folder, {**letters.settings, "EDITOR": str(editor), "VISUAL": ""})

    edited = chosen.ok("failed", "edit", "letter-1")

    assert "letter-1~1" in edited.stdout + edited.stderr
    assert {each["id"] for each in letters.read("failed", "list")} == {"letter-2", "letter-3"}


@pytest.mark.parametrize("command", ["preview", "mailbox"])
def test_pages_are_served_on_this_machine(house: Home, command: str) -> None:
    port = free_port()
    with house.process(command, "--port", str(port)) as pages:
        pages.until(lambda: get(port, "/"))
        page, absent = get(port, "/"), get(port, "/absent")
        code = pages.stop()

    assert page is not None
    assert absent is not None
    assert (page.status, absent.status, code) == (200, 404, 0)
    assert page.content_type.startswith("text/html")


def test_init_writes_samples_that_the_demo_can_send(home: Home) -> None:
    home.ok("init", "shop")

    there = {path.name for path in (home.folder / "shop").iterdir()}
    assert {"dispatcher.toml", "templates"} <= there
    assert Home(home.folder / "shop", {}).run("templates", "lint").code == 0


def test_the_demo_ends_with_success(home: Home) -> None:
    done = home.ok("demo")

    assert done.stdout
    assert len(list((home.folder / "var" / "demo" / "mail" / "new").iterdir())) > 0
