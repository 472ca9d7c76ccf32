"""Languages as a worker of its own has them: a catalogue is saved while it runs, and the machine
has no time zones of its own."""

import json
import os
import subprocess
import sys
import time
from mailbox import Maildir
from pathlib import Path

from tests.support.catalogues import path_of, po
from tests.support.worker import clean_environment, run_command, running

SETTINGS = {"templates_dir": "templates", "log_format": "json"}
TEMPLATE = (
    "<p>{% trans %}Hello {{ name }}{% endtrans %}</p>"
    "<p>{{ at | datetime('short') }} {{ sum | currency('EUR') }}</p>"
)
PARAMETERS = {"name": "<Ann>", "at": "2026-07-31T22:30:00Z", "sum": 1234.5}


def _save(path: Path, text: str) -> None:
    """By rename, as editors save."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(text)
    unfinished.replace(path)


def _message(locale: str) -> str:
    return json.dumps(
        {
            "to": "ann@example.com",
            "from": "shop@example.com",
            "subject": "s",
            "template": "t",
            "parameters": PARAMETERS,
            "locale": locale,
            "timezone": "Europe/Rome",
        }
    )


def _send(folder: Path, locale: str) -> None:
    message = folder / "message.json"
    message.write_text(_message(locale))
    sent = run_command(
        "send", "t", f"--data=@{message}", settings={"templates_dir": "templates"}, cwd=folder
    )
    assert sent.returncode == 0, sent.stderr


def _texts(folder: Path) -> list[str]:
    mails = sorted(Maildir(str(folder / "var/mail"), create=False), key=lambda one: one["Date"])
    texts = []
    for mail in mails:
        part = next(one for one in mail.walk() if one.get_content_type() == "text/plain")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        texts.append(payload.decode().replace("\xa0", " ").replace("\u202f", " "))
    return texts


def test_a_catalogue_that_is_saved_is_used_within_a_second_and_a_broken_one_is_refused(
    tmp_path: Path,
) -> None:
    templates = tmp_path / "templates"
    catalogue = templates / path_of("it")
    _save(templates / "t.jinja2", TEMPLATE)
    _save(catalogue, po({"Hello %(name)s": "Ciao %(name)s"}))

    with running(tmp_path, SETTINGS) as worker:
        worker.wait_for("worker starting")
        _save(catalogue, po({"Hello %(name)s": "Salve %(name)s"}))
        saved = time.monotonic()
        worker.wait_for("templates changed", seconds=10)
        took = time.monotonic() - saved
        _send(tmp_path, "it-IT")
        worker.wait_for("notification sent")
        _save(catalogue, po({"Hello %(name)s": "Ciao %(nome)s"}))
        refused = worker.wait_for("templates are broken; the last good set stays in use")
        _send(tmp_path, "it-IT")
        worker.wait_until(lambda: len(worker.events("notification sent")) == 2)

    assert took < 2, "a second, and what a busy machine adds"
    assert refused["fault"].startswith(f"{path_of('it')} line 6: the translation has %(nome)s")
    assert _texts(tmp_path) == ["Salve <Ann>\n\n01/08/26, 00:30 1.234,50 €\n"] * 2


def test_time_zones_are_found_where_the_machine_has_none(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    _save(templates / "t.jinja2", TEMPLATE)
    environment = clean_environment(templates_dir="templates") | {"PYTHONTZPATH": ""}
    command = [sys.executable, "-c", "from entrypoints.cli import main; main()"]
    (tmp_path / "message.json").write_text(_message("de"))

    for arguments in (["send", "t", "--data=@message.json"], ["worker", "--drain"]):
        ran = subprocess.run(
            [*command, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr

    assert _texts(tmp_path) == ["Hello <Ann>\n\n01.08.26, 00:30 1.234,50 €\n"]


def test_own_filters_are_run_only_with_the_setting(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    _save(templates / "t.jinja2", "{{ name | shout }}")
    _save(templates / "other.jinja2", "x")
    _save(templates / "filters.py", "def shout(text):\n    return text.upper() + '!'\n")
    render = ("templates", "render", "t", '--data={"parameters": {"name": "ann"}}', "--part=html")

    off = run_command(*render, settings={"templates_dir": "templates"}, cwd=tmp_path)
    linted = run_command("templates", "lint", settings={"templates_dir": "templates"}, cwd=tmp_path)
    on = run_command(
        *render, settings={"templates_dir": "templates", "templates_filters": "on"}, cwd=tmp_path
    )

    assert off.returncode == 1
    assert "No filter named 'shout'" in off.stderr
    assert "filters.py: warning: is not used" in linted.stdout
    assert (on.returncode, on.stdout) == (0, "ANN!\n")


def test_a_translator_s_round(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    _save(templates / "t.jinja2", "{% trans %}Hello {{ name }}{% endtrans %}")
    settings = {"templates_dir": "templates"}

    def messages(*more: str) -> "subprocess.CompletedProcess[str]":
        return run_command("templates", "messages", *more, settings=settings, cwd=tmp_path)

    assert messages().returncode == 2
    assert "no language that Babel knows" in messages("--locale=xx").stderr
    unchecked = messages("--locale=it", "--check")
    assert (unchecked.returncode, (templates / path_of("it")).exists()) == (1, False)
    made = messages("--locale=it")
    assert made.returncode == 0
    assert made.stdout.splitlines() == [
        f"templates/{path_of('it')}: 1 new, 0 obsolete, 0 fuzzy, 1 of 1 not translated",
        "  new: Hello %(name)s",
    ]
    assert messages("--check").returncode == 0
    catalogue = templates / path_of("it")
    _save(catalogue, catalogue.read_text().rstrip().removesuffix('""') + '"Ciao %(name)s"\n\n')
    translated = catalogue.read_text()
    assert messages("--json").returncode == 0
    assert catalogue.read_text() == translated

    _save(templates / "t.jinja2", "{{ _('Something else') }}")
    checked = messages("--check", "--json")

    assert checked.returncode == 1
    assert json.loads(checked.stdout)[0]["added"] == ["Something else"]
    assert catalogue.read_text() == translated
    assert not [name for name in os.listdir(catalogue.parent) if name.startswith(".")]


def test_a_catalogue_that_is_a_link_stays_one(tmp_path: Path) -> None:
    shared, catalogue = tmp_path / "it.po", tmp_path / "templates" / path_of("it")
    _save(tmp_path / "templates" / "t.jinja2", "{{ _('Hello') }}")
    _save(shared, po({"Bye": "Addio"}))
    catalogue.parent.mkdir(parents=True)
    catalogue.symlink_to(shared)

    ran = run_command(
        "templates", "messages", settings={"templates_dir": "templates"}, cwd=tmp_path
    )

    assert (ran.returncode, catalogue.is_symlink()) == (0, True)
    assert 'msgid "Hello"' in shared.read_text()
