"""What looks like a limit of recipients: a farewell, a full mailbox, a 452 without a reason."""

import pytest

from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.shared.learned import Fact, Learned
from domain.outcome import Deferred, Sent
from tests.fakes import a_notification
from tests.support.smtp_dispatching import Desk
from tests.support.smtp_limits import LimitedSmtpServer, Limits, fact, with_limits
from tests.support.smtp_sending import BOTH
from tests.support.smtp_server import Cut, Say

PEOPLE = [f"user{n}@example.com" for n in range(12)]


@BOTH
def test_field_5_4_a_farewell_that_says_too_many_teaches_the_limit(
    extensions: tuple[str, ...],
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on(
            "rcpt", Cut("421 4.7.0 Too many recipients"), address="user3@example.com", times=1
        )

        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE))

        assert [r.recipient.address for r in outcome.sent] == PEOPLE
        assert outcome.attempt == 1
        assert server.deliveries == PEOPLE
        assert [len(mail.recipients) for mail in server.accepted] == [3, 3, 3, 3]
        assert fact(learned, Fact.MAIL_RECIPIENTS) == 3

    with_limits(Limits(), body, extensions=extensions)


@pytest.mark.parametrize("reply", ["452 4.2.2 storage is full", "452 mailbox is full"])
def test_field_5_4_a_full_mailbox_is_no_limit_of_recipients(reply: str) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on("rcpt", Say(reply), address="user2@example.com")

        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE[:3]))

        assert [type(r) for r in outcome.results] == [Sent, Sent, Deferred]
        assert fact(learned, Fact.MAIL_RECIPIENTS) is None
        assert len(server.accepted) == 1

    with_limits(Limits(), body)


@BOTH
@pytest.mark.parametrize("at_all", [True, False])
def test_field_5_4_a_452_that_stays_is_deferred_and_no_loop(
    extensions: tuple[str, ...], at_all: bool
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        server.on("rcpt", Say("452 limit"), address=None if at_all else "user2@example.com")

        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE[:3]))

        first = Deferred if at_all else Sent
        assert [type(r) for r in outcome.results] == [first, first, Deferred]
        assert sum(c.startswith("MAIL") for s in server.sessions for c in s.commands) <= 2

    with_limits(Limits(), body, extensions=extensions)
