"""Both mailboxes that the tests written for MailHog run over, empty at first."""

from collections.abc import Iterator

import pytest

from tests.integration.conftest import MailHog
from tests.support.mailhog_peer import MailHogPeer, our_mailbox


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHogPeer]:
    """`dispatcher mailbox`, of this process's own."""
    with our_mailbox(tmp_path_factory.mktemp("home")) as peer:
        yield peer


@pytest.fixture
def theirs(mailhog: MailHog) -> MailHogPeer:
    """MailHog itself."""
    return MailHogPeer(mailhog.host, mailhog.smtp_port, mailhog.api)


@pytest.fixture(params=["theirs", "ours"])
def box(request: pytest.FixtureRequest) -> MailHogPeer:
    """Each in turn."""
    peer: MailHogPeer = request.getfixturevalue(request.param)
    peer.clear()
    return peer
