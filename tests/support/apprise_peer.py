"""An AppriseNotifier whose targets are all played by one server, each by a path of its own."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from adapters.channels.apprise.notifier import AppriseNotifier
from adapters.secret import Secret
from domain.errors import Transient
from domain.ports import Notifier
from tests.contracts.notifier import NAMED_WAIT, SECRET, Peer, Trouble
from tests.contracts.notifier_checking import CheckingContract
from tests.support.http_server import Action, Answer, Cut, Hang, HttpServer

NAMES = ("ann", "bob", "eve")
# Apprise says that it failed, and not how.
APPRISE_VERDICTS = dict.fromkeys(Trouble, Transient)
_TROUBLES: dict[Trouble, Action] = {
    Trouble.BUSY: Answer(503),
    Trouble.THROTTLES: Answer(429, headers={"Retry-After": f"{NAMED_WAIT.seconds}"}),
    Trouble.REFUSES_THE_MESSAGE: Answer(422),
    Trouble.REFUSES_OUR_CREDENTIALS: lambda request: Answer(
        401, f"not {request.headers['authorization']} {SECRET} {request.body.decode()}"
    ),
    Trouble.VANISHES_HALF_WAY: Cut(),
    Trouble.SILENT: Hang(),
}


class ApprisePeer:
    """The secret is the password, the path and a header of each target's URL."""

    def __init__(self, server: HttpServer, timeout: float) -> None:
        self.server = server
        place = f"json://worker:{SECRET}@127.0.0.1:{server.port}"
        options = f"+X-Key={SECRET}&cto={timeout}&rto={timeout}"
        self.notifier: Notifier = AppriseNotifier(
            {name: Secret(f"{place}/{name}/{SECRET}?{options}") for name in NAMES}
        )

    def accepted(self) -> list[str]:
        return [request.path.split("/")[1] for request in self.server.accepted]

    def refuse(self, address: str) -> None:
        self.server.on(Answer(404), path=f"/{address}/{SECRET}")

    def trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.AWAY:
            self.server.stop_listening()
            return
        self.server.on(_TROUBLES[trouble], times=1)


@asynccontextmanager
async def apprise_peer(timeout: float) -> AsyncIterator[ApprisePeer]:
    async with HttpServer() as server:
        peer = ApprisePeer(server, timeout)
        try:
            yield peer
        finally:
            await peer.notifier.close()


class Contract(CheckingContract):
    addresses = NAMES
    channel = "apprise"
    invalid = "unheard-of"
    verdicts = APPRISE_VERDICTS

    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        return apprise_peer(timeout)
