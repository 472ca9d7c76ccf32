"""What the pages show is what happens: each message arrives, each command runs, in order."""

import json
from collections.abc import Iterator
from mailbox import Maildir
from pathlib import Path
from typing import Any

import pytest

from tests.support.doc_runner import Reader, blocks_of
from tests.support.rabbit import Broker, delete_all
from tests.support.worker import ROOT, run_command

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CHANNELS = ("email", "telegram", "slack", "webhook", "apprise")
NOT_RUN = (
    "make demo",  # the checks run these by themselves
    "pip install ",  # needs a package index
    "dispatcher mailbox",  # the same
    "dispatcher preview",  # serves pages until it is stopped; it has tests of its own
    "rabbitmqctl ",  # needs the broker's machine; the rights have tests of their own
)


def examples() -> list[Any]:
    """Every JSON example of the pages; a bounce handler's is no message to a person."""
    return [
        pytest.param(page, example, id=f"{page.name}-{number}")
        for page in PAGES
        if page.stem != "tutorial"  # has templates of its own, and a test
        for number, (_language, text) in enumerate(blocks_of(page, "json"), start=1)
        if "address" not in (example := json.loads(text))
    ]


def a_message(example: dict[str, Any]) -> dict[str, Any]:
    """The example, or a message around it where it is only an attachment."""
    if "filename" not in example:
        return example
    parameters = {"name": "Ada", "link": "https://example.org/account"}
    return {
        "to": "ada@example.com",
        "template": "welcome",
        "subject": "Hi",
        "parameters": parameters,
        "attachments": [example],
    }


@pytest.mark.parametrize(("page", "example"), examples())
def test_field_8_3_each_example_message_is_sent_with_the_shipped_templates(
    tmp_path: Path, page: Path, example: dict[str, Any]
) -> None:
    channel = page.stem if page.stem in CHANNELS else "email"
    settings = {
        "email_from": "shop@example.com",
        "templates_dir": str(ROOT / "templates"),
        "queues": ",".join(f"{name}={name}" for name in CHANNELS),
        "targets__ops": "json://127.0.0.1:9/",  # no service listens there
        "log_format": "json",
    }
    body = json.dumps(a_message(example))
    line = json.dumps({"queue": channel, "headers": {}, "properties": {}, "body": body})
    for arguments, stdin in ((("import", "-"), line), (("retry", "--all", "--yes"), "")):
        done = run_command("failed", *arguments, settings=settings, cwd=tmp_path, stdin=stdin)
        assert done.returncode == 0, done.stderr

    worked = run_command("worker", "--drain", settings=settings, cwd=tmp_path)

    assert worked.returncode == 0, worked.stderr
    entries = [json.loads(line) for line in worked.stderr.splitlines() if line.startswith("{")]
    events = [entry["event"] for entry in entries if entry["event"].startswith("notification")]
    # Of Apprise nothing can be captured: the message is read, rendered and tried.
    expected = "notification deferred" if channel == "apprise" else "notification sent"
    assert events == [expected] * len(example.get("channels", [channel])), worked.stderr


@pytest.fixture
def local_broker(rabbitmq: Broker) -> Iterator[Broker]:
    """The broker that the pages call localhost; what they make there is deleted afterwards."""
    for queue in CHANNELS:
        delete_all(rabbitmq, queue)
    yield rabbitmq
    for queue in CHANNELS:
        delete_all(rabbitmq, queue)


@pytest.fixture
def reader(tmp_path: Path, local_broker: Broker) -> Reader:
    """A reader with a broker, whose mails are kept in `mail`."""
    mail = f"maildir:{tmp_path}/mail"
    return Reader(
        tmp_path,
        replace={
            "amqp://guest:guest@localhost:5672/": local_broker.url,
            "amqp://worker:secret@rabbit.example.org/": local_broker.url,
            "/etc/dispatcher/": f"{tmp_path}/",
            "smtp://localhost:25": mail,
            "smtp+starttls://user:password@relay.example.org": mail,
            "smtp+starttls://user:password@mail.example.com": mail,
        },
        settings={
            "broker_url": local_broker.url,
            "email_url": mail,
            "email_from": "shop@example.com",
        },
    )


