"""What reaches the server: envelope, extensions and bytes."""

import asyncio
from email import message_from_bytes, policy

import pytest
from structlog.testing import capture_logs

from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.url import SmtpSettings
from domain.content import Content
from domain.errors import (
    FailureReason,
    NotYet,
    Permanent,
)
from domain.notification import Recipient
from tests.fakes import a_notification, recipients
from tests.support.smtp_sending import BOTH, PATIENT, assert_permanent, send, with_server
from tests.support.smtp_server import (
    Say,
    SmtpServer,
)


@BOTH
def test_a_mail_arrives_as_it_was_written(extensions: tuple[str, ...]) -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        answers = await send(notifier)

        assert answers == {"ann@example.com": None}
        mail = message_from_bytes(server.accepted[0].data, policy=policy.default)
        assert mail["Subject"] == "Hello"
        assert mail.get_content().replace("\r\n", "\n") == "Hi.\n.dot\n"
        assert server.accepted[0].recipients == ("ann@example.com",)

    with_server(body, server=SmtpServer(extensions=extensions))


def test_bcc_is_served_and_never_shown() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        notification = a_notification(
            cc=a_notification(to="cc@example.com").to, bcc=a_notification(to="bcc@example.com").to
        )

        answers = await send(notifier, notification)

        assert list(answers.values()) == [None] * 3
        assert "bcc@example.com" in server.accepted[0].recipients
        assert b"bcc@example.com" not in server.accepted[0].data

    with_server(body)


def test_a_big_mail_passes_a_slow_reader_whole() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        text = ".".join("z" * 70 + "\n" for _ in range(60_000))

        assert await send(notifier, content=Content(parts={"text": text})) == {
            "ann@example.com": None
        }

        mail = message_from_bytes(server.accepted[0].data, policy=policy.default)
        assert mail.get_content().replace("\r\n", "\n") == text

    with_server(body)


def test_five_hundred_recipients_go_in_one_group_each_with_its_own_answer() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        addresses = [f"user{n}@example.com" for n in range(500)]
        for n in range(100, 500):
            server.on("rcpt", Say("452 4.5.3 too many"), address=f"<user{n}@example.com>")

        answers = await send(notifier, a_notification(to=addresses))

        assert [answers[a] for a in addresses[:100]] == [None] * 100
        assert all(isinstance(answers[a], NotYet) for a in addresses[100:])
        assert server.deliveries == addresses[:100]

    with_server(body)


def test_two_spellings_of_one_address_get_one_mail_and_both_an_answer() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        answers = await send(
            notifier, a_notification(to=["ann@bücher.example", "ann@xn--bcher-kva.example"])
        )

        assert list(answers.values()) == [None, None]
        assert server.deliveries == ["ann@xn--bcher-kva.example"]

    with_server(body)


def test_a_mail_above_the_servers_size_is_refused_before_it_is_offered() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        answer_error = None
        try:
            await send(notifier, content=Content(parts={"text": "x\n" * 2000}))
        except Permanent as error:
            answer_error = error

        assert_permanent(answer_error, FailureReason.CONTENT_REFUSED)
        assert not any(c.startswith("MAIL") for c in server.sessions[0].commands)
        assert await send(notifier) == {"ann@example.com": None}

    with_server(body, server=SmtpServer(extensions=("SIZE 2000",)))


def test_eight_bit_text_goes_as_it_is_only_where_that_is_offered() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        await send(notifier, content=Content(parts={"text": "Größe\n"}))
        server.extensions = ()
        server.drop_connections()
        await send(notifier, content=Content(parts={"text": "Größe\n"}))

        first, second = server.accepted
        assert "BODY=8BITMIME" in first.parameters
        assert "Größe".encode() in first.data
        assert second.parameters == ""
        assert second.data.isascii()

    with_server(body)


def test_field_5_18_eight_bit_text_can_be_turned_off() -> None:
    async def main() -> None:
        async with SmtpServer() as server:
            settings = SmtpSettings(host="127.0.0.1", port=server.port, eight_bit=False)
            notifier = SmtpNotifier(settings, timeouts=PATIENT)
            await send(notifier, content=Content(parts={"text": "Größe\n", "html": "<p>Größe"}))
            await notifier.close()

            [mail] = server.accepted
            assert "BODY" not in mail.parameters
            assert mail.data.isascii()
            assert b"quoted-printable" in mail.data

    asyncio.run(main())


def test_field_5_16_a_reply_address_that_cannot_be_carried_is_reported() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        mail = a_notification(reply_to=recipients("jürgen@example.com", "ann@example.com"))
        with capture_logs() as lines:
            assert set((await send(notifier, mail)).values()) == {None}
            assert lines == []
            server.extensions = ("PIPELINING",)
            server.drop_connections()
            assert set((await send(notifier, mail)).values()) == {None}

        first, second = server.accepted
        assert "jürgen@example.com".encode() in first.data
        assert b"Reply-To: ann@example.com" in second.data
        [line] = lines
        assert line["event"] == "reply address left out"
        assert line["id"] == mail.id
        assert "reply_to" in line["detail"]
        assert "SMTPUTF8" in line["detail"]

    with_server(body)


def test_an_address_that_needs_smtputf8_is_served_only_where_that_is_offered() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        both = a_notification(to=["jürgen@example.com", "ann@example.com"])
        first = await send(notifier, both)
        server.extensions = ("PIPELINING",)
        server.drop_connections()
        second = await send(notifier, both)

        assert first == {"jürgen@example.com": None, "ann@example.com": None}
        assert "SMTPUTF8" in server.accepted[0].parameters
        assert server.accepted[0].recipients == ("jürgen@example.com", "ann@example.com")
        assert_permanent(second["jürgen@example.com"], FailureReason.RECIPIENT_INVALID)
        assert "SMTPUTF8" in str(second["jürgen@example.com"])
        assert second["ann@example.com"] is None
        assert server.accepted[1].data.isascii()

    with_server(body)


def test_field_6_5_the_envelope_sender_is_told_to_the_server_and_the_from_stays() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        bounces = Recipient(name="Bounces", address="bounces+7@example.org")

        assert await send(notifier, a_notification(envelope_from=bounces)) == {
            "ann@example.com": None
        }

        assert server.accepted[0].sender == "bounces+7@example.org"
        mail = message_from_bytes(server.accepted[0].data, policy=policy.default)
        assert mail["From"] == "shop@example.com"
        assert "bounces" not in str(mail)

    with_server(body)


def test_field_6_5_an_envelope_sender_outside_ascii_needs_smtputf8() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        mail = a_notification(envelope_from=Recipient(address="rückläufer@example.org"))
        first = await send(notifier, mail)
        server.extensions = ("PIPELINING", "8BITMIME")
        server.drop_connections()
        with pytest.raises(Permanent, match=r"^envelope_from: .*SMTPUTF8") as caught:
            await send(notifier, mail)

        assert caught.value.reason is FailureReason.SENDER_REFUSED
        assert first == {"ann@example.com": None}
        assert server.accepted[0].sender == "rückläufer@example.org"
        assert "SMTPUTF8" in server.accepted[0].parameters

    with_server(body)


def test_field_7_10_stray_dots_reach_the_server_in_the_quoted_form() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        answers = await send(notifier, a_notification(to="a..b@carrier.example"))

        assert answers == {"a..b@carrier.example": None}
        assert server.accepted[0].recipients == ('"a..b"@carrier.example',)

    with_server(body)
