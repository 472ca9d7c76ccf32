"""`dispatcher failed` as an operator uses it, on the embedded queue."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.dead_letters import Office


def edit(office: Office, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`failed edit` where the editor is `script`, Python that changes `text`."""
    program = office.home / "editor.py"
    program.write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\ntext = path.read_text()\n"
        f"{script}\npath.write_text(text)\n"
    )
    process = office.start("edit", *arguments, VISUAL=f"{sys.executable} {program}")
    output, words = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, output, words)


def test_letters_are_grouped_by_what_went_wrong(office: Office) -> None:
    refused = "550 5.1.1 <{}@example.com>: no such user"
    office.bury(
        [office.line(f"a{n}", reason="recipient_refused", error=refused.format(n)) for n in "123"]
        + [office.line("b", reason="recipient_refused", error="552 5.2.2 mailbox full")]
    )

    listed = office.failed("list")

    [head, _rule, first, newest, error, second, *_rest] = listed.stdout.splitlines()
    assert "reason" in head
    assert first.startswith("3 ")
    assert newest == "  newest id: a3"
    assert error == "  550 5.1.1 <***@example.com>: no such user"
    assert second.startswith("1 ")


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--reason=expired"], ["b"]),
        (["--template=other"], ["c"]),
        (["--channel=telegram"], ["d"]),
        (["--id=a", "--id=d"], ["a", "d"]),
        (["--since=2026-01-31T07:00:00Z"], ["a", "b", "c", "d"]),
        (["--since=2026-01-31T09:00:00Z"], []),
        (["--until=2026-01-31T09:00:00Z", "--reason=expired"], ["b"]),
        (["--until=2026-01-31T08:00:00Z"], []),
    ],
)
def test_filters_choose(office: Office, arguments: list[str], ids: list[str]) -> None:
    office.bury(
        [
            office.line("a"),
            office.line("b", reason="expired"),
            office.line("c", template="other"),
            office.line("d", channel="telegram"),
        ]
    )

    assert office.dead(*arguments) == ids


def test_the_json_of_a_list_is_the_contract(office: Office) -> None:
    office.bury([office.line("a", error="x")])

    assert office.listed() == [
        {
            "id": "a",
            "queue": "email",
            "channel": "email",
            "template": "welcome",
            "reason": "template_missing",
            "error": "x",
            "attempt": 1,
            "first_seen": None,
            "failed_at": "2026-01-31T08:00:00+00:00",
        }
    ]


def test_a_letter_is_shown_with_its_addresses_hidden_unless_asked(office: Office) -> None:
    to = ["Ann <ann@example.com>", "bob@example.com"]
    parameters = {"note": 'write to\n"clara@example.com"', "count": 3}
    office.bury([office.line("a", to=to, parameters=parameters, remaining=["bob@example.com"])])

    hidden, as_json = office.failed("show", "a"), office.failed("show", "a", "--json")
    revealed = office.failed("show", "a", "--json", "--reveal")

    for shown in (hidden.stdout, as_json.stdout):
        assert not [name for name in ("ann@", "bob@", "clara@") if name in shown]
        assert "***@example.com" in shown
    [masked] = json.loads(as_json.stdout)
    assert masked["body"]["to"] == ["Ann <***@example.com>", "***@example.com"]
    assert masked["body"]["parameters"] == {"note": 'write to\n"***@example.com"', "count": 3}
    assert masked["headers"]["x-dispatcher-remaining"] == '["***@example.com"]'
    assert json.loads(revealed.stdout)[0]["body"]["to"] == to
    assert office.failed("show", "nobody").returncode == 1


def test_a_rehearsal_tells_by_cause_what_would_pass_and_moves_nothing(office: Office) -> None:
    office.template("mended", "{{ name }}")
    broken = {**office.line("d", reason="malformed"), "body": "{"}
    office.bury(
        [
            office.line("a", template="mended", parameters={"name": "Ann"}),
            office.line("b", template="mended", parameters={"name": "Bob"}),
            office.line("c", template="mended"),
            broken,
            office.line("e", reason="retries_exhausted", expires_at="2026-01-31T09:00:00Z"),
        ]
    )
    before = office.dead()

    mixed = office.failed("retry", "--dry-run", "--all")
    good = office.failed("retry", "--dry-run", "a", "b")
    unknown = office.failed("retry", "--dry-run", "a", "nobody")

    lines = mixed.stdout.splitlines()[2:]
    assert [line.split() for line in lines[::3]] == [
        ["2", "1", "template_missing", "mended", "email"],
        ["0", "1", "malformed", "email"],
        ["0", "1", "retries_exhausted", "welcome", "email"],
    ]
    assert (lines[1], lines[7]) == ("  first id: c", "  first id: e")
    assert "template_undefined: 'name'" in lines[2]
    assert lines[5].startswith("  malformed: body: not JSON")
    assert lines[8].startswith("  expired: ")
    assert (mixed.returncode, good.returncode, unknown.returncode) == (1, 0, 1)
    assert office.dead() == before
    assert office.sent() == []


