"""The carrier of the example, played on loopback, and the channel's line in the contract suite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.contracts.notifier import NAMED_WAIT, SECRET, RemoteNotifierContract, Trouble
from tests.contracts.notifier_checking import CheckingContract
from tests.support.http_server import Action, Answer, Cut, Hang, HttpServer

from adapters.channels.carrier.notifier import CarrierNotifier
from domain.ports import Notifier

_TROUBLES: dict[Trouble, Action] = {
    Trouble.BUSY: Answer(503),
    Trouble.THROTTLES: Answer(429, headers={"Retry-After": f"{NAMED_WAIT.seconds}"}),
    Trouble.REFUSES_THE_MESSAGE: Answer(422, "too long"),
    Trouble.REFUSES_OUR_CREDENTIALS: lambda request: Answer(
        401, f"not {request.headers['authorization']} {request.body.decode()}"
    ),
    Trouble.VANISHES_HALF_WAY: Cut(),
    Trouble.SILENT: Hang(),
}


class CarrierPeer:
    """A notifier and the carrier it talks to."""

    def __init__(self, server: HttpServer, timeout: float) -> None:
        self.server = server
        self.notifier: Notifier = CarrierNotifier(
            url=lambda: server.url, token=lambda: SECRET, sender="+15550009999", timeout=timeout
        )

    def accepted(self) -> list[str]:
        return [request.json()["to"] for request in self.server.accepted]

    def refuse(self, address: str) -> None:
        self.server.on(lambda request: Answer(404 if request.json()["to"] == address else 200))

    def trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.AWAY:
            self.server.stop_listening()
            return
        self.server.on(_TROUBLES[trouble], times=1)


class Contract(CheckingContract, RemoteNotifierContract):
    addresses = ("+15550000001", "+15550000002", "+15550000003")
    channel = "carrier"
    invalid = "ann@example.com"

    @asynccontextmanager
    async def peer(self, timeout: float) -> AsyncIterator[CarrierPeer]:
        async with HttpServer() as server:
            peer = CarrierPeer(server, timeout)
            try:
                yield peer
            finally:
                await peer.notifier.close()
