"""`dispatcher templates lint --messages`: stored messages still fit their templates, or it says
where they do not."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.worker import ROOT, run_command

TEMPLATES = {"templates_dir": str(ROOT / "templates")}
WELCOME = {
    "to": "ann@example.com",
    "template": "welcome",
    "subject": "Hi",
    "parameters": {"name": "Ann", "link": "https://example.com"},
}
ORDER = json.loads((ROOT / "templates/order-confirmation/examples/italian.json").read_text())


def lint(
    folder: Path, *options: str, stdin: str = "", settings: dict[str, str] = TEMPLATES
) -> CompletedProcess[str]:
    arguments = options or ("--messages", "stored")
    return run_command("templates", "lint", *arguments, settings=settings, cwd=folder, stdin=stdin)


def lines(folder: Path, *messages: object) -> list[str]:
    """What is said of these messages, one in each line of a file."""
    stored = folder / "stored"
    stored.mkdir(exist_ok=True)
    (stored / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in messages))
    done = lint(folder)
    assert done.returncode == int(": error: " in done.stdout), done.stderr
    return done.stdout.splitlines()


def test_messages_that_fit_pass(tmp_path: Path) -> None:
    assert lines(tmp_path, WELCOME, ORDER, {**ORDER, "channel": "slack"}) == []


def test_each_fault_names_file_field_and_line_of_the_template(tmp_path: Path) -> None:
    order = json.loads(json.dumps(ORDER))
    del order["parameters"]["order"]["total"]
    del order["parameters"]["order"]["lines"][1]["price"]
    del order["parameters"]["delivery"]

    found = lines(tmp_path, WELCOME, order)

    place = "stored/a.jsonl:2: error: parameters."
    assert [line.partition(": error: ")[2].partition(":")[0] for line in found] == [
        "parameters.delivery",
        "parameters.order.lines[1].price",
        "parameters.order.total",
    ]
    assert all(line.startswith(place) for line in found)
    remedy = "; give it in 'parameters', or write default('…')"
    assert [line.removesuffix(remedy).rpartition(" is undefined")[2] for line in found] == [
        " in order-confirmation/html.it.jinja2 line 4",
        ": 'dict object' has no attribute 'price' in order-confirmation/_lines.jinja2 line 6",
        ": 'dict object' has no attribute 'total' in order-confirmation/_lines.jinja2 line 11",
    ]


def test_every_fault_of_the_format_is_said(tmp_path: Path) -> None:
    found = lines(tmp_path, {**WELCOME, "cc": 5, "delay": "soon", "to": []})

    assert [line.split(": ")[2] for line in found] == ["cc", "delay", "to"]


def test_all_channels_that_a_message_names_are_rendered(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    (templates / "t").mkdir(parents=True)
    (templates / "t/html.jinja2").write_text("{{ name }}")
    (templates / "t/slack.jinja2").write_text("{{ name }}\n{{ link }}")
    (templates / "t/telegram.jinja2").write_text("{{ other }}")
    to = {"email": "a@example.com", "slack": "#room"}
    message = {"to": to, "channels": [*to], "template": "t", "parameters": {"name": "A"}}
    settings = {"templates_dir": str(templates)}

    done = lint(tmp_path, "--messages", "-", "--json", stdin=json.dumps(message), settings=settings)

    errors = [one for one in json.loads(done.stdout) if one["severity"] == "error"]
    assert done.returncode == 1
    assert [(one["field"], one["template_file"], one["template_line"]) for one in errors] == [
        ("parameters.link", "t/slack.jinja2", 2)
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"template": "welcom"}, "error: template: there is no template 'welcom'; did you mean"),
        ({"channel": "fax"}, "error: channel: there is no channel 'fax'; there are email, "),
        ({"to": "a@b@c"}, "error: to: "),
        ({"subject": None}, "warning: subject: the message gives no subject"),
        ({"parameter": {}}, None),
        ({"parameters": None, "paramters": {}}, "warning: paramters: is no field of a message; "),
        ({"parameters": {"name": None, "link": ""}}, "error: parameters.name: 'name' is null in"),
    ],
)
def test_what_a_worker_would_refuse_or_log_is_said(
    tmp_path: Path, change: dict[str, Any], expected: str | None
) -> None:
    given = {name: value for name, value in {**WELCOME, **change}.items() if value is not None}

    found = lines(tmp_path, given)

    assert (not found) if expected is None else any(expected in line for line in found), found


def test_a_template_that_does_not_compile_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/welcome.jinja2").write_text("Hello\n{{ name | nope }}")

    done = lint(
        tmp_path,
        *("--messages", "-"),
        stdin=json.dumps(WELCOME),
        settings={"templates_dir": "templates"},
    )

    assert done.returncode == 1
    assert "-:1: error: template: template 'welcome' cannot be used; fix" in done.stdout
    assert "welcome.jinja2 line 2: No filter named 'nope'" in done.stdout


def test_the_channel_of_messages_that_name_none_can_be_given(tmp_path: Path) -> None:
    message = json.dumps({**WELCOME, "to": 5})

    def is_refused(*options: str) -> bool:
        return lint(tmp_path, "--messages", "-", *options, stdin=message).returncode == 1

    assert is_refused()
    assert not is_refused("--channel", "telegram")


def test_a_template_for_one_channel_alone_is_rendered_for_it(tmp_path: Path) -> None:
    (tmp_path / "templates/t").mkdir(parents=True)
    (tmp_path / "templates/t/telegram.jinja2").write_text("{{ name }}")
    message = {"to": 5, "template": "t", "parameters": {"name": "A"}}
    settings = {"templates_dir": "templates"}

    done = lint(tmp_path, "--messages", "-", stdin=json.dumps(message), settings=settings)

    assert done.returncode == 0, done.stdout


def test_lenient_templates_only_warn_of_what_is_missing(tmp_path: Path) -> None:
    message = json.dumps({**WELCOME, "parameters": {}})
    settings = {**TEMPLATES, "templates_undefined": "lenient"}

    done = lint(tmp_path, "--messages", "-", stdin=message, settings=settings)

    assert done.returncode == 0
    assert done.stdout.count(": warning: parameters.") == 2


def test_a_list_names_the_item(tmp_path: Path) -> None:
    broken = {**WELCOME, "parameters": {"name": "A"}}
    (tmp_path / "a.json").write_text(f"[{json.dumps(WELCOME)},\n{json.dumps(broken)}]")

    done = lint(tmp_path, "--messages", "a.json")

    assert done.stdout.startswith("a.json:2: error: [1].parameters.link: 'link' is undefined in ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "stored: error: has no *.json, *.jsonl or *.ndjson file in it"),
        (b"", "stored: error: has no message to check"),
        (b"\xff{}", "stored/a.json:1: error: is not UTF-8 at byte 0"),
        (b"[{},", "stored/a.json:1: error: is not JSON: Expecting value at line 1 column 5"),
        (b'{"to":', "stored/a.json:1: error: body: not JSON: Expecting value at line 1 column 7"),
    ],
)
def test_what_cannot_be_read_fails_with_a_clear_line(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    (tmp_path / "stored").mkdir()
    if content is not None:
        (tmp_path / "stored/a.json").write_bytes(content)

    done = lint(tmp_path)

    assert done.returncode == 1
    assert expected in done.stdout.splitlines()


def test_a_finding_is_one_line_whatever_the_message_has_in_it(tmp_path: Path) -> None:
    found = lines(tmp_path, {**WELCOME, "loc\nale\x1b": "x"})

    assert len(found) == 1
    assert found[0].startswith("stored/a.jsonl:1: warning: loc ale\N{REPLACEMENT CHARACTER}: ")


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    done = lint(tmp_path)

    assert done.returncode == 2
    assert "stored" in done.stderr
