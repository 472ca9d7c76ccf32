"""A server that says goodbye together with another reply."""

import asyncio

import pytest

from adapters.channels.email.smtp import SmtpNotifier
from domain.errors import Unavailable
from tests.fakes import a_notification
from tests.support.smtp_script import Call
from tests.support.smtp_sending import CONTENT, send, with_server
from tests.support.smtp_server import Say, SmtpServer


def test_a_server_that_leaves_again_and_again_before_it_is_asked_ends_in_an_error() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        def close_early() -> None:
            server.on("helo", Say("250 scripted\r\n421 4.3.2 shutting down"))

        few = Call(close_early, "452 4.5.3 too many recipients\r\n421 4.3.2 shutting down")
        server.on("rcpt", few, address="bob@example.com")

        mail = a_notification(to=["ann@example.com", "bob@example.com"])
        async with asyncio.timeout(10):
            with pytest.raises(Unavailable, match="shutting down"):
                await send(notifier, mail)

        assert len(server.sessions) < 15

    with_server(body)


def test_a_farewell_that_comes_with_the_go_ahead_leaves_the_mail_unsent_and_unwritten() -> None:
    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        async def about_to_send(*_: object) -> None:
            written.append(True)

        written: list[bool] = []
        mail = a_notification()
        await send(notifier)
        server.on("data", Say("354 go ahead\r\n421 4.3.2 shutting down"), times=1)

        answers = await notifier.notify(mail, CONTENT, mail.recipients, about_to_send)

        assert list(answers.values()) == [None]
        assert written == [True]
        assert [len(server.sessions), len(server.accepted)] == [2, 2]

    with_server(body)
