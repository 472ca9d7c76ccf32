"""From the first packet to the greeting and the name we give: slow, old and mistaken relays."""

import asyncio
from typing import Self

import pytest

from adapters.channels.email.session import Session
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Auth, Security
from domain.errors import Unavailable
from tests.support.certificates import Certificate, throwaway_certificate
from tests.support.relays import SHORT, connect, verbs
from tests.support.smtp_server import Cut, Hang, Say, SmtpServer

LOGIN = {"username": "ann", "password": "s3cret"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return throwaway_certificate(tmp_path_factory.mktemp("tls"))


def test_field_5_2_the_name_that_is_set_is_the_name_that_is_given() -> None:
    server = SmtpServer()

    assert isinstance(connect(server, ehlo="mail.example.com"), Session)

    assert server.sessions[0].commands[0] == "EHLO mail.example.com"


def test_field_5_2_without_a_setting_the_name_has_a_dot_or_is_an_address() -> None:
    server = SmtpServer()

    connect(server)

    name = server.sessions[0].commands[0].removeprefix("EHLO ")
    assert "." in name
    assert "localhost" not in name


def test_field_5_2_a_name_refused_at_ehlo_names_the_setting() -> None:
    server = SmtpServer()
    server.on("helo", Say("550 5.7.1 <x>: Helo command rejected: need fully-qualified hostname"))

    error = connect(server)

    assert "DISPATCHER_EMAIL_EHLO" in str(error)


@pytest.mark.parametrize("reply", ["500 5.5.2 what?", "502 5.5.1 no", "504 no", "501 eh?"])
def test_field_5_6_a_relay_that_knows_no_ehlo_gets_helo(reply: str) -> None:
    server = SmtpServer()
    server.on("helo", Say(reply))

    session = connect(server, ehlo="mail.example.com")

    assert isinstance(session, Session)
    assert session.extensions == {}
    assert not session.pipelining
    assert server.sessions[0].commands[:2] == ["EHLO mail.example.com", "HELO mail.example.com"]


def test_field_5_6_a_relay_that_closes_on_ehlo_gets_helo_over_another_connection() -> None:
    server = SmtpServer()
    server.on("helo", Cut("500 5.5.2 what?"))

    session = connect(server, ehlo="mail.example.com")

    assert isinstance(session, Session)
    assert session.extensions == {}
    assert [one.commands[0] for one in server.sessions] == [
        "EHLO mail.example.com",
        "HELO mail.example.com",
    ]


def test_field_5_6_a_relay_that_closes_on_both_is_away() -> None:
    server = SmtpServer()
    server.on("helo", Cut("500 5.5.2 what?"))
    server.on("old helo", Cut())

    error = connect(server)

    assert isinstance(error, Unavailable)
    assert len(server.sessions) == 2


@pytest.mark.parametrize("action", [Say("500 5.5.2 what?"), Cut("500 5.5.2 what?")])
@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({"security": Security.STARTTLS}, "TLS"),
        (LOGIN, "a sign-in"),
        ({"username": "ann", "auth": Auth.XOAUTH2}, "a sign-in"),
    ],
)
def test_field_5_6_helo_is_never_said_where_tls_or_a_sign_in_is_asked_for(
    settings: dict[str, object], needed: str, action: Say | Cut
) -> None:
    server = SmtpServer()
    server.on("helo", action)

    error = connect(server, settings=settings)

    assert isinstance(error, Unavailable)
    assert f"asks for {needed}" in str(error)
    assert verbs(server) == ["EHLO"]


def test_field_5_6_an_ehlo_refused_after_starttls_gets_no_helo(certificate: Certificate) -> None:
    server = SmtpServer(starttls=certificate.server_context)
    server.on("helo", Say("500 5.5.2 what?"))
    server.on("helo", Say("250 scripted\nSTARTTLS"), times=1)

    error = connect(server, settings={"security": Security.STARTTLS}, ca_file=certificate.file)

    assert "asks for TLS" in str(error)
    assert "HELO" not in verbs(server)


def test_field_5_8_a_late_greeting_is_waited_for_and_the_log_says_so() -> None:
    server = SmtpServer()
    server.on("connect", Say("220 at last", delay=1.0))
    hints: list[str] = []

    session = connect(server, on_late=lambda _server, hint: hints.append(hint))

    assert isinstance(session, Session)
    [hint] = hints
    assert "no greeting within 0.2 s" in hint
    assert "smtps://" in hint


def test_field_5_8_a_second_connection_is_tried_and_the_first_to_be_greeted_is_taken() -> None:
    server = SmtpServer()
    server.on("connect", Hang(), times=1)

    session = connect(server)

    assert isinstance(session, Session)
    greeted = [one.number for one in server.sessions if "QUIT" in one.commands]
    assert len(greeted) == 1
    assert greeted[0] > 0


def test_field_5_8_a_second_connection_that_fails_does_not_end_the_wait_for_the_first() -> None:
    server = SmtpServer()
    server.on("connect", Cut("421 4.7.0 too many connections"))
    server.on("connect", Say("220 at last", delay=0.8), times=1)

    assert isinstance(connect(server), Session)


def test_field_5_8_a_greeting_that_never_comes_ends_after_the_limit() -> None:
    server = SmtpServer()
    server.on("connect", Hang())

    error = connect(server, timeouts=Timeouts(connect=1, late=0.1, greeting=0.5))

    assert isinstance(error, Unavailable)
    assert error.safe_to_repeat
    assert "no greeting within 0.5 s" in str(error)


def test_field_5_8_the_greeting_has_the_five_minutes_of_the_standard() -> None:
    assert Timeouts().greeting == 300
    assert Timeouts().late == 10


def test_field_5_8_pipelining_can_be_turned_off() -> None:
    session = connect(SmtpServer(), settings={"pipelining": False})

    assert isinstance(session, Session)
    assert not session.pipelining


@pytest.mark.parametrize("security", [Security.CLEAR, Security.STARTTLS])
def test_field_5_15_a_port_that_wants_tls_at_once_is_recognised(
    certificate: Certificate, security: Security
) -> None:
    server = SmtpServer(tls=certificate.server_context)

    error = connect(server, settings={"security": security}, ca_file=certificate.file)

    assert isinstance(error, Unavailable)
    assert "write smtps://" in str(error)
    assert "DISPATCHER_EMAIL_URL" in str(error)


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x0a\r\n", "smtps://"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SMTP"),
        (b"* OK IMAP4rev1 ready\r\n", "does not speak SMTP"),
    ],
)
def test_field_5_15_a_port_that_speaks_something_else_names_the_scheme_and_the_port(
    greeting: bytes, words: str
) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    class Odd(SmtpServer):
        async def __aenter__(self) -> Self:
            self._server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
            return self

    error = connect(Odd())

    assert words in str(error)
    assert "smtps://" in str(error)


def test_field_5_15_tls_spoken_to_a_port_in_clear_names_the_other_schemes() -> None:
    error = connect(SmtpServer(), settings={"security": Security.TLS})

    assert "smtp+starttls://" in str(error)
    assert "in place of smtps://" in str(error)


def test_the_wait_in_a_hurry_ends_when_the_greeting_is_late() -> None:
    server = SmtpServer()
    server.on("connect", Hang())

    error = connect(server, timeouts=SHORT, in_hurry=lambda: True)

    assert "no greeting within 0.2 s" in str(error)
    assert len(server.sessions) == 1
