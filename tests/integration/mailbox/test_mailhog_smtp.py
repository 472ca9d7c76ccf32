"""Tests of a project that was written for MailHog pass over `dispatcher mailbox`: SMTP."""

import smtplib

from tests.support.mailhog_peer import (
    RECIPIENT,
    SENDER,
    MailHogPeer,
    a_text,
    read_all,
)


def test_dots_at_the_begin_of_lines_arrive_as_they_were(box: MailHogPeer) -> None:
    body = ".\r\n..two\r\n.one\r\nend.\r\n...\r\n"
    box.send(a_text(body=body + "last"))

    assert box.newest()["Content"]["Body"] == body + "last"


def test_any_password_is_right(box: MailHogPeer) -> None:
    with smtplib.SMTP(box.host, box.smtp_port, timeout=30) as client:
        client.ehlo()
        client.user, client.password = "anyone", "anything"
        assert client.auth("PLAIN", client.auth_plain)[0] == 235
        assert client.auth("LOGIN", client.auth_login, initial_response_ok=False)[0] == 235
        assert client.auth("CRAM-MD5", client.auth_cram_md5)[0] == 235
        client.sendmail(SENDER, RECIPIENT, a_text())

    assert box.messages()["total"] == 1


def test_commands_may_come_together(box: MailHogPeer) -> None:
    with box.conversation() as client:
        lines = ["EHLO a", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{RECIPIENT}>", "DATA"]
        client.sendall("\r\n".join([*lines, f"{a_text()}.", "QUIT", ""]).encode())
        codes = [line[:4] for line in read_all(client).splitlines() if line[3:4] == b" "]

    assert codes == [b"220 ", b"250 ", b"250 ", b"250 ", b"354 ", b"250 ", b"221 "]
    assert box.messages()["total"] == 1


def test_replies_have_mailhog_s_codes(box: MailHogPeer) -> None:
    with smtplib.SMTP(box.host, box.smtp_port, timeout=30) as client:
        assert client.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 500
        assert client.helo("a") == (250, b"Hello a")
        assert client.docmd("VRFY", "ann")[0] == 500
        assert client.docmd("RCPT", f"TO:<{RECIPIENT}>")[0] == 500
        assert client.docmd("MAIL", "shop")[0] == 550
        assert client.docmd("MAIL", f"FROM: <{SENDER}>") == (250, b"Sender shop@example.com ok")
        assert client.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 500
        assert client.docmd("RCPT", "TO:ann")[0] == 550
        assert client.docmd("RCPT", f"TO:<{RECIPIENT}>") == (250, b"Recipient ann@example.com ok")
        assert client.docmd("NOOP") == (250, b"Ok")
        assert client.docmd("RSET") == (250, b"Ok")
        assert client.docmd("RCPT", f"TO:<{RECIPIENT}>")[0] == 500
        assert client.docmd("STARTTLS")[0] == 500
        assert client.quit() == (221, b"Bye")


def test_eight_bits_and_long_lines_arrive(box: MailHogPeer) -> None:
    text = "Größe €\r\n" + "x" * 200_000
    box.send(a_text(body=text).encode())

    mail = box.newest()

    assert mail["Content"]["Body"] == text
    assert mail["Content"]["Size"] == len(a_text(body=text).encode()) - 2


def test_bytes_that_are_no_utf_8_are_marked_one_by_one(box: MailHogPeer) -> None:
    box.send(b"Subject: x\r\n\r\n\xff\xe2\x82 caf\xe9\r\n")

    assert box.newest()["Content"]["Body"] == "\ufffd\ufffd\ufffd caf\ufffd"


def test_a_route_in_an_address_is_apart(box: MailHogPeer) -> None:
    with box.conversation() as client:
        lines = ["EHLO a", "MAIL FROM:<@a.example,@b.example:shop@example.com> BODY=8BITMIME"]
        lines += [f"RCPT TO:<{RECIPIENT}>", "DATA", "text", ".", "QUIT", ""]
        client.sendall("\r\n".join(lines).encode())
        read_all(client)

    assert box.newest()["From"] == {
        "Relays": ["@a.example", "@b.example"],
        "Mailbox": "shop",
        "Domain": "example.com",
        "Params": "",
    }
