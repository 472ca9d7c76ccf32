"""A TelegramNotifier and its Bot API, as the notifiers' contract asks for them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from adapters.channels.shared.http import HttpClient
from adapters.channels.telegram.limiter import TelegramLimits
from adapters.channels.telegram.notifier import TelegramNotifier
from domain.ports import Notifier
from tests.contracts.notifier import NAMED_WAIT, SECRET, Peer, RemoteNotifierContract, Trouble
from tests.contracts.notifier_checking import CheckingContract
from tests.support.http_server import Action, Cut, Hang
from tests.support.telegram_server import BotApi, blocked, failed, too_many, unauthorized

TOKEN = f"123456:{SECRET}"
BRISK = TelegramLimits(chat_per_second=10_000, group_per_minute=600_000, bot_per_second=10_000)

TROUBLES: dict[Trouble, Action] = {
    Trouble.BUSY: failed(502, "Bad Gateway"),
    Trouble.THROTTLES: too_many(int(NAMED_WAIT.total_seconds())),
    Trouble.REFUSES_THE_MESSAGE: failed(400, "Bad Request: BUTTON_URL_INVALID"),
    Trouble.REFUSES_OUR_CREDENTIALS: unauthorized(f"Unauthorized: {TOKEN}"),
    Trouble.VANISHES_HALF_WAY: Cut(),
    Trouble.SILENT: Hang(),
}


class TelegramPeer:
    """A notifier whose limits are out of the way."""

    def __init__(self, api: BotApi, timeout: float) -> None:
        self.api = api
        self.notifier: Notifier = TelegramNotifier(
            token=lambda: api.token,
            api_url=lambda: api.url,
            limits=BRISK,
            client=HttpClient("telegram", timeout=timeout),
        )

    def accepted(self) -> list[str]:
        return [str(call.chat) for call in self.api.delivered]

    def refuse(self, address: str) -> None:
        self.api.answer(blocked(), chat=int(address))

    def trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.AWAY:
            self.api.server.stop_listening()
        else:
            self.api.answer(TROUBLES[trouble], times=1)


@asynccontextmanager
async def telegram_peer(timeout: float) -> AsyncIterator[TelegramPeer]:
    async with BotApi(TOKEN) as api:
        peer = TelegramPeer(api, timeout)
        try:
            yield peer
        finally:
            await peer.notifier.close()


class Contract(CheckingContract, RemoteNotifierContract):
    addresses = ("42", "-1001234567890", "7")
    channel = "telegram"
    invalid = "ann@example.com"

    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        return telegram_peer(timeout)
