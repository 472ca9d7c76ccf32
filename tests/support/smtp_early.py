"""A server that notes which commands come before its answer to a mail, and mails over one
connection to it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from domain.errors import DeliveryError
from tests.fakes import a_notification
from tests.support.smtp_conversation import Conversation
from tests.support.smtp_sending import CONTENT, notifier_for
from tests.support.smtp_server import SmtpServer

TIMES = Timeouts(connect=5, command=5, group=0.3, final=5)
ONE = PoolLimits(size=1)
FIRST, SECOND = "first@example.com", "second@example.com"


class WaitingConversation(Conversation):
    """Waits a moment before it answers a mail, and notes the commands that come meanwhile."""

    server: "WaitingServer"

    async def answer(self, phase: str, default: str, text: str = "") -> bool:
        if phase == "dot" and self.log.payloads > 1:
            try:
                async with asyncio.timeout(0.1):
                    early = await self.reader.readuntil(b"DATA\r\n")
            except TimeoutError:
                early = b""
            self.group = early.splitlines(keepends=True)
            self.server.early.append(early)
            await self.server.react(self, early)
        return await super().answer(phase, default, text)

    async def command(self) -> bytes:
        return self.group.pop(0) if self.group else await self.reader.readline()


class WaitingServer(SmtpServer):
    """`early`: the commands that came before the answer to each mail but the first."""

    conversation = WaitingConversation

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.early: list[bytes] = []

    async def react(self, conversation: WaitingConversation, early: bytes) -> None: ...


Result = DeliveryError | None | type[asyncio.CancelledError]


async def send(notifier: SmtpNotifier, address: str) -> Result:
    notification = a_notification(id=address, to=[address])
    try:
        [answer] = (await notifier.notify(notification, CONTENT, notification.recipients)).values()
    except DeliveryError as error:
        return error
    except asyncio.CancelledError:
        return asyncio.CancelledError
    return answer


Start = Callable[[str], "asyncio.Task[Result]"]


def over_one_connection(
    server: SmtpServer, body: Callable[[Start], Awaitable[None]], **options: Any
) -> None:
    """Run `body` once a mail has gone over the only connection."""

    async def main() -> None:
        async with server:
            notifier = notifier_for(server, **{"limits": ONE, "timeouts": TIMES, **options})
            try:
                assert await send(notifier, "warm@example.com") is None
                await body(lambda address: asyncio.create_task(send(notifier, address)))
            finally:
                await notifier.close()

    asyncio.run(main())


def results_of(server: SmtpServer, addresses: Sequence[str], **options: Any) -> list[Result]:
    results: list[Result] = []

    async def body(start: Start) -> None:
        results.extend(await asyncio.gather(*map(start, addresses)))

    over_one_connection(server, body, **options)
    return results
