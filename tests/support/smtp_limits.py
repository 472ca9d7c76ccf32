"""A scripted SMTP server with the limits that real ones have, each answered in their own words."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.shared.learned import Fact, Learned
from tests.support.smtp_conversation import Conversation, Ended
from tests.support.smtp_sending import Answers, send, with_server
from tests.support.smtp_server import EXTENSIONS, SmtpServer


@dataclass
class Limits:
    """None: no limit. They may be changed while the server runs.

    `errors`: replies of 4xx and 5xx after which the client is sent away before its next command, as
    by Postfix; an accepted mail sets the count back. `session_phase`: the command that is refused
    once a session has had its mails.
    """

    connections: int | None = None
    connections_reply: str = "421 4.7.0 scripted Error: too many connections from 127.0.0.1"
    session_mails: int | None = None
    session_reply: str = "452 4.4.5 Maximum number of messages per session exceeded."
    session_phase: str = "MAIL"
    session_leaves: bool = False
    mail_recipients: int | None = None
    recipients_reply: str = "452 4.5.3 Error: too many recipients"
    recipients_phase: str = "RCPT"
    errors: int | None = None
    unknown: frozenset[str] = frozenset()


class LimitedConversation(Conversation):
    server: "LimitedSmtpServer"
    errors = 0

    async def run(self) -> None:
        limits = self.server.limits
        if _is_over(self.server.open_connections - 1, limits.connections):
            self.server.turned_away += 1
            self.say(limits.connections_reply)
            await self.writer.drain()
            raise Ended
        served = self.server.open_connections
        self.server.most_at_once = max(self.server.most_at_once, served)
        await super().run()

    async def before(self, text: str) -> None:
        limits = self.server.limits
        if limits.errors is not None and self.errors >= limits.errors:
            self.say("421 4.7.0 scripted Error: too many errors")
            await self.writer.drain()
            raise Ended

    def say(self, reply: str) -> None:
        super().say(reply)
        self.errors = self.errors + 1 if reply[0] in "45" else self.errors

    async def _used_up(self, phase: str) -> bool:
        limits = self.server.limits
        if limits.session_phase != phase or not _is_over(self.log.payloads, limits.session_mails):
            return False
        self.say(limits.session_reply)
        self.server.refused_mails += 1
        if limits.session_leaves:
            await self.writer.drain()
            raise Ended
        return True

    async def mail(self, text: str) -> None:
        if not await self._used_up("MAIL"):
            await super().mail(text)

    async def rcpt(self, text: str) -> None:
        limits = self.server.limits
        if await self._used_up("RCPT"):
            return
        over = _is_over(len(self.recipients), limits.mail_recipients)
        if over and limits.recipients_phase == "RCPT":
            self.server.refused_recipients += 1
            self.say(limits.recipients_reply)
        elif any(f"<{address}>" in text for address in limits.unknown):
            self.say("550 5.1.1 no such user")
        else:
            await super().rcpt(text)

    async def data(self, text: str) -> None:
        limits = self.server.limits
        if await self._used_up("DATA"):
            return
        over = _is_over(len(self.recipients) - 1, limits.mail_recipients)
        if over and limits.recipients_phase == "DATA":
            self.server.refused_recipients += 1
            self.say(limits.recipients_reply)
            return
        before = len(self.server.accepted)
        await super().data(text)
        if len(self.server.accepted) > before:
            self.errors = 0


class LimitedSmtpServer(SmtpServer):
    conversation = LimitedConversation

    def __init__(self, limits: Limits, **options: Any) -> None:
        super().__init__(**options)
        self.limits = limits
        self.turned_away = 0
        self.most_at_once = 0
        self.refused_mails = 0
        self.refused_recipients = 0


Body = Callable[[LimitedSmtpServer, SmtpNotifier, Learned], Awaitable[None]]


def with_limits(
    relay: Limits, body: Body, *, extensions: tuple[str, ...] = EXTENSIONS, **options: object
) -> None:
    learned = Learned()
    server = LimitedSmtpServer(relay, extensions=extensions)

    async def run(_: object, notifier: SmtpNotifier) -> None:
        await body(server, notifier, learned)

    with_server(run, server=server, learned=learned, **options)


def fact(learned: Learned, name: Fact) -> float | None:
    return next((facts.get(name) for facts in learned.snapshot().values()), None)


async def send_many(notifier: SmtpNotifier, count: int) -> list[Answers]:
    return await asyncio.gather(*(send(notifier) for _ in range(count)))


def assert_all_sent(answers: list[Answers]) -> None:
    assert [answer for answer in answers if set(answer.values()) != {None}] == []


def _is_over(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit
