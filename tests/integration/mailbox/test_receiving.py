"""`dispatcher mailbox` in MailHog's place: it reads what comes as MailHog does, keeps it, and sends
it to whoever waits."""

import http.client
import json
import random
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.mailhog_peer import MailHogPeer, a_text, our_mailbox
from tests.support.worker import ROOT, run_command

PIECES = [
    "\r\n", "\r\n\r\n", "--b", "--b--", "--b\r\n", "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Type: multipart/alternative;\r\n\tboundary=\"c d\"\r\n", "--c d\r\n", "Subject: x\r\n",
    "subject: y\r\n", " folded\r\n", "No: \r\n", "No:colon\r\n", ": \r\n", "a", " ", "\t", "é", ".",
    "..", "Content-Type: multipart/mixed; boundary=\"b\"; boundary=c\r\n", "\n", "Received: r\r\n",
]  # fmt: skip


def without_names(mail: Any) -> Any:
    """What both say alike: no names, times and hosts of their own."""
    text = json.dumps(mail).replace(json.dumps(mail["ID"])[1:-1], "ID")
    text = re.sub(r"by \S+ \((MailHog|Dispatcher)\)(.*?); [^\"]*", r"by SERVER\2", text)
    return {**json.loads(text), "Created": "then"}


def test_whatever_comes_is_read_as_mailhog_reads_it(theirs: MailHogPeer, ours: MailHogPeer) -> None:
    theirs.clear()
    ours.clear()
    made_up = random.Random(7)
    mails = ["".join(made_up.choices(PIECES, k=made_up.randint(1, 25))) for _ in range(150)]
    mails = [mail.lstrip(".") for mail in mails]  # of the first line MailHog leaves dots stuffed
    for mail in mails:
        for peer in (theirs, ours):
            peer.send_as_it_is(mail.encode())

    pairs = zip(theirs.messages(limit=250)["items"], ours.messages(limit=250)["items"], strict=True)
    for mail, (expected, found) in zip(reversed(mails), pairs, strict=True):
        assert without_names(found) == without_names(expected), repr(mail)
    for words in ("subject", "é", "ID", "folded"):
        assert (
            ours.search("containing", words)["total"] == theirs.search("containing", words)["total"]
        )


def test_a_mail_is_said_to_whoever_listens_to_events(ours: MailHogPeer) -> None:
    connection = http.client.HTTPConnection(urlsplit(ours.api).netloc, timeout=30)
    connection.request("GET", "/api/v1/events")
    stream = connection.getresponse()
    ours.send(a_text("Said at once"))

    lines: list[str] = []
    while (line := stream.fp.readline().decode().strip()) or not lines:
        if line.startswith("data: "):
            lines.append(line.removeprefix("data: "))
    connection.close()

    assert stream.getheader("Content-Type") == "text/event-stream"
    assert json.loads("\n".join(lines))["Content"]["Headers"]["Subject"] == ["Said at once"]


def test_a_home_keeps_mails_over_a_restart(tmp_path: Path) -> None:
    with our_mailbox(tmp_path) as box:
        box.send(a_text("Kept"))
        before = box.newest()
    with our_mailbox(tmp_path) as box:
        assert box.newest() == before


def test_pages_of_one_origin_may_ask(tmp_path: Path) -> None:
    with our_mailbox(tmp_path, "--cors-origin=http://shop.localhost:3000") as box:
        answer = box.ask("/v2/messages")
        deletion = box.ask("/v1/messages", method="OPTIONS")

    assert answer.headers["access-control-allow-origin"] == "http://shop.localhost:3000"
    assert answer.headers["access-control-allow-methods"] == "OPTIONS,GET,PUT,POST,DELETE"
    assert deletion.headers["access-control-allow-methods"] == "OPTIONS,GET,POST,DELETE"
    assert deletion.headers["access-control-allow-headers"] == "Content-Type"


def test_a_smtp_port_that_is_taken_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_command(
            "mailbox", "--port=0", f"--smtp-port={port}", settings={}, cwd=tmp_path
        )

    assert refused.returncode == 1
    assert refused.stderr == f"Error: 127.0.0.1:{port}: Address already in use; try --smtp-port\n"


def test_what_a_worker_keeps_is_in_the_api_too_and_the_demo_s_mails_are_not(
    tmp_path: Path,
) -> None:
    settings = {"templates_dir": str(ROOT / "templates"), "email_from": "shop@example.com"}
    data = json.dumps({"name": "Ada", "link": "https://example.org"})
    sent = ["send", "welcome", "--to=Ada <ada@example.com>", "--subject=Hi", f"--data={data}"]
    for command in (sent, ["worker", "--drain"], ["demo"]):
        done = run_command(*command, settings=settings, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    with our_mailbox(tmp_path) as box:
        [mail] = box.messages()["items"]

    assert mail["Raw"]["From"] == "shop@example.com"
    assert mail["Raw"]["To"] == ["ada@example.com"]
    assert mail["Content"]["Headers"]["Subject"] == ["Hi"]
    assert len(mail["MIME"]["Parts"]) == 3
    assert "\n" not in mail["Raw"]["Data"].replace("\r\n", "")
