"""Tests of a project that was written for MailHog pass over `dispatcher mailbox`: lists, search,
downloads and deletion."""

import smtplib

import pytest

from tests.support.mailhog_peer import (
    PDF,
    RECIPIENT,
    SENDER,
    MailHogPeer,
    a_multipart,
    a_text,
)


def test_an_empty_mailbox_has_empty_lists(box: MailHogPeer) -> None:
    listed = box.ask("/v2/messages")

    assert listed.json == {"total": 0, "count": 0, "start": 0, "items": []}
    assert (listed.status, listed.content_type) == (200, "text/json")
    assert box.ask("/v1/messages").json == []
    assert box.search("to", "ann") == {"total": 0, "count": 0, "start": 0, "items": []}


def test_the_newest_is_first_and_pages_go_on_from_there(box: MailHogPeer) -> None:
    for number in range(5):
        box.send(a_text(f"Mail {number}"))

    def subjects(**query: object) -> list[str]:
        items = box.messages(**query)["items"]
        return [one["Content"]["Headers"]["Subject"][0].removeprefix("Mail ") for one in items]

    assert subjects() == ["4", "3", "2", "1", "0"]
    assert subjects(limit=2) == ["4", "3"]
    assert subjects(start=2, limit=2) == ["2", "1"]
    assert subjects(start=4, limit=2) == ["0"]
    assert subjects(start=5) == ["0"]  # the last one once more
    assert subjects(start=6) == []
    assert subjects(start=-1, limit=0) == ["4", "3", "2", "1", "0"]
    assert subjects(start="x", limit="y") == ["4", "3", "2", "1", "0"]
    page = box.messages(start=3, limit=250)
    assert (page["total"], page["count"], page["start"]) == (5, 2, 3)
    assert [one["Raw"]["Data"][:4] for one in box.ask("/v1/messages").json] == ["From"] * 5


def test_a_page_has_at_most_250_and_50_where_nothing_is_said(box: MailHogPeer) -> None:
    with smtplib.SMTP(box.host, box.smtp_port, timeout=30) as client:
        for number in range(260):
            client.sendmail(SENDER, RECIPIENT, a_text(f"Mail {number}"))

    assert box.messages()["count"] == 50
    assert box.messages(limit=1000)["count"] == 250
    assert box.messages(start=255, limit=1000)["count"] == 5
    assert len(box.ask("/v1/messages").json) == 260
    assert box.newest()["Content"]["Headers"]["Subject"] == ["Mail 259"]


def test_mails_are_found_by_sender_recipient_and_content(box: MailHogPeer) -> None:
    box.send(a_text("First", "Apples", to="Other <other@example.net>"), to=("bcc@example.org",))
    box.send(a_text("Second", "Pears"), sender="bounce@example.net")

    def found(kind: str, query: str) -> list[str]:
        items = box.search(kind, query)["items"]
        return [one["Content"]["Headers"]["Subject"][0] for one in items]

    assert found("to", "bcc@example.org") == ["First"]
    assert found("to", "OTHER@") == ["First"]
    assert found("to", "example") == ["Second", "First"]
    assert found("from", "bounce@example.net") == ["Second"]
    assert found("from", "Shop <") == ["Second", "First"]
    assert found("containing", "apples") == ["First"]
    assert found("containing", "SECOND") == ["Second"]
    assert found("containing", "nothing") == []
    assert found("from", "bcc@example.org") == []


def test_a_search_pages_too_and_says_what_it_cannot_do(box: MailHogPeer) -> None:
    for number in range(3):
        box.send(a_text(f"Mail {number}"))

    page = box.search("containing", "mail", start=1, limit=1)
    answer = box.ask("/v2/search", {"kind": "containing", "query": "mail"})

    assert (page["total"], page["count"], page["start"]) == (3, 1, 1)
    assert page["items"][0]["Content"]["Headers"]["Subject"] == ["Mail 1"]
    assert box.search("to", "ann", start=4) == {"total": 0, "count": 0, "start": 4, "items": []}
    assert answer.content_type == "application/json"
    assert box.ask("/v2/search", {"kind": "subject", "query": "x"}).status == 400
    assert box.ask("/v2/search", {"kind": "to"}).status == 400
    assert box.ask("/v2/search", {"query": "x"}).status == 400


