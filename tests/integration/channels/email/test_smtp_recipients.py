"""More recipients than a relay takes in one mail, or more unknown ones than it puts up with."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.shared.learned import Fact, Learned
from domain.errors import FailureReason
from domain.outcome import Deferred, Outcome, Sent
from tests.fakes import a_notification
from tests.support.ledger_store import LedgerStore
from tests.support.smtp_dispatching import Desk
from tests.support.smtp_limits import LimitedSmtpServer, Limits, fact, with_limits
from tests.support.smtp_sending import BOTH
from tests.support.smtp_server import Cut, Hang, Say

PEOPLE = [f"user{n}@example.com" for n in range(500)]


def _undated(data: bytes) -> bytes:
    return b"\n".join(line for line in data.splitlines() if not line.startswith(b"Date:"))


def assert_sent_once(server: LimitedSmtpServer, outcome: Outcome, people: Sequence[str]) -> None:
    assert [r.recipient.address for r in outcome.sent] == list(people)
    assert outcome.attempt == 1
    assert Counter(server.deliveries) == Counter(people)


def test_an_address_that_no_mail_can_go_to_is_refused_and_the_others_get_theirs() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        outcome = await Desk(notifier).dispatch(a_notification(to=["nonsense", *PEOPLE[:2]]))

        assert [r.reason for r in outcome.rejected] == [FailureReason.RECIPIENT_INVALID]
        assert_sent_once(server, outcome, PEOPLE[:2])

    with_limits(Limits(), body)


@BOTH
@pytest.mark.parametrize("most", [1, 50, 100])
@pytest.mark.parametrize(
    "reply",
    [
        "452 4.5.3 Error: too many recipients",
        "452 too many recipients",
        "552 too many recipients",
        "451 4.5.3 Too many recipients: Too many recipients",
        "550 5.5.3 too many recipients for this mail",
        "452 Only one recipient per message please",
        "452 Requested action not taken: insufficient system storage",
        "452 limit",
        "452 #4.5.3 rcpts limit",
    ],
)
def test_field_5_4_the_rest_goes_at_once_in_further_transactions(
    extensions: tuple[str, ...], reply: str, most: int
) -> None:
    people = PEOPLE if most > 1 else PEOPLE[:8]

    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        desk = Desk(notifier)

        outcome = await desk.dispatch(a_notification(to=people))

        assert_sent_once(server, outcome, people)
        assert [len(m.recipients) for m in server.accepted] == [most] * (len(people) // most)
        assert len({_undated(mail.data) for mail in server.accepted}) == 1, "all get the same mail"
        assert fact(learned, Fact.MAIL_RECIPIENTS) == most
        refused = server.refused_recipients
        again = await desk.dispatch(a_notification(id="n-2", to=people))
        assert len(again.sent) == len(people)
        assert server.refused_recipients == refused, "the next mail is split up front"
        assert len(server.sessions) == 1
        assert desk.pauses == []

    with_limits(Limits(mail_recipients=most, recipients_reply=reply), body, extensions=extensions)


@BOTH
@pytest.mark.parametrize(
    "reply",
    ["452 4.5.3 too many recipients", "554 Transaction failed: Recipient count exceeds 50."],
)
def test_field_5_4_a_relay_that_counts_at_data_gets_halves(
    extensions: tuple[str, ...], reply: str
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE))

        assert_sent_once(server, outcome, PEOPLE)
        assert server.refused_recipients == 4  # 500, 250, 125, 62
        assert fact(learned, Fact.MAIL_RECIPIENTS) == 31

    relay = Limits(mail_recipients=50, recipients_phase="DATA", recipients_reply=reply)
    with_limits(relay, body, extensions=extensions)


@BOTH
def test_field_5_4_a_relay_that_leaves_because_of_too_many_is_asked_for_fewer(
    extensions: tuple[str, ...],
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE[:200]))

        assert_sent_once(server, outcome, PEOPLE[:200])
        assert fact(learned, Fact.MAIL_RECIPIENTS) == 50

    with_limits(Limits(mail_recipients=50, errors=20), body, extensions=extensions)


def test_field_5_4_each_recipient_keeps_its_own_answer() -> None:
    unknown = {"user3@example.com", "user60@example.com", "user99@example.com"}

    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        server.on("rcpt", Say("450 4.2.2 mailbox full"), address="user70@example.com")

        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE[:100]))

        assert {r.recipient.address for r in outcome.rejected} == unknown
        assert {r.reason for r in outcome.rejected} == {FailureReason.RECIPIENT_REFUSED}
        [deferred] = [r for r in outcome.results if isinstance(r, Deferred)]
        assert deferred.recipient.address == "user70@example.com"
        assert len(outcome.sent) == len(set(server.deliveries)) == len(server.deliveries) == 96

    with_limits(Limits(mail_recipients=30, unknown=frozenset(unknown)), body)


@BOTH
def test_field_5_4_a_relay_that_takes_none_is_an_ordinary_refusal(
    extensions: tuple[str, ...],
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE[:20]))

        assert {type(r) for r in outcome.results} == {Deferred}
        assert len(server.sessions) <= 2

    with_limits(Limits(mail_recipients=0), body, extensions=extensions)


def test_field_5_4_one_recipient_that_is_always_too_many_costs_the_others_nothing() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, learned: Learned) -> None:
        server.on("rcpt", Say("452 4.5.3 too many recipients"), address="user1@example.com")

        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE[:3]))

        assert [type(r) for r in outcome.results] == [Sent, Deferred, Sent]
        assert fact(learned, Fact.MAIL_RECIPIENTS) is None, "it is no limit: others came after"

    with_limits(Limits(), body)


def test_field_5_4_a_second_transaction_in_doubt_puts_only_its_own_recipients_in_doubt() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        server.on("dot", Cut(), address="user2@example.com")

        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE[:6]))

        assert [type(r) for r in outcome.results] == [Sent, Sent, Deferred, Deferred, Sent, Sent]
        assert "on its way" in outcome.deferred[0].error

    with_limits(Limits(mail_recipients=2), body)


def test_field_5_4_a_worker_that_dies_between_two_transactions_sends_to_no_one_twice() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        store = LedgerStore()
        people = PEOPLE[:6]
        first = Desk(notifier, store)
        server.on("mail", Hang(), address="shop")
        server.on("mail", Say("250 2.1.0 ok"), times=2)
        dying = asyncio.create_task(first.dispatch(a_notification(to=people)))
        async with asyncio.timeout(30):
            while len(server.accepted) < 2 or server.rules[0].used == 0:
                await asyncio.sleep(0.01)
        await first.ledger.close()  # as a process that is no more
        server.rules.clear()

        outcome = await Desk(notifier, store).dispatch(a_notification(to=people), redelivered=True)

        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        assert [r.recipient.address for r in outcome.sent if r.earlier] == people[:4]
        assert Counter(server.deliveries) == Counter(people)

    with_limits(Limits(mail_recipients=2), body)


@BOTH
@pytest.mark.parametrize("order", ["mixed", "unknown first", "known first"])
def test_field_5_17_the_good_ones_among_many_unknown_get_theirs_at_once(
    extensions: tuple[str, ...], order: str
) -> None:
    people = PEOPLE[:90]
    unknown = {
        "mixed": [p for n, p in enumerate(people) if n % 3],
        "unknown first": people[:60],
        "known first": people[30:],
    }[order]
    known = [p for p in people if p not in unknown]

    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        desk = Desk(notifier)

        outcome = await desk.dispatch(a_notification(to=people))

        assert_sent_once(server, outcome, known)
        assert [r.recipient.address for r in outcome.rejected] == unknown
        assert {r.reason for r in outcome.rejected} == {FailureReason.RECIPIENT_REFUSED}
        assert all("550 5.1.1 no such user" in r.error for r in outcome.rejected)
        assert len(server.sessions) <= 5
        assert desk.pauses == []

    with_limits(Limits(errors=20, unknown=frozenset(unknown)), body, extensions=extensions)


@BOTH
def test_field_5_17_a_relay_that_leaves_after_each_unknown_one_is_asked_to_the_end(
    extensions: tuple[str, ...],
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        outcome = await Desk(notifier).dispatch(a_notification(to=PEOPLE[:9]))

        assert_sent_once(server, outcome, PEOPLE[5:9])
        assert len(outcome.rejected) == 5
        assert len(server.sessions) <= 7

    with_limits(Limits(errors=1, unknown=frozenset(PEOPLE[:5])), body, extensions=extensions)


@BOTH
def test_field_5_17_unknown_recipients_of_many_mails_cost_the_next_mail_nothing(
    extensions: tuple[str, ...],
) -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        desk = Desk(notifier)

        for n in range(60):
            outcome = await desk.dispatch(a_notification(id=f"n-{n}", to=PEOPLE[:1]))
            assert [r.reason for r in outcome.rejected] == [FailureReason.RECIPIENT_REFUSED]

        outcome = await desk.dispatch(a_notification(id="good", to=PEOPLE[1:2]))
        assert (len(outcome.sent), outcome.attempt) == (1, 1)

    with_limits(Limits(errors=20, unknown=frozenset(PEOPLE[:1])), body, extensions=extensions)


def test_field_5_17_a_refused_sender_is_followed_by_no_needless_reset() -> None:
    async def body(server: LimitedSmtpServer, notifier: SmtpNotifier, _: Learned) -> None:
        server.on("mail", Say("451 4.3.0 later"), times=1)
        desk = Desk(notifier)

        await desk.dispatch(a_notification(id="n-1"))
        await desk.dispatch(a_notification(id="n-2"))

        assert "RSET" not in server.sessions[0].commands
        assert len(server.sessions) == 1

    with_limits(Limits(), body)
