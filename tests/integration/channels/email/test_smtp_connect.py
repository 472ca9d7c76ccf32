"""The way to a usable connection: TLS, signing in, and what an operator reads when it fails."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import Security, SmtpSettings
from adapters.channels.shared.blips import BlipTolerantNotifier
from domain.content import Content
from domain.errors import Unavailable
from domain.ports import Notifier
from tests.fakes import a_notification
from tests.support.certificates import Certificate, throwaway_certificate
from tests.support.smtp_server import Cut, Hang, Say, SmtpServer

CONTENT = Content(subject="Hello", parts={"text": "Hi."})
PASSWORD = "s3cret-Sentinel"
SCHEMES = pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return throwaway_certificate(tmp_path_factory.mktemp("tls"))


def secured(certificate: Certificate, security: Security, **options: Any) -> SmtpServer:
    context = certificate.server_context
    if security is Security.TLS:
        return SmtpServer(tls=context, **options)
    return SmtpServer(starttls=context, **options)


def send_to(
    server: SmtpServer,
    security: Security = Security.CLEAR,
    *,
    host: str = "127.0.0.1",
    ca_file: Path | None = None,
    username: str | None = None,
    password: str | None = None,
    blips: bool = False,
    **options: Any,
) -> Unavailable | None:
    """Send one mail; what went wrong, if it did."""

    async def main() -> Unavailable | None:
        async with server:
            settings = SmtpSettings(
                host=host,
                port=server.port,
                security=security,
                username=username,
                password=password,
                **options,
            )
            timeouts = Timeouts(connect=1, greeting=1, command=1, final=1)
            notifier: Notifier = SmtpNotifier(settings, ca_file=ca_file, timeouts=timeouts)
            if blips:
                notifier = BlipTolerantNotifier(notifier, first_wait=0.01)
            notification = a_notification()
            try:
                await notifier.notify(notification, CONTENT, notification.recipients)
            except Unavailable as error:
                return error
            finally:
                await notifier.close()
            return None

    return asyncio.run(main())


@SCHEMES
def test_mail_goes_over_tls_with_a_trusted_certificate(
    certificate: Certificate, security: Security
) -> None:
    server = secured(certificate, security)

    assert send_to(server, security, ca_file=certificate.file) is None

    assert len(server.accepted) == 1
    assert server.sessions[0].tls


@SCHEMES
def test_a_certificate_nobody_vouches_for_is_refused_and_the_text_says_what_to_check(
    certificate: Certificate, security: Security
) -> None:
    server = secured(certificate, security)

    error = send_to(server, security)

    assert error is not None
    assert not error.safe_to_repeat
    assert "DISPATCHER_EMAIL_CA_FILE" in str(error)
    assert server.accepted == []


@SCHEMES
def test_a_certificate_for_another_host_is_refused(tmp_path: Path, security: Security) -> None:
    other = throwaway_certificate(tmp_path, names="DNS:mail.example.com")

    error = send_to(secured(other, security), security, ca_file=other.file)

    assert error is not None
    assert "certificate is not trusted" in str(error)


def test_a_server_without_starttls_gets_no_mail_in_clear() -> None:
    server = SmtpServer(users={"ann": PASSWORD})

    error = send_to(server, Security.STARTTLS, username="ann", password=PASSWORD)

    assert error is not None
    assert not error.safe_to_repeat
    assert "STARTTLS" in str(error)
    assert [c.split()[0] for c in server.sessions[0].commands] == ["EHLO"]


def test_tls_spoken_to_a_server_in_clear_names_the_scheme() -> None:
    error = send_to(SmtpServer(), Security.TLS)

    assert error is not None
    assert "check the scheme" in str(error)


@pytest.mark.parametrize("methods", ["PLAIN", "LOGIN", "PLAIN LOGIN CRAM-MD5"])
def test_it_signs_in_with_what_the_server_offers(methods: str) -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth=methods)

    assert send_to(server, username="ann", password=PASSWORD) is None

    assert server.sessions[0].user == "ann"


def test_a_wrong_password_is_tried_once_and_never_repeated_in_the_error() -> None:
    server = SmtpServer(users={"ann": "another"})
    server.on("badauth", Say(f"535 5.7.8 no such password: {PASSWORD}"))

    error = send_to(server, username="ann", password=PASSWORD, blips=True)

    assert error is not None
    assert not error.safe_to_repeat
    assert "535 5.7.8" in str(error)
    assert "DISPATCHER_EMAIL_URL" in str(error)
    assert sum(c.startswith("AUTH") for s in server.sessions for c in s.commands) == 1
    seen = [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
    assert not any(PASSWORD in text for text in seen)


def test_a_server_that_wants_us_to_sign_in_is_unavailable_not_the_mail_at_fault() -> None:
    error = send_to(SmtpServer(users={"ann": PASSWORD}))

    assert error is not None
    assert "530 5.7.0" in str(error)


def test_a_passing_fault_while_signing_in_asks_for_no_new_password() -> None:
    server = SmtpServer(users={"ann": PASSWORD})
    server.on("auth", Say("454 4.7.0 temporary authentication failure"))

    error = send_to(server, username="ann", password=PASSWORD)

    assert error is not None
    assert "at the moment" in str(error)


def test_a_refused_connection_is_worth_another_try() -> None:
    server = SmtpServer()
    server.on("connect", Cut(), times=2)

    assert send_to(server, blips=True) is None

    assert len(server.accepted) == 1
    assert len(server.sessions) == 3


def test_nobody_listening_is_unavailable_and_safe_to_repeat() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def main() -> None:
        notifier = SmtpNotifier(SmtpSettings(host="127.0.0.1", port=port))
        notification = a_notification()
        with pytest.raises(Unavailable) as caught:
            await notifier.notify(notification, CONTENT, notification.recipients)
        assert caught.value.safe_to_repeat
        assert f"127.0.0.1:{port}" in str(caught.value)

    asyncio.run(main())


def test_a_host_that_does_not_resolve_is_unavailable() -> None:
    error = send_to(SmtpServer(), host="no-such-host.invalid")

    assert error is not None
    assert "no-such-host.invalid" in str(error)


@pytest.mark.parametrize(
    ("phase", "words"),
    [("connect", "no greeting within 1 s"), ("helo", "no answer within 1 s")],
)
def test_a_server_that_never_answers_is_given_up_in_time(phase: str, words: str) -> None:
    server = SmtpServer()
    server.on(phase, Hang())

    error = send_to(server)

    assert error is not None
    assert error.safe_to_repeat
    assert words in str(error)


def test_a_refused_ehlo_is_unavailable() -> None:
    server = SmtpServer()
    server.on("helo", Say("550 5.7.1 not you"))

    error = send_to(server)

    assert error is not None
    assert "550 5.7.1 not you" in str(error)


def test_a_farewell_that_comes_with_the_greeting_is_not_lost_on_the_way() -> None:
    server = SmtpServer()
    server.on("helo", Say("250 scripted\r\n421 4.3.2 going down"))

    error = send_to(server)

    assert error is not None
    assert error.safe_to_repeat
    assert "421 4.3.2 going down" in str(error)
    assert server.accepted == []


def test_a_second_greeting_answers_no_command() -> None:
    server = SmtpServer()
    server.on("connect", Say("220 scripted\r\n220 scripted again"))

    assert send_to(server) is None

    assert len(server.accepted) == 1


@pytest.mark.parametrize("more", ["550 5.0.0 slipped in", "250-slipped in\n"])
def test_what_is_slipped_in_before_the_tls_handshake_is_never_read(
    certificate: Certificate, more: str
) -> None:
    server = SmtpServer(starttls=certificate.server_context)
    server.on("starttls", Say(f"220 go ahead\r\n{more}"))

    error = send_to(server, Security.STARTTLS, ca_file=certificate.file)

    assert error is None
    assert server.sessions[0].tls
    assert len(server.accepted) == 1


@pytest.mark.parametrize("more", ["421 4.3.2 closing", "no reply at all"])
def test_an_end_that_comes_with_the_consent_to_tls(certificate: Certificate, more: str) -> None:
    server = SmtpServer(starttls=certificate.server_context)
    server.on("starttls", Say(f"220 go ahead\r\n{more}"))

    with pytest.raises(Unavailable, match=more):
        raise send_to(server, Security.STARTTLS, ca_file=certificate.file) or AssertionError


def test_a_file_that_holds_no_certificates_is_named_at_once(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    settings = SmtpSettings(host="127.0.0.1", port=465, security=Security.TLS)

    with pytest.raises(ValueError, match=r"DISPATCHER_EMAIL_CA_FILE: .*ca\.pem"):
        SmtpNotifier(settings, ca_file=empty)