def test_only_who_is_owed_gets_it_unless_it_is_for_everybody_again(office: Office) -> None:
    to = ["ann@example.com", "bob@example.com"]
    each: dict[str, Any] = {"to": to, "remaining": ["bob@example.com"], "individually": True}
    office.bury([office.line("a", **each), office.line("b", **each)])

    office.failed("retry", "a", "--yes")
    office.failed("retry", "b", "--yes", "--again")

    assert office.sent() == [
        ("a", "bob@example.com"),
        ("b~1", "ann@example.com"),
        ("b~1", "bob@example.com"),
    ]
    assert office.dead() == []


def test_one_letter_of_an_id_is_retried_and_the_other_stays(office: Office) -> None:
    office.bury([office.line("a"), office.line("a", reason="recipient_refused")])

    retried = office.failed("retry", "--reason=template_missing", "--yes")

    assert retried.stdout == "a\n"
    assert [letter["reason"] for letter in office.listed()] == ["recipient_refused"]


def test_an_edited_letter_goes_out_under_a_new_id(office: Office) -> None:
    office.bury([office.line("a", to="ann@exmaple.com", parameters={"x": 1}), office.line("b")])

    edited = edit(office, "text = text.replace('exmaple', 'example')", "a")

    assert (edited.returncode, edited.stdout) == (0, "a~1\n"), edited.stderr
    assert office.dead() == ["b"]
    assert office.sent() == [("a~1", "ann@example.com")]


def test_an_edit_that_is_still_wrong_leaves_the_letter(office: Office) -> None:
    office.bury([office.line("a")])

    wrong = edit(office, "text = text.replace('welcome', '../welcome')", "a")
    unsaved = edit(office, "sys.exit()", "a")
    unknown = edit(office, "", "nobody")

    assert "template: " in wrong.stderr
    assert "nothing was changed" in unsaved.stderr
    assert [done.returncode for done in (wrong, unsaved, unknown)] == [1, 1, 1]
    assert office.dead() == ["a"]
    assert office.waiting() == 0


def test_of_two_letters_with_one_id_an_edit_wants_to_know_which(office: Office) -> None:
    office.bury([office.line("a"), office.line("a", reason="recipient_refused")])
    script = "text = text.replace('welcome', 'other')"

    vague, exact = edit(office, script, "a"), edit(office, script, "a", "--reason=template_missing")

    assert vague.returncode == 2
    assert "--channel, --reason" in vague.stderr
    assert exact.stdout.startswith("a-")
    assert [one["reason"] for one in office.listed()] == ["recipient_refused"]
    assert edit(office, script, "a").stdout == "a~1\n"  # and no conflict with the other
    assert office.waiting() == 2


def test_of_two_copies_of_a_letter_an_edit_sends_one(office: Office) -> None:
    office.bury([office.line("a"), office.line("a")])

    edited = edit(office, "text = text.replace('Hi', 'Hello')", "a")

    assert edited.stdout == "a~1\n"
    assert office.dead() == ["a"]
    assert office.waiting() == 1


def test_what_was_exported_comes_back_as_it_was(office: Office) -> None:
    binary = {**office.line("b"), "body_base64": "/wA=", "properties": {"message_id": "m-1"}}
    del binary["body"]
    office.bury([office.line("a", to="ånn@example.com"), binary, office.line("c")])
    listed = office.listed()

    exported = office.failed("export")
    office.failed("remove", "--all", "--yes")
    (office.home / "letters").write_text(exported.stdout)
    imported = office.failed("import", "letters")

    assert imported.returncode == 0, imported.stderr
    assert office.listed() == listed
    assert office.failed("export").stdout == exported.stdout
    assert office.failed("export", "--id=m-1").stdout == exported.stdout.splitlines()[1] + "\n"


def test_a_file_with_broken_lines_is_refused_whole(office: Office) -> None:
    good, elsewhere = office.line("a"), {**office.line("b"), "queue": "elsewhere"}
    lines = [json.dumps(good), "{", "", json.dumps(elsewhere)]

    refused = office.failed("import", "-", stdin="\n".join(lines))

    assert refused.returncode == 1
    said, *faults = refused.stderr.splitlines()
    assert said.startswith("embedded queue ")
    assert [line.partition(":")[0] for line in faults] == [
        "line 2",
        "line 4",
        "nothing was stored",
    ]
    assert office.dead() == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["retry"], 2),
        (["remove"], 2),
        (["retry", "--all"], 2),  # nobody to ask
        (["retry", "--all", "--rate=0"], 2),
        (["retry", "nobody", "--yes"], 1),
        (["remove", "nobody", "--yes"], 1),
        (["import", "nowhere"], 2),
        (["list", "--since=yesterday"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_says_so_and_does_nothing(
    office: Office, arguments: list[str], code: int
) -> None:
    office.bury([office.line("a")])

    refused = office.failed(*arguments)

    assert refused.returncode == code
    assert refused.stderr
    assert "Traceback" not in refused.stderr
    assert office.dead() == ["a"]
