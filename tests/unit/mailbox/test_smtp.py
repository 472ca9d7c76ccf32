"""The mailbox takes every mail, from whomever, and keeps its very bytes."""

import asyncio
import base64
import smtplib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from entrypoints.mailbox.envelope import ArrivedMail, MailKeeper, read_arrived
from entrypoints.mailbox.smtp import LARGEST, serve_smtp

SENDER, RECIPIENT = "shop@example.com", "ann@example.com"


@contextmanager
def a_server(keep: Callable[[ArrivedMail], Awaitable[str]], patience: float = 300) -> Iterator[int]:
    """A server on a thread of its own; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop, is_up = asyncio.new_event_loop(), Event()

    async def serve() -> None:
        server = await serve_smtp(listener, keep, patience)
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
    async def keep(mail: ArrivedMail) -> str:
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
    async def keep(_mail: ArrivedMail) -> str:
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
    keeper = MailKeeper(tmp_path, 9)

    path = keeper.keep(mails[0])

    assert read_arrived(path.read_bytes()) == mails[0]
    assert path.parent.name == "new"
    assert list((tmp_path / "tmp").iterdir()) == []


def said_to(client: smtplib.SMTP, *pieces: bytes) -> bytes:
    """All that another client is answered until the connection is closed."""
    assert client.sock is not None
    found = b""
    with socket.create_connection(client.sock.getpeername(), timeout=30) as other:
        for piece in pieces:
            other.sendall(piece)
        try:
            while piece := other.recv(4096):
                found += piece
        except ConnectionResetError:
            pass  # what was not read any more
    return found


@pytest.mark.parametrize("method", ["POST", "post", "PUT", "GET", "OPTIONS"])
def test_a_web_page_writes_no_mail(
    client: smtplib.SMTP, mails: list[ArrivedMail], method: str
) -> None:
    mail = f"EHLO a\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"
    head = f"{method} / HTTP/1.1\r\nHost: 127.0.0.1:1025\r\nContent-Type: text/plain\r\n\r\n"

    assert b"421 " in said_to(client, (head + mail).encode())
    client.sendmail(SENDER, [RECIPIENT], b"mine")

    assert [mail.data for mail in mails] == [b"mine"]


def test_who_says_many_things_that_are_no_commands_is_cut(client: smtplib.SMTP) -> None:
    answers = said_to(client, b"WHAT\r\n" * 40).splitlines()

    assert answers.count(b"500 Unrecognised command") == 20
    assert answers[-1].startswith(b"421 ")


def test_a_slow_client_is_waited_for_and_a_silent_one_is_not(mails: list[ArrivedMail]) -> None:
    async def keep(mail: ArrivedMail) -> str:
        mails.append(mail)
        return "mail"

    pieces = [b"EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n", *[b"x" * 9] * 8]
    with (
        a_server(keep, patience=0.4) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as slow,
    ):
        for piece in (*pieces, b"\r\n.\r\n"):
            slow.sendall(piece)
            time.sleep(0.1)
        said = b""
        while piece := slow.recv(4096):
            said += piece

    assert [mail.data for mail in mails] == [b"x" * 72]
    assert b"250 Ok: queued as mail" in said
    assert said.splitlines()[-1].startswith(b"421 ")


def test_a_mail_that_grows_too_large_is_refused_at_its_end_and_not_held(
    client: smtplib.SMTP, mails: list[ArrivedMail]
) -> None:
    client.docmd("MAIL", f"FROM:<{SENDER}>")
    client.docmd("RCPT", f"TO:<{RECIPIENT}>")
    client.docmd("DATA")
    for _ in range(LARGEST // 2**20 + 2):
        client.send(b"x" * 2**20)
    client.send(b"\r\n.\r\n")

    assert client.getreply()[0] == 552
    client.sendmail(SENDER, [RECIPIENT], b"..small\r\n..\r\n.")
    assert [mail.data for mail in mails] == [b"..small\r\n..\r\n."]


def test_a_command_without_an_end_is_not_held(client: smtplib.SMTP) -> None:
    assert said_to(client, b"x" * 300_000).count(b"\n") == 1


def test_pipelined_commands_and_mails_are_read_apart(
    client: smtplib.SMTP, mails: list[ArrivedMail]
) -> None:
    mail = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n%s.\r\n"
    whole = "EHLO a\r\n" + mail % "one\r\n" + mail % "" + mail % "..\r\n" + "QUIT\r\n"

    assert said_to(client, whole.encode()).endswith(b"221 Bye\r\n")
    assert [mail.data for mail in mails] == [b"one", b"", b"."]
