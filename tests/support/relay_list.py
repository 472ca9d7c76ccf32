"""Two scripted relays in a list."""

import asyncio
from collections.abc import Awaitable, Callable

from adapters.channels.email.paced import PacedNotifier
from adapters.channels.email.relay import FailoverNotifier, Relay
from adapters.channels.email.relay_pace import PaceRules, RelayPace
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.shared.learned import Learned
from domain.content import Content
from domain.errors import DeliveryError
from domain.ports import AboutToSend, Notifier, proceed
from tests.fakes import a_notification
from tests.support.ledger_store import MemoryPaces
from tests.support.relays import SHORT, relay
from tests.support.smtp_server import SmtpServer

CONTENT = Content(subject="Hello", parts={"text": "Hi."})
LATE = 1.0  # longer than a relay of a list is waited for
Body = Callable[["Scene"], Awaitable[None]]


class Scene:
    """Two relays, in a list, and the time that passes."""

    def __init__(self, first: SmtpServer, second: SmtpServer) -> None:
        self.first, self.second = first, second
        self.time = 1000.0
        self.sent = 0
        self.notifier = FailoverNotifier([self.relay(first), self.relay(second)])

    def relay(self, server: SmtpServer) -> Relay:
        settings = relay(server, username="ann" if server.users else None, password="right")

        def make(member: Relay) -> Notifier:
            return PacedNotifier(
                SmtpNotifier(settings, timeouts=SHORT, in_hurry=member.in_hurry),
                RelayPace(settings.server, MemoryPaces(), Learned(), PaceRules()),
                connections=2,
                admit=member.admit,
            )

        return Relay(settings.server, make, now=lambda: self.time)

    async def send(self, about_to_send: AboutToSend = proceed) -> object:
        """Send one mail: None where it was accepted, else the error."""
        self.sent += 1
        mail = a_notification(id=f"n-{self.sent}")
        try:
            answers = await self.notifier.notify(mail, CONTENT, mail.recipients, about_to_send)
        except DeliveryError as error:
            return error
        return next(iter(answers.values()))

    @property
    def accepted(self) -> tuple[int, int]:
        return len(self.first.accepted), len(self.second.accepted)


def run(body: Body, first: SmtpServer | None = None, second: SmtpServer | None = None) -> None:
    async def main() -> None:
        async with first or SmtpServer() as one, second or SmtpServer() as two:
            scene = Scene(one, two)
            try:
                await body(scene)
            finally:
                await scene.notifier.close()

    asyncio.run(main())