def sent_to(reader: Reader) -> list[str]:
    """Whom a mail was sent to, once a worker has sent what waits."""
    reader.run("sh", "dispatcher worker")
    return sorted(str(mail["To"]) for mail in Maildir(str(reader.folder / "mail"), create=False))


def read(reader: Reader, page: str, *, is_reference: bool = False) -> None:
    """Run the page's blocks; on a page of reference each stands for itself."""
    for language, text in blocks_of(ROOT / page, "sh", "python"):
        if not text.startswith(NOT_RUN):
            reader.run(language, text)
        if is_reference:
            reader.forget()


def test_field_8_3_the_blocks_of_the_readme_run_in_order(reader: Reader) -> None:
    read(reader, "README.md")

    assert sent_to(reader) == ["Ada <ada@example.com>", "ada@example.com"]


# Read in another way below, a lesson in code, half an hour of measuring, or for a machine: that has
# tests in `deploy`. The tutorial has one in `test_tutorial.py`.
OTHERS = {
    *("README", "dead-letters", "migrating", "adding-a-channel", "performance", "install"),
    "tutorial",
}
REFERENCE = sorted(page.stem for page in PAGES if page.stem not in OTHERS and blocks_of(page, "sh"))


@pytest.mark.parametrize("page", REFERENCE)
def test_field_8_3_the_blocks_of_a_page_of_reference_run(reader: Reader, page: str) -> None:
    reader.run("sh", "dispatcher worker")  # makes the queues
    if page in CHANNELS:  # its provider is not here to be asked, and the page's secret is made up
        reader.replace = {**reader.replace, "dispatcher doctor": "dispatcher config show"}

    read(reader, f"docs/{page}.md", is_reference=True)


def test_field_8_3_the_blocks_of_the_dead_letters_page_run_in_order(reader: Reader) -> None:
    reader.run("sh", "dispatcher worker")  # makes the queues
    letters = [a_dead_letter("doc-1"), a_dead_letter("doc-2"), a_dead_letter("doc-3")]
    (reader.folder / "letters").write_text("".join(letters))
    reader.run("sh", "dispatcher failed import letters")
    (reader.folder / "editor").write_text('#!/bin/sh\nsed -i s/Ada/Eve/ "$1"\n')
    (reader.folder / "editor").chmod(0o755)
    reader.environment = {"VISUAL": str(reader.folder / "editor")}
    # No person is here to say yes.
    reader.replace = {
        **reader.replace,
        "failed retry doc-1 doc-2": "failed retry doc-1 doc-2 --yes",
        " --template welcome --rate 20": " --template other --rate 20",
    }

    read(reader, "docs/dead-letters.md", is_reference=True)

    assert sent_to(reader) == [f"doc-{number}@example.com" for number in (1, 2, 3)]


def test_field_8_4_the_blocks_of_the_migrating_page_run_in_order(
    reader: Reader, local_broker: Broker
) -> None:
    try:
        read(reader, "docs/migrating.md")

        assert sent_to(reader) == ["ada@example.com", "ada@example.com"]
    finally:
        local_broker.api("DELETE", f"exchanges/{local_broker.virtual_host}/shop")


def a_dead_letter(name: str) -> str:
    """One line as `failed export` prints it."""
    body = {
        "id": name,
        "to": f"{name}@example.com",
        "template": "welcome",
        "subject": "Hi",
        "parameters": {"name": "Ada", "link": "https://example.org/account"},
    }
    headers = {
        "x-dispatcher-reason": "content_refused",
        "x-dispatcher-failed-at": "2026-01-31T08:00:00Z",
    }
    line = {"queue": "email", "headers": headers, "properties": {}, "body": json.dumps(body)}
    return json.dumps(line) + "\n"
