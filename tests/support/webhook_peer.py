"""A WebhookNotifier and the server behind the URLs that it posts to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.channels.webhook.notifier import WebhookNotifier
from domain.errors import Permanent, Transient
from domain.ports import Notifier
from tests.contracts.notifier import (
    NAMED_WAIT,
    REMOTE,
    SECRET,
    Peer,
    RemoteNotifierContract,
    Trouble,
)
from tests.contracts.notifier_checking import CheckingContract
from tests.support.http_server import Action, Answer, Cut, Hang, HttpServer

# Each URL is a provider of its own: what one of them says is about it alone.
WEBHOOK_VERDICTS = {
    **REMOTE,
    Trouble.AWAY: Transient,
    Trouble.REFUSES_OUR_CREDENTIALS: Permanent,
}
_TROUBLES: dict[Trouble, Action] = {
    Trouble.BUSY: Answer(503),
    Trouble.THROTTLES: Answer(429, headers={"Retry-After": f"{NAMED_WAIT.seconds}"}),
    Trouble.REFUSES_THE_MESSAGE: Answer(422),
    Trouble.REFUSES_OUR_CREDENTIALS: lambda request: Answer(
        401, f"not {request.headers['webhook-signature']} {SECRET} {request.body.decode()}"
    ),
    Trouble.VANISHES_HALF_WAY: Cut(),
    Trouble.SILENT: Hang(),
}


class WebhookPeer:
    """`server` plays every recipient, each by a path of its own."""

    def __init__(self, server: HttpServer, timeout: float) -> None:
        self.server = server
        self.notifier: Notifier = WebhookNotifier(
            lambda: SECRET, allow_private=True, timeout=timeout
        )

    def accepted(self) -> list[str]:
        return [self.server.url + request.path for request in self.server.accepted]

    def refuse(self, address: str) -> None:
        self.server.on(Answer(410), path=address.removeprefix(self.server.url))

    def trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.AWAY:
            self.server.stop_listening()
            return
        self.server.on(_TROUBLES[trouble], times=1)


@asynccontextmanager
async def webhook_peer(timeout: float) -> AsyncIterator[WebhookPeer]:
    async with HttpServer() as server:
        peer = WebhookPeer(server, timeout)
        try:
            yield peer
        finally:
            await peer.notifier.close()


class Contract(CheckingContract, RemoteNotifierContract):
    channel = "webhook"
    invalid = "ftp://example.com/hook"
    verdicts = WEBHOOK_VERDICTS

    @asynccontextmanager
    async def peer(self, timeout: float) -> AsyncIterator[Peer]:
        async with webhook_peer(timeout) as peer:
            ann, bob, eve = (f"{peer.server.url}/{name}" for name in ("ann", "bob", "eve"))
            self.addresses = (ann, bob, eve)
            yield peer
