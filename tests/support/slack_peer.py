"""A SlackNotifier and the Slack that it posts to."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from adapters.channels.slack.notifier import SlackNotifier
from adapters.channels.slack.pace import SlackPace
from domain.ports import Notifier
from tests.contracts.notifier import NAMED_WAIT, SECRET, Peer, RemoteNotifierContract, Trouble
from tests.contracts.notifier_checking import CheckingContract
from tests.support.http_server import Action, Answer, Cut, Hang, Request
from tests.support.slack_server import SlackServer, failed, throttled


def _repeats_all(request: Request) -> Answer:
    told = f"not {request.headers['authorization']} for {request.body.decode()}"
    return failed("invalid_auth", warning=told)


_TROUBLES: dict[Trouble, Action] = {
    Trouble.BUSY: Answer(503, "<html>busy</html>"),
    Trouble.THROTTLES: throttled(NAMED_WAIT.seconds),
    Trouble.REFUSES_THE_MESSAGE: failed("invalid_blocks"),
    Trouble.REFUSES_OUR_CREDENTIALS: _repeats_all,
    Trouble.VANISHES_HALF_WAY: Cut(),
    Trouble.SILENT: Hang(),
}


class SlackPeer:
    """`slack` knows every channel. The pace is no matter here."""

    def __init__(self, slack: SlackServer, timeout: float) -> None:
        self.slack = slack
        self.notifier: Notifier = SlackNotifier(
            token=lambda: slack.token,
            webhook_url=lambda: None,
            api_url=lambda: slack.api_url,
            pace=SlackPace(per_second=1000, burst=100),
            timeout=timeout,
        )

    def accepted(self) -> list[str]:
        return [post["channel"] for post in self.slack.posts]

    def refuse(self, address: str) -> None:
        self.slack.refuse(address)

    def trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.AWAY:
            self.slack.server.stop_listening()
            return
        self.slack.server.on(_TROUBLES[trouble], times=1)


@asynccontextmanager
async def slack_peer(timeout: float) -> AsyncIterator[SlackPeer]:
    async with SlackServer(token=f"xoxb-{SECRET}") as slack:
        peer = SlackPeer(slack, timeout)
        try:
            yield peer
        finally:
            await peer.notifier.close()


class Contract(CheckingContract, RemoteNotifierContract):
    addresses = ("C000ANN0000", "#bob", "U000EVE0000")
    channel = "slack"
    invalid = "nobody"

    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        return slack_peer(timeout)
