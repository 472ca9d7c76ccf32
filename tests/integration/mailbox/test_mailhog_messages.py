"""Tests of a project that was written for MailHog pass over `dispatcher mailbox`: what is in a
message."""

import base64
import re

import pytest

from tests.support.mailhog_peer import (
    PDF,
    RECIPIENT,
    SENDER,
    MailHogPeer,
    a_multipart,
    a_text,
)


def test_a_mail_has_mailhog_s_fields(box: MailHogPeer) -> None:
    box.send(a_text(body="One\r\nTwo"), to=(RECIPIENT, "bob@example.org"))

    mail = box.newest()

    assert list(mail) == ["ID", "From", "To", "Content", "Created", "MIME", "Raw"]
    assert re.fullmatch(r"[\w-]{43}=@[\w.-]+", mail["ID"])
    assert mail["From"] == {
        "Relays": None, "Mailbox": "shop", "Domain": "example.com", "Params": "",
    }  # fmt: skip
    assert [(one["Mailbox"], one["Domain"]) for one in mail["To"]] == [
        ("ann", "example.com"),
        ("bob", "example.org"),
    ]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", mail["Created"]
    )
    data = a_text(body="One\r\nTwo").removesuffix("\r\n")
    assert mail["Raw"] == {
        "From": SENDER,
        "To": [RECIPIENT, "bob@example.org"],
        "Data": data,
        "Helo": "client.example",
    }
    assert mail["MIME"] is None
    assert mail["Content"]["Body"] == "One\r\nTwo"
    assert mail["Content"]["Size"] == len(data)
    assert mail["Content"]["MIME"] is None


def test_headers_are_lists_and_the_server_s_own_are_added(box: MailHogPeer) -> None:
    box.send(a_text())

    mail = box.newest()
    headers = mail["Content"]["Headers"]

    assert headers["Subject"] == ["Hello"]
    assert headers["From"] == [f"Shop <{SENDER}>"]
    assert headers["Return-Path"] == [f"<{SENDER}>"]
    assert headers["Message-ID"] == [mail["ID"]]
    [received] = headers["Received"]
    assert received.startswith("from client.example by ")
    assert f"\r\n          id {mail['ID']}; " in received


def test_headers_that_occur_are_kept_and_folds_keep_their_blanks(box: MailHogPeer) -> None:
    box.send(
        "Received: from a\r\nreturn-path: <old@example.com>\r\nX-Two: 1\r\nX-Two: 2\r\n"
        "Message-Id: <mine@example.com>\r\nSubject: one\r\n two\r\n\tthree\r\n"
        "No-Blank:x\r\nX-Last: y\r\n\r\nbody\r\n"
    )

    headers = box.newest()["Content"]["Headers"]

    assert headers["Subject"] == ["one two\tthree"]
    assert headers["X-Two"] == ["2"]
    assert headers["Message-Id"] == ["<mine@example.com>"]
    assert headers["Received"][0] == "from a"
    assert len(headers["Received"]) == 2
    assert headers["return-path"] == ["<old@example.com>", f"<{SENDER}>"]
    assert "Message-ID" not in headers
    assert "No-Blank" not in headers
    assert headers["X-Last"] == ["y"]


def test_a_mail_without_headers_is_all_body(box: MailHogPeer) -> None:
    box.send("just a line\r\n")

    content = box.newest()["Content"]

    assert content["Body"] == "just a line"
    assert set(content["Headers"]) == {"Message-ID", "Received", "Return-Path"}


def test_the_parts_of_a_multipart_are_nested(box: MailHogPeer) -> None:
    box.send(a_multipart())

    mail = box.newest()
    alternative, file, end = mail["MIME"]["Parts"]

    assert mail["Content"]["Headers"]["Content-Type"][0].startswith("multipart/mixed; boundary=")
    text, html, inner_end = alternative["MIME"]["Parts"]
    assert (text["Body"], html["Body"]) == ("plain", "<p>HTML</p>")
    assert html["Headers"]["Content-Type"] == ['text/html; charset="utf-8"']
    assert base64.b64decode(file["Body"]) == PDF
    assert file["Headers"]["Content-Disposition"] == ['attachment; filename="bill.pdf"']
    assert (end["Body"], inner_end["Body"]) == ("--", "--")
    assert (end["Headers"], end["Size"], end["MIME"]) == ({}, 2, None)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("multipart/mixed", None),
        ("multipart/mixed; boundary=", None),
        ("multipart/mixed; boundary=b", ["", "one", "--"]),
        ('multipart/mixed; charset=utf-8; boundary="b"', ["", "one", "--"]),
        ("multipart/mixed; boundary=b=c", None),
        ("multipart/mixed;\r\n\tboundary=b", ["", "one", "--"]),
    ],
)
def test_a_boundary_is_read_as_go_reads_it(
    box: MailHogPeer, kind: str, parts: list[str] | None
) -> None:
    box.send(f"Content-Type: {kind}\r\n\r\n\r\n--b\r\nX-A: b\r\n\r\none\r\n--b--\r\n")

    found = box.newest()["MIME"]["Parts"]

    assert (found and [part["Body"] for part in found]) == parts
