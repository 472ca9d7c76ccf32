"""Relays that offer PIPELINING and answer only the first of the commands that come together."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from domain.content import Content
from domain.errors import DeliveryError
from tests.fakes import a_notification
from tests.support.relays import relay
from tests.support.smtp_conversation import Conversation
from tests.support.smtp_server import Say, SmtpServer

CONTENT = Content(subject="Hello", parts={"text": "Hi."})
TIMES = Timeouts(connect=5, command=5, group=0.3, final=5)
Send = Callable[[int], Awaitable[dict[str, DeliveryError | None]]]


def run(server: SmtpServer, body: Callable[[Send], Awaitable[None]], **settings: object) -> None:
    async def main() -> None:
        async with server:
            notifier = SmtpNotifier(relay(server, **settings), timeouts=TIMES)

            async def send(number: int) -> dict[str, DeliveryError | None]:
                mail = a_notification(id=f"n-{number}", to=["ann@example.com", "bob@example.com"])
                answers = await notifier.notify(mail, CONTENT, mail.recipients)
                return {recipient.address: answer for recipient, answer in answers.items()}

            try:
                await body(send)
            finally:
                await notifier.close()

    asyncio.run(main())


class ClosingConversation(Conversation):
    """Closes where commands come together, after answering `most_of_a_group`."""

    async def command(self) -> bytes:
        if self.group:
            return self.group.pop(0)
        lines = (await self.reader.read(1 << 20)).splitlines(keepends=True)
        if len(lines) > 1 and lines[0].startswith(b"MAIL"):
            assert isinstance(self.server, ClosingServer)
            lines = [*lines[: self.server.most_of_a_group], b""]
        self.group = lines[1:]
        return lines[0] if lines else b""


class ClosingServer(SmtpServer):
    conversation = ClosingConversation

    def __init__(self, most_of_a_group: int) -> None:
        super().__init__()
        self.most_of_a_group = most_of_a_group


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_field_5_8_a_relay_that_breaks_pipelining_gets_one_command_at_a_time(answers: int) -> None:
    server = SmtpServer(answers_of_a_group=answers)

    async def body(send: Send) -> None:
        with capture_logs() as lines:
            for number in range(3):
                assert set((await send(number)).values()) == {None}
        assert [line["event"] for line in lines] == ["relay breaks pipelining"]
        assert len(server.accepted) == 3
        assert len(server.sessions) == 2  # once it was tried, and never again

    run(server, body)


@pytest.mark.parametrize("answers", [0, 1, 2, 3])
def test_field_5_8_a_relay_that_closes_on_a_group_costs_no_attempt(answers: int) -> None:
    server = ClosingServer(answers)

    async def body(send: Send) -> None:
        for number in range(3):
            assert set((await send(number)).values()) == {None}
        assert len(server.accepted) == 3
        assert len(server.sessions) == 2

    run(server, body)


def test_field_5_8_mails_that_meet_it_together_are_all_sent_once() -> None:
    server = SmtpServer(answers_of_a_group=1)

    async def body(send: Send) -> None:
        found = await asyncio.gather(*(send(number) for number in range(10)))
        assert all(set(answers.values()) == {None} for answers in found)
        assert len(server.accepted) == 10

    run(server, body)


def test_field_5_8_with_pipelining_off_nothing_is_sent_together() -> None:
    server = SmtpServer(answers_of_a_group=1)

    async def body(send: Send) -> None:
        assert set((await send(1)).values()) == {None}
        assert len(server.sessions) == 1

    run(server, body, pipelining=False)


def test_a_refusal_before_the_silence_stands() -> None:
    server = SmtpServer(answers_of_a_group=1)
    server.on("mail", Say("550 5.1.8 bad sender"))

    async def body(send: Send) -> None:
        answers = await send(1)
        assert all("bad sender" in str(answer) for answer in answers.values())

    run(server, body)


def test_a_relay_that_takes_its_time_for_the_first_answer_keeps_pipelining() -> None:
    server = SmtpServer()
    server.on("mail", Say("250 2.1.0 ok", delay=0.6))

    async def body(send: Send) -> None:
        with capture_logs() as lines:
            assert set((await send(1)).values()) == {None}
        assert lines == []
        assert len(server.sessions) == 1

    run(server, body)