def test_one_mail_is_read_by_its_id(box: MailHogPeer) -> None:
    box.send(a_text("One"))
    box.send(a_text("Two"))
    newest = box.newest()

    answer = box.ask(box.at(newest))

    assert (answer.status, answer.content_type) == (200, "text/json")
    assert answer.json == newest
    unknown = box.ask("/v1/messages/unknown@example.com")
    assert (unknown.status, unknown.json) == (200, None)


def test_one_mail_is_deleted_by_its_id(box: MailHogPeer) -> None:
    box.send(a_text("One"))
    box.send(a_text("Two"))
    newest = box.newest()

    gone = box.ask(box.at(newest), method="DELETE")
    again = box.ask(box.at(newest), method="DELETE")

    assert (gone.status, gone.content_type, gone.body) == (200, "text/json", b"")
    assert (again.status, again.body) == (500, b"")
    assert [one["Content"]["Headers"]["Subject"] for one in box.messages()["items"]] == [["One"]]


def test_all_mails_are_deleted_at_once(box: MailHogPeer) -> None:
    box.send(a_text("One"))
    box.send(a_text("Two"))

    gone = box.ask("/v1/messages", method="DELETE")

    assert (gone.status, gone.content_type, gone.body) == (200, "text/json", b"")
    assert box.messages()["total"] == 0


def test_a_mail_is_downloaded_whole(box: MailHogPeer) -> None:
    box.send(a_text(body="Größe\r\n.".encode().decode("utf-8")).encode())
    mail = box.newest()

    answer = box.ask(box.at(mail, "/download"))
    head, _, body = answer.body.partition(b"\r\n\r\n")

    assert (answer.status, answer.content_type) == (200, "message/rfc822")
    assert answer.headers["content-disposition"] == f'attachment; filename="{mail["ID"]}.eml"'
    assert body == "Größe\r\n.".encode()
    assert b"Subject: Hello" in head.split(b"\r\n")
    assert f"Return-Path: <{SENDER}>".encode() in head


def test_a_part_is_downloaded_and_base64_is_decoded(box: MailHogPeer) -> None:
    box.send(a_multipart())
    mail = box.newest()

    file = box.ask(box.at(mail, "/mime/part/1/download"))
    text = box.ask(box.at(mail, "/mime/part/0/download"))

    assert file.body == PDF
    assert file.status == 200
    assert file.content_type == "application/pdf"
    assert file.headers["content-disposition"] == 'attachment; filename="bill.pdf"'
    assert text.headers["content-disposition"] == f'attachment; filename="{mail["ID"]}-part-0"'
    assert b"<p>HTML</p>" in text.body


@pytest.mark.parametrize(
    "path",
    [
        "/v2/messages",
        "/v2/search",
        "/v1/messages",
        "/v1/messages/x",
        "/v1/messages/x/download",
        "/v1/messages/x/mime/part/0/download",
    ],
)
def test_a_browser_may_ask_what_is_allowed_and_no_origin_is(box: MailHogPeer, path: str) -> None:
    answer = box.ask(path, method="OPTIONS")

    assert (answer.status, answer.body) == (200, b"")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/v2/nothing", "/v3/messages", "/v1/messages/x/y", "/v2/jim"])
def test_what_is_not_there_is_404(box: MailHogPeer, path: str) -> None:
    assert box.ask(path).status == 404


def test_there_is_no_server_to_release_mails_to(box: MailHogPeer) -> None:
    answer = box.ask("/v2/outgoing-smtp")

    assert (answer.json, answer.content_type) == ({}, "application/json")
