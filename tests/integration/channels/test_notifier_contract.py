"""Every notifier under the one contract: those of the channels, each with its peer in
`tests/support/<channel>_peer.py`, and those around them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from mailbox import Maildir
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.channels import CHANNELS
from adapters.channels.email.maildir import MaildirNotifier
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
    Peer,
    Trouble,
)
from tests.contracts.notifier_checking import CheckingContract
from tests.contracts.notifier_splitting import LimitedPeer, SplittingNotifierContract
from tests.fakes import FakeNotifier

FAKE_TROUBLES = {
    Trouble.BUSY: Transient("busy"),
    Trouble.THROTTLES: Throttled("slower", retry_after=NAMED_WAIT),
    Trouble.REFUSES_THE_MESSAGE: Permanent("no", reason=FailureReason.CONTENT_REFUSED),
    Trouble.REFUSES_OUR_CREDENTIALS: Unavailable("not you"),
    Trouble.VANISHES_HALF_WAY: InDoubt("cut"),
    Trouble.SILENT: InDoubt("no answer"),
}


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


class TestFakeNotifier(CheckingContract, SplittingNotifierContract):
    def peer(self, timeout: float) -> AbstractAsyncContextManager[LimitedPeer]:
        return fake_peer()


for channel in CHANNELS:
    globals()[f"Test{channel.title()}"] = import_module(f"tests.support.{channel}_peer").Contract
