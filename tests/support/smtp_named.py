"""Mails by the names of their recipients, many at once, over one notifier."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from domain.content import Content
from domain.errors import DeliveryError
from tests.fakes import a_notification
from tests.support.relays import relay
from tests.support.smtp_sending import CONTENT
from tests.support.smtp_server import SmtpServer

NamedAnswers = dict[str, DeliveryError | None]


class NamedSender:
    """`left`: how often the mail to each was about to leave."""

    def __init__(self, notifier: SmtpNotifier) -> None:
        self.notifier = notifier
        self.left: Counter[str] = Counter()

    async def send(self, *names: str, content: Content = CONTENT) -> NamedAnswers:
        """One mail to these people at example.com."""

        async def about_to_send(*_: object) -> None:
            self.left.update(names)

        mail = a_notification(id=names[0], to=[f"{name}@example.com" for name in names])
        try:
            answers = await self.notifier.notify(mail, content, mail.recipients, about_to_send)
        except DeliveryError as error:
            return dict.fromkeys(names, error)
        return {one.address.partition("@")[0]: answer for one, answer in answers.items()}

    async def send_all(self, *names: str) -> NamedAnswers:
        """A mail to each, at once."""
        found: NamedAnswers = {}
        for answers in await asyncio.gather(*map(self.send, names)):
            found |= answers
        return found


def with_sender(
    server: SmtpServer,
    body: Callable[[NamedSender], Awaitable[None]],
    *,
    limits: PoolLimits,
    timeouts: Timeouts,
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    async def main() -> None:
        async with server, asyncio.timeout(30):
            notifier = SmtpNotifier(
                relay(server, **(settings or {})), limits=limits, timeouts=timeouts, **options
            )
            try:
                await body(NamedSender(notifier))
            finally:
                await notifier.close()

    asyncio.run(main())


def received(server: SmtpServer) -> Counter[str]:
    """How often the server accepted a mail to each."""
    return Counter(address.partition("@")[0] for address in server.deliveries)


def names(count: int, prefix: str = "m") -> list[str]:
    return [f"{prefix}{number:03}" for number in range(count)]
