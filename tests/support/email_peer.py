"""An SmtpNotifier and the relay that it signs in to."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import SmtpSettings
from domain.ports import Notifier
from tests.contracts.notifier import REMOTE, SECRET, Trouble
from tests.contracts.notifier_checking import CheckingContract
from tests.contracts.notifier_splitting import LimitedPeer, SplittingNotifierContract
from tests.support.smtp_limits import LimitedSmtpServer, Limits
from tests.support.smtp_server import Action, Cut, Hang, Say

SMTP_TROUBLES: dict[Trouble, tuple[str, Action]] = {
    Trouble.BUSY: ("mail", Say("451 4.3.2 busy")),
    Trouble.REFUSES_THE_MESSAGE: ("dot", Say("554 5.6.0 no")),
    Trouble.REFUSES_OUR_CREDENTIALS: ("auth", Say(f"535 5.7.8 not {SECRET}")),
    Trouble.VANISHES_HALF_WAY: ("dot", Cut()),
    Trouble.SILENT: ("dot", Hang()),
}
SMTP_VERDICTS = {**REMOTE, Trouble.THROTTLES: None}  # SMTP has no code for a named wait


class SmtpPeer:
    """An SmtpNotifier that signs in to a scripted server."""

    def __init__(self, server: LimitedSmtpServer, timeout: float) -> None:
        self.server = server
        settings = SmtpSettings(
            host="127.0.0.1", port=server.port, username="worker", password=SECRET
        )
        self.notifier: Notifier = SmtpNotifier(
            settings, timeouts=Timeouts(connect=20, command=20, final=timeout)
        )

    def accepted(self) -> list[str]:
        return self.server.deliveries

    def refuse(self, address: str) -> None:
        self.server.on("rcpt", Say("550 5.1.1 no such user"), address=address)

    def limit(self, most: int) -> None:
        self.server.limits.mail_recipients = most

    def trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.AWAY:
            self.server.stop_listening()
            return
        phase, action = SMTP_TROUBLES[trouble]
        self.server.on(phase, action, times=1)


@asynccontextmanager
async def smtp_peer(timeout: float) -> AsyncIterator[SmtpPeer]:
    async with LimitedSmtpServer(Limits(), users={"worker": SECRET}) as server:
        peer = SmtpPeer(server, timeout)
        try:
            yield peer
        finally:
            await peer.notifier.close()


class Contract(CheckingContract, SplittingNotifierContract):
    invalid = "ann at example.com"
    verdicts = SMTP_VERDICTS

    def peer(self, timeout: float) -> AbstractAsyncContextManager[LimitedPeer]:
        return smtp_peer(timeout)
