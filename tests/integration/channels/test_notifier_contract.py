"""Every notifier under the one contract: a channel's place in this file is its class."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from mailbox import Maildir
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.channels import CHANNELS
from adapters.channels.email.maildir import MaildirNotifier
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import SmtpSettings
from adapters.channels.shared.blips import BlipTolerantNotifier
from adapters.channels.shared.captured import CapturedNotifier
from adapters.channels.shared.guard import GuardedNotifier, GuardRules
from domain.errors import (
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
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
from tests.contracts.notifier_splitting import LimitedPeer, SplittingNotifierContract
from tests.fakes import FakeNotifier
from tests.support.apprise_peer import APPRISE_VERDICTS, NAMES, apprise_peer
from tests.support.slack_peer import slack_peer
from tests.support.smtp_limits import LimitedSmtpServer, Limits
from tests.support.smtp_server import Action, Cut, Hang, Say
from tests.support.telegram_peer import telegram_peer
from tests.support.webhook_peer import WEBHOOK_VERDICTS, webhook_peer

SMTP_TROUBLES: dict[Trouble, tuple[str, Action]] = {
    Trouble.BUSY: ("mail", Say("451 4.3.2 busy")),
    Trouble.REFUSES_THE_MESSAGE: ("dot", Say("554 5.6.0 no")),
    Trouble.REFUSES_OUR_CREDENTIALS: ("auth", Say(f"535 5.7.8 not {SECRET}")),
    Trouble.VANISHES_HALF_WAY: ("dot", Cut()),
    Trouble.SILENT: ("dot", Hang()),
}
SMTP_VERDICTS = {**REMOTE, Trouble.THROTTLES: None}  # SMTP has no code for a named wait
FAKE_TROUBLES = {
    Trouble.BUSY: Transient("busy"),
    Trouble.THROTTLES: Throttled("slower", retry_after=NAMED_WAIT),
    Trouble.REFUSES_THE_MESSAGE: Permanent("no", reason=FailureReason.CONTENT_REFUSED),
    Trouble.REFUSES_OUR_CREDENTIALS: Unavailable("not you"),
    Trouble.VANISHES_HALF_WAY: InDoubt("cut"),
    Trouble.SILENT: InDoubt("no answer"),
}


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


class MaildirPeer:
    """A MaildirNotifier and its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notifier: Notifier = MaildirNotifier(folder)

    def accepted(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        mails = Maildir(self.folder, create=False)
        return [address for mail in mails for address in mail.get_all("Delivered-To", [])]

    def refuse(self, address: str) -> None:
        raise NotImplementedError("a folder refuses nobody")

    def trouble(self, trouble: Trouble) -> None:
        assert trouble is Trouble.AWAY, "a folder is there or it is not"
        self.folder.write_text("a file in the way")


class CapturedPeer:
    """A CapturedNotifier and its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notifier: Notifier = CapturedNotifier(folder)

    def accepted(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        texts = [file.read_text("utf-8") for file in self.folder.iterdir()]
        return [text.partition("\n")[0].removeprefix("To: ") for text in texts]

    def refuse(self, address: str) -> None:
        raise NotImplementedError("a folder refuses nobody")

    def trouble(self, trouble: Trouble) -> None:
        assert trouble is Trouble.AWAY, "a folder is there or it is not"
        self.folder.write_text("a file in the way")


class FakePeer:
    """The fake that the domain's tests use."""

    def __init__(self) -> None:
        self.fake = FakeNotifier()
        self.notifier: Notifier = self.fake

    def accepted(self) -> list[str]:
        return self.fake.addresses

    def refuse(self, address: str) -> None:
        error = Permanent("no such user", reason=FailureReason.RECIPIENT_REFUSED)
        self.fake.refusals[address] = error

    def limit(self, most: int) -> None:
        self.fake.most = most

    def trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.AWAY:
            self.fake.failures += [Unavailable("nobody listens", safe_to_repeat=True)] * 100
            return
        self.fake.failures.append(FAKE_TROUBLES[trouble])


@asynccontextmanager
async def smtp_peer(timeout: float) -> AsyncIterator[SmtpPeer]:
    async with LimitedSmtpServer(Limits(), users={"worker": SECRET}) as server:
        peer = SmtpPeer(server, timeout)
        try:
            yield peer
        finally:
            await peer.notifier.close()


@asynccontextmanager
async def blip_tolerant_peer() -> AsyncIterator[FakePeer]:
    peer = FakePeer()
    peer.notifier = BlipTolerantNotifier(peer.fake)
    yield peer


@asynccontextmanager
async def guarded_peer() -> AsyncIterator[FakePeer]:
    peer = FakePeer()
    rules = GuardRules(only_to=("*",))
    peer.notifier = GuardedNotifier(peer.fake, "email", rules, CHANNELS["email"].parts)
    yield peer


@asynccontextmanager
async def maildir_peer() -> AsyncIterator[MaildirPeer]:
    with TemporaryDirectory() as folder:
        yield MaildirPeer(Path(folder) / "mail")


@asynccontextmanager
async def captured_peer() -> AsyncIterator[CapturedPeer]:
    with TemporaryDirectory() as folder:
        yield CapturedPeer(Path(folder) / "telegram")


@asynccontextmanager
async def fake_peer() -> AsyncIterator[FakePeer]:
    yield FakePeer()


class TestSmtpNotifier(CheckingContract, SplittingNotifierContract):
    invalid = "ann at example.com"
    verdicts = SMTP_VERDICTS

    def peer(self, timeout: float) -> AbstractAsyncContextManager[LimitedPeer]:
        return smtp_peer(timeout)


class TestMaildirNotifier(CheckingContract):
    invalid = "ann at example.com"

    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        return maildir_peer()


class TestCapturedNotifier(CheckingContract):
    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        return captured_peer()


class TestBlipTolerantNotifier(CheckingContract, SplittingNotifierContract):
    def peer(self, timeout: float) -> AbstractAsyncContextManager[LimitedPeer]:
        return blip_tolerant_peer()


class TestGuardedNotifier(CheckingContract, SplittingNotifierContract):
    def peer(self, timeout: float) -> AbstractAsyncContextManager[LimitedPeer]:
        return guarded_peer()


class TestWebhookNotifier(CheckingContract, RemoteNotifierContract):
    channel = "webhook"
    invalid = "ftp://example.com/hook"
    verdicts = WEBHOOK_VERDICTS

    @asynccontextmanager
    async def peer(self, timeout: float) -> AsyncIterator[Peer]:
        async with webhook_peer(timeout) as peer:
            ann, bob, eve = (f"{peer.server.url}/{name}" for name in ("ann", "bob", "eve"))
            self.addresses = (ann, bob, eve)
            yield peer


class TestSlackNotifier(CheckingContract, RemoteNotifierContract):
    addresses = ("C000ANN0000", "#bob", "U000EVE0000")
    channel = "slack"
    invalid = "nobody"

    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        return slack_peer(timeout)


class TestTelegramNotifier(CheckingContract, RemoteNotifierContract):
    addresses = ("42", "-1001234567890", "7")
    channel = "telegram"
    invalid = "ann@example.com"

    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        return telegram_peer(timeout)


class TestAppriseNotifier(CheckingContract):
    addresses = NAMES
    channel = "apprise"
    invalid = "unheard-of"
    verdicts = APPRISE_VERDICTS

    def peer(self, timeout: float) -> AbstractAsyncContextManager[Peer]:
        return apprise_peer(timeout)


class TestFakeNotifier(CheckingContract, SplittingNotifierContract):
    def peer(self, timeout: float) -> AbstractAsyncContextManager[LimitedPeer]:
        return fake_peer()
