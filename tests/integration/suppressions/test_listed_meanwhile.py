"""A recipient comes onto the list of suppressions while the relay is being spoken to."""

from datetime import timedelta

from adapters.channels.email.smtp import SmtpNotifier
from domain.errors import FailureReason
from domain.suppressions import Suppression, SuppressionAccess
from tests.fakes import FakeClock, FakePauses, FakeSuppressions, a_notification
from tests.support.smtp_dispatching import Desk
from tests.support.smtp_script import Call
from tests.support.smtp_sending import BOTH, with_server
from tests.support.smtp_server import SmtpServer

ANN, BOB = "ann@example.com", "bob@example.com"


@BOTH
def test_the_mail_is_given_up_before_its_payload_and_sent_to_the_others(
    extensions: tuple[str, ...],
) -> None:
    server = SmtpServer(extensions=extensions)
    entry = Suppression(channel="email", address=ANN, reason="550 gone")
    store = FakeSuppressions(keeps_for=timedelta(0))
    server.on(
        "rcpt",
        Call(lambda: store.listed.update({entry.key: entry}), "250 2.1.5 fine"),
        address=ANN,
    )

    async def body(server: SmtpServer, notifier: SmtpNotifier) -> None:
        desk = Desk(notifier)
        desk.dispatcher.suppressions = SuppressionAccess(
            store, lambda _, address: address, FakeClock(), FakePauses()
        )

        outcome = await desk.dispatch(a_notification(to=(ANN, BOB)))

        assert [one.recipient.address for one in outcome.sent] == [BOB]
        assert [one.reason for one in outcome.rejected] == [FailureReason.SUPPRESSED]
        assert server.deliveries == [BOB]
        assert desk.pauses == []

        again = await desk.dispatch(a_notification(id="n-2", to=(BOB,)))

        assert len(again.sent) == 1
        assert server.deliveries == [BOB, BOB]

    with_server(body, server=server)
