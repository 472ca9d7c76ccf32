"""What stands before a channel's notifier: its bounds, and the pauses of its provider."""

import asyncio
from collections.abc import Sequence

from domain.channel_sender import AttachmentRoom
from domain.content import Content
from domain.errors import FailureReason, NotYet, Permanent, Throttled, Unavailable
from domain.ledger import Claim, LedgerUnavailable
from domain.notification import Attachment, Notification, Recipient
from domain.outcome import Deferred, Rejected, Sent
from domain.ports import AboutToSend, Answers, proceed
from tests.fakes import EndlessClock, FakeNotifier, a_delivery, a_notification, eventually
from tests.support.ledger_store import MemoryLedger
from tests.unit.domain.house import ANN, BOB, CY, SECOND, House


class SlowNotifier(FakeNotifier):
    """Takes a moment, and counts how many calls overlap."""

    def __init__(self) -> None:
        super().__init__()
        self.running = self.most_running = 0

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(0.005)
        self.running -= 1
        return await super().notify(notification, content, recipients, about_to_send)


def assert_each_got_the_whole_mail(notifier: FakeNotifier) -> None:
    assert {part for one in notifier.delivered for part in one.content.parts.values()} == {
        "Hello Ann"
    }
    assert all(one.notification.template == "welcome" for one in notifier.delivered)


def most_at_once(house: House, *files: Attachment) -> int:
    """Dispatch six; how many were under way at once."""
    notifier = house.notifier
    assert isinstance(notifier, SlowNotifier)

    async def main() -> None:
        deliveries = [a_delivery(a_notification(id=f"n-{n}", attachments=files)) for n in range(6)]
        await asyncio.gather(*map(house.dispatcher.dispatch, deliveries))

    asyncio.run(main())
    assert len(notifier.delivered) == 6
    return notifier.most_running


async def no_files(paths: Sequence[str]) -> int:
    return 100 * len(paths)


def test_no_more_are_under_way_than_the_concurrency_allows() -> None:
    assert most_at_once(House(notifier=SlowNotifier(), concurrency=2)) == 2
    assert most_at_once(House(notifier=SlowNotifier(), concurrency=1)) == 1
    assert most_at_once(House(notifier=SlowNotifier())) == 6


def test_no_more_attachments_are_under_way_than_there_is_room_for() -> None:
    inside = Attachment(filename="a", content=b"x" * 100)
    by_path = Attachment(filename="b", path="b")

    def house() -> House:
        return House(notifier=SlowNotifier(), room=AttachmentRoom(1500, no_files))

    assert most_at_once(house(), inside) == 3
    assert most_at_once(house(), by_path) == 3
    assert most_at_once(house(), inside, by_path) == 1
    assert most_at_once(house()) == 6


def test_who_leaves_the_line_for_room_gives_nothing_away() -> None:
    async def main() -> None:
        room = AttachmentRoom(5 * 100, no_files)
        all_of_it = [Attachment(filename="a", content=b"x" * 100)]
        little = [Attachment(filename="b", content=b"x")]
        async with room.hold(all_of_it):
            for _ in range(5):
                waiting = asyncio.create_task(room.hold(all_of_it).__aenter__())
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
        async with room.hold(all_of_it):
            late = asyncio.create_task(room.hold(little).__aenter__())
            await asyncio.sleep(0.01)
            assert not late.done()
        await late

    asyncio.run(main())


def test_a_mail_without_files_waits_for_no_room() -> None:
    async def main() -> None:
        files = (Attachment(filename="a", content=b"x" * 100),)
        room = AttachmentRoom(5 * 100, no_files)
        house = House(room=room)
        async with room.hold(files):
            large = a_delivery(a_notification(attachments=files))
            waiting = asyncio.create_task(house.dispatcher.dispatch(large))
            await asyncio.sleep(0.01)
            async with asyncio.timeout(5):
                await house.dispatcher.dispatch(a_delivery(a_notification(id="n-2")))
            assert not waiting.done()
        await waiting

    asyncio.run(main())


def test_a_refusal_that_may_be_about_us_waits_though_it_names_one_recipient() -> None:
    reason = FailureReason.SENDER_REFUSED
    quota = Permanent("quota", reason=reason, provider_fault=True)
    other = Permanent("no such user", reason=FailureReason.RECIPIENT_REFUSED)
    house = House(notifier=FakeNotifier(refusals={ANN.address: quota, BOB.address: other}))

    outcome = house.dispatch(a_notification(to=(ANN, BOB)))

    assert outcome.results == (
        Deferred(recipient=ANN, delay=10 * SECOND, error="quota", attempt_spent=False, exact=True),
        Rejected(recipient=BOB, reason=other.reason, error="no such user"),
    )


def test_what_comes_while_the_provider_is_away_waits_and_is_sent() -> None:
    house = House(notifier=FakeNotifier(failures=[Unavailable("gone"), Unavailable("gone")]))

    async def main() -> None:
        first = asyncio.create_task(house.dispatcher.dispatch(a_delivery(a_notification())))
        await eventually(lambda: house.pauses)
        other = a_delivery(a_notification(id="n-2", to="Bob <bob@example.com>"))
        outcomes = [await house.dispatcher.dispatch(other), await first]
        assert [len(outcome.sent) for outcome in outcomes] == [1, 1]

    asyncio.run(main())
    assert sorted(house.notifier.addresses) == ["ann@example.com", "bob@example.com"]
    assert_each_got_the_whole_mail(house.notifier)


