"""The mailbox takes every mail, from whomever, and keeps its very bytes."""

import asyncio
import base64
import smtplib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from entrypoints.mailbox.envelope import ArrivedMail, MailKeeper, read_arrived
from entrypoints.mailbox.smtp import LARGEST, serve_smtp

SENDER, RECIPIENT = "shop@example.com", "ann@example.com"


@contextmanager
def a_server(keep: Callable[[ArrivedMail], str]) -> Iterator[int]:
    """A server on a thread of its own; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop, is_up = asyncio.new_event_loop(), Event()

    async def serve() -> None:
        server = await serve_smtp(listener, keep)
        loop.call_soon(is_up.set)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    task = loop.create_task(serve())

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        for left in asyncio.all_tasks(loop):
            left.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = Thread(target=run)
    thread.start()
    assert is_up.wait(10)
    try:
        yield listener.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


@pytest.fixture
def mails() -> list[ArrivedMail]:
    return []


@pytest.fixture
def client(mails: list[ArrivedMail]) -> Iterator[smtplib.SMTP]:
    def keep(mail: ArrivedMail) -> str:
        mails.append(mail)
        return f"mail-{len(mails)}"

    with a_server(keep) as port, smtplib.SMTP("127.0.0.1", port, "client", timeout=30) as client:
        client.ehlo()
        yield client


def test_it_says_what_it_takes(client: smtplib.SMTP) -> None:
    assert client.has_extn("8bitmime")
    assert client.has_extn("smtputf8")
    assert client.has_extn("pipelining")
    assert client.esmtp_features["size"] == str(LARGEST)
    assert {"PLAIN", "LOGIN", "CRAM-MD5"} <= set(client.esmtp_features["auth"].split())


@pytest.mark.parametrize("method", ["CRAM-MD5", "PLAIN", "LOGIN"])
def test_every_password_of_every_method_is_right(client: smtplib.SMTP, method: str) -> None:
    client.esmtp_features["auth"] = method

    assert client.login("anyone", "anything")[0] == 235


def test_a_method_that_it_does_not_know_is_right_too(client: smtplib.SMTP) -> None:
    token = base64.b64encode(b"user=a\1auth=Bearer b\1\1").decode()

    assert client.docmd("AUTH", f"XOAUTH2 {token}")[0] == 235
    assert client.docmd("AUTH", "SCRAM-SHA-256")[0] == 334
    assert client.docmd("biwsbj1h")[0] == 235
    assert client.docmd("AUTH", "LOGIN")[0] == 334
    assert client.docmd("*")[0] == 501


def test_an_empty_sender_and_an_empty_mail_are_taken(
    client: smtplib.SMTP, mails: list[ArrivedMail]
) -> None:
    client.sendmail("", [RECIPIENT], b"")
    client.sendmail(SENDER, [RECIPIENT], b".\r\n")

    assert [mail.envelope.sender for mail in mails] == [b"", SENDER.encode()]
    assert [mail.data for mail in mails] == [b"", b"."]


def test_addresses_beyond_ascii_are_taken(client: smtplib.SMTP, mails: list[ArrivedMail]) -> None:
    options = ["SMTPUTF8", "BODY=8BITMIME"]
    client.sendmail("grüße@exämple.com", ["用户@例え.jp"], "Größe\r\n".encode(), options)

    [mail] = mails
    assert mail.envelope.sender.decode() == "grüße@exämple.com"
    assert [one.decode() for one in mail.envelope.recipients] == ["用户@例え.jp"]
    assert mail.data == "Größe".encode()


def test_a_mail_that_says_it_is_too_large_is_refused_and_the_next_is_taken(
    client: smtplib.SMTP, mails: list[ArrivedMail]
) -> None:
    assert client.docmd("MAIL", f"FROM:<{SENDER}> SIZE={LARGEST + 1}")[0] == 552
    client.sendmail(SENDER, [RECIPIENT], b"small")

    assert [mail.data for mail in mails] == [b"small"]


def test_a_large_mail_is_taken_whole(client: smtplib.SMTP, mails: list[ArrivedMail]) -> None:
    data = b"\r\n".join([b"x" * 76] * 40_000)
    client.sendmail(SENDER, [RECIPIENT], data)

    assert mails[0].data == data


def test_one_connection_sends_many_each_with_its_own_recipients(
    client: smtplib.SMTP, mails: list[ArrivedMail]
) -> None:
    client.sendmail(SENDER, ["a@example.com", "b@example.com"], b"1")
    client.sendmail(SENDER, ["c@example.com"], b"2")

    assert [len(mail.envelope.recipients) for mail in mails] == [2, 1]
    assert [mail.envelope.helo for mail in mails] == [b"client", b"client"]


def test_a_dot_after_a_bare_line_feed_ends_no_mail(
    client: smtplib.SMTP, mails: list[ArrivedMail]
) -> None:
    client.docmd("MAIL", f"FROM:<{SENDER}>")
    client.docmd("RCPT", f"TO:<{RECIPIENT}>")
    client.docmd("DATA")
    client.send(b"one\n.\r\nMAIL FROM:<evil@example.com>\r\n.\r\n")

    assert client.getreply()[0] == 250
    assert mails[0].data == b"one\n.\r\nMAIL FROM:<evil@example.com>"


def test_a_mail_that_cannot_be_kept_is_not_accepted() -> None:
    def keep(_mail: ArrivedMail) -> str:
        raise OSError(28, "No space left on device")

    with (
        a_server(keep) as port,
        smtplib.SMTP("127.0.0.1", port, timeout=30) as client,
        pytest.raises(smtplib.SMTPDataError) as refused,
    ):
        client.sendmail(SENDER, [RECIPIENT], b"x")

    assert refused.value.smtp_code == 452


def test_a_client_that_goes_in_the_middle_leaves_no_mail(
    client: smtplib.SMTP, mails: list[ArrivedMail]
) -> None:
    assert client.sock is not None
    port = client.sock.getpeername()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as other:
        other.sendall(f"EHLO a\r\nMAIL FROM:<{SENDER}>\r\nDATA\r\nhalf a ma".encode())
        other.shutdown(socket.SHUT_WR)
        while other.recv(4096):
            pass
    client.sendmail(SENDER, [RECIPIENT], b"whole")

    assert [mail.data for mail in mails] == [b"whole"]


def test_a_kept_mail_is_read_back_byte_for_byte(
    client: smtplib.SMTP, mails: list[ArrivedMail], tmp_path: Path
) -> None:
    client.sendmail(SENDER, [RECIPIENT, "b@example.com"], b"X: y\r\n\r\nbare\rcr \xff\x00")
    keeper = MailKeeper(tmp_path)

    path = keeper.keep(mails[0])

    assert read_arrived(path.read_bytes()) == mails[0]
    assert path.parent.name == "new"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_each_kept_mail_is_younger_than_the_one_before(tmp_path: Path) -> None:
    keeper, mail = MailKeeper(tmp_path), read_arrived(b"Return-Path: <a@b>\nSubject: x\n\ny\n")

    times = [keeper.keep(mail).stat().st_mtime_ns for _ in range(50)]

    assert times == sorted(set(times))
