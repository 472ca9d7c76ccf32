"""Signing in with a password: the dialogues that relays lead."""

from base64 import b64decode, b64encode

import pytest

from adapters.channels.email.session import Session
from adapters.channels.email.url import Auth
from domain.errors import Unavailable
from tests.support.relays import connect
from tests.support.smtp_server import Say, SmtpServer

PASSWORD = "s3cret-Sentinel"
LOGIN = {"username": "ann", "password": PASSWORD}
USER, PASS = "VXNlcm5hbWU6", "UGFzc3dvcmQ6"


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def spoken(server: SmtpServer) -> str:
    """Everything that was said, decoded where it is base64."""
    words = []
    for command in server.sessions[0].commands:
        for word in command.split():
            words.append(word)
            try:
                words.append(b64decode(word, validate=True).decode("utf-8", "replace"))
            except ValueError:
                continue
    return " ".join(words)


@pytest.mark.parametrize(
    "prompts",
    [
        (USER, PASS),
        ("VXNlciBOYW1lAA==", "UGFzc3dvcmQA"),
        ("Username:", "Password:"),
        ("", ""),
        ("QmVudXR6ZXI6", "S2VubndvcnQ6"),
    ],
)
def test_field_5_7_login_goes_without_an_initial_response(prompts: tuple[str, str]) -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth="LOGIN", login_prompts=prompts)

    assert isinstance(connect(server, settings=LOGIN), Session)

    assert server.sessions[0].user == "ann"
    assert "AUTH LOGIN" in server.sessions[0].commands


@pytest.mark.parametrize("prompts", [(USER, USER), (PASS, USER), (PASS, PASS), ("", USER)])
def test_field_5_7_a_password_is_never_sent_where_something_else_is_asked(
    prompts: tuple[str, str],
) -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth="LOGIN", login_prompts=prompts)

    error = connect(server, settings=LOGIN)

    assert isinstance(error, Unavailable)
    assert "the password was not sent" in str(error)
    assert PASSWORD not in spoken(server)
    assert "*" in server.sessions[0].commands


def test_field_5_7_a_relay_that_takes_only_tokens_says_what_to_set() -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth="XOAUTH2")

    error = connect(server, settings=LOGIN)

    assert "?auth=xoauth2" in str(error)
    assert "DISPATCHER_EMAIL_OAUTH2_" in str(error)
    assert PASSWORD not in spoken(server)


def test_a_method_that_is_asked_for_is_the_only_one_tried() -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth="PLAIN LOGIN")

    assert isinstance(connect(server, settings={**LOGIN, "auth": Auth.LOGIN}), Session)

    assert not any("PLAIN" in command for command in server.sessions[0].commands)


def test_a_method_that_is_asked_for_and_not_offered_is_named() -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth="PLAIN")

    error = connect(server, settings={**LOGIN, "auth": Auth.CRAM_MD5})

    assert "offers PLAIN" in str(error)
    assert "?auth=cram-md5" in str(error)


def test_a_refused_password_is_repeated_in_no_form() -> None:
    server = SmtpServer(users={"ann": "another"}, auth="LOGIN")
    server.on("badauth", Say(f"535 5.7.8 {PASSWORD} {encoded(PASSWORD)}"))

    error = connect(server, settings=LOGIN)

    assert "535 5.7.8" in str(error)
    assert PASSWORD not in str(error)
    assert encoded(PASSWORD) not in str(error)


def test_the_password_answers_a_challenge_with_cram_md5() -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth="CRAM-MD5")

    assert isinstance(connect(server, settings=LOGIN), Session)

    assert server.sessions[0].user == "ann"
    assert PASSWORD not in spoken(server)


def test_a_challenge_that_is_no_base64_is_cancelled() -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth="CRAM-MD5", challenge="x")

    error = connect(server, settings=LOGIN)

    assert "asks for more than a user name and a password" in str(error)
    assert server.sessions[0].commands[-1] == "*"


def test_a_challenge_after_the_password_is_cancelled() -> None:
    server = SmtpServer(users={"ann": PASSWORD}, auth="LOGIN")
    server.on("auth", Say("334 "))

    error = connect(server, settings=LOGIN)

    assert "asks for more than a user name and a password" in str(error)
    assert server.sessions[0].commands[-1] == "*"


@pytest.mark.parametrize("offer", ["AUTH=LOGIN PLAIN", "auth=Plain", "AUTH X\nAUTH PLAIN"])
def test_an_old_or_odd_offer_of_methods_is_understood(offer: str) -> None:
    server = SmtpServer(users={"ann": PASSWORD})
    server.on("helo", Say(f"250 scripted\n{offer}"))

    assert isinstance(connect(server, settings={**LOGIN, "auth": Auth.PLAIN}), Session)

    assert server.sessions[0].user == "ann"


def test_a_password_that_is_cut_off_at_the_longest_text_is_repeated_in_no_part() -> None:
    server = SmtpServer(users={"ann": "another"}, auth="PLAIN")
    server.on("badauth", Say(f"535 {'x' * 288} {PASSWORD}"))

    error = connect(server, settings=LOGIN)

    assert "535 xxx" in str(error)
    assert PASSWORD[:6] not in str(error)