def test_what_may_not_wait_in_hand_comes_back_later_and_spends_nothing() -> None:
    house = House(clock=EndlessClock(), notifier=FakeNotifier(failures=[Unavailable("gone")]))

    async def main() -> None:
        first = asyncio.create_task(house.dispatcher.dispatch(a_delivery(a_notification())))
        await eventually(lambda: house.pauses)
        other = a_delivery(a_notification(id="n-2"), may_wait=False)
        [deferred] = (await house.dispatcher.dispatch(other)).deferred
        assert (deferred.delay, deferred.attempt_spent, deferred.exact) == (
            60 * SECOND,
            False,
            True,
        )
        assert deferred.error == "the channel is paused: gone"
        first.cancel()
        await asyncio.wait([first])

    asyncio.run(main())


def test_a_wait_that_the_notifier_does_not_keep_in_hand_is_not_repeated() -> None:
    house = House(notifier=FakeNotifier(failures=[Throttled("slow", retry_after=7 * SECOND)]))

    [deferred] = house.dispatch(a_notification()).deferred

    assert (deferred.delay, house.notifier.calls) == (7 * SECOND, 1)


def test_those_not_yet_taken_get_further_messages_and_what_happens_to_one_is_theirs_alone() -> None:
    notifier = FakeNotifier(most=1)
    house = House(notifier=notifier)
    notifier.failures = [None, Throttled("in hand", retry_after=SECOND, in_hand=True)]

    outcome = house.dispatch(a_notification(to=(ANN, BOB, CY)))

    assert [r.recipient for r in outcome.sent] == [ANN, BOB, CY]
    assert [len(mail.recipients) for mail in notifier.delivered] == [1, 1, 1]
    assert notifier.calls == 4
    assert_each_got_the_whole_mail(notifier)


def test_of_two_the_second_gets_a_further_message() -> None:
    house = House(notifier=FakeNotifier(most=1))

    outcome = house.dispatch(a_notification(to=(ANN, BOB)))

    assert [r.recipient for r in outcome.sent] == [ANN, BOB]
    assert house.notifier.calls == 2


def test_a_further_message_that_is_refused_is_refused_for_those_in_it() -> None:
    full = Permanent("too large", reason=FailureReason.CONTENT_REFUSED)
    house = House(notifier=FakeNotifier(most=1, failures=[None, full]))

    outcome = house.dispatch(a_notification(to=(ANN, BOB, CY)))

    assert outcome.results == (
        Sent(recipient=ANN),
        Rejected(recipient=BOB, reason=full.reason, error="too large"),
        Rejected(recipient=CY, reason=full.reason, error="too large"),
    )


def test_where_not_one_more_is_taken_the_rest_comes_back_later() -> None:
    class TakesNoMore(FakeNotifier):
        async def notify(
            self,
            notification: Notification,
            content: Content,
            recipients: Sequence[Recipient],
            about_to_send: AboutToSend = proceed,
        ) -> Answers:
            self.calls += 1
            if self.calls > 1:
                return dict.fromkeys(recipients, NotYet("no more"))
            first, *others = recipients
            await about_to_send([first])
            return {first: None, **dict.fromkeys(others, NotYet("no more"))}

    notifier = TakesNoMore()
    outcome = House(notifier=notifier).dispatch(a_notification(to=(ANN, BOB, CY)))

    assert [r.recipient for r in outcome.sent] == [ANN]
    assert [r.recipient for r in outcome.deferred] == [BOB, CY]
    assert notifier.calls == 2


def test_a_refusal_of_all_that_may_be_about_us_waits() -> None:
    quota = Permanent("quota", reason=FailureReason.SENDER_REFUSED, provider_fault=True)

    [deferred] = House(notifier=FakeNotifier(failures=[quota])).dispatch(a_notification()).results

    assert deferred == Deferred(
        recipient=ANN, delay=10 * SECOND, error="quota", attempt_spent=False, exact=True
    )


def test_what_is_half_sent_rests_in_the_broker_while_its_provider_is_away() -> None:
    gone = Unavailable("gone")
    gone.resume = "2"

    [deferred] = House(notifier=FakeNotifier(failures=[gone])).dispatch(a_notification()).deferred

    assert (deferred.recipient.resume, deferred.delay) == ("2", 60 * SECOND)
    assert (deferred.error, deferred.attempt_spent) == ("gone", False)


def test_without_the_ledger_the_channel_waits_and_says_so() -> None:
    class Full(MemoryLedger):
        failures = 1

        async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
            if self.failures:
                self.failures -= 1
                raise LedgerUnavailable("disk full")
            await super().sending(claim, recipients)

    house = House(ledger=Full())

    assert len(house.dispatch(a_notification()).sent) == 1
    assert house.pauses == [
        ("email", "nothing is sent without the ledger: disk full"),
        ("email", None),
    ]
