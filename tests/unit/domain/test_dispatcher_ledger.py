"""Nobody is told twice: the dispatcher with its deliveries kept in a ledger."""

import asyncio
from collections.abc import Mapping, Sequence

from domain.content import Content, Envelope, InDoubtPolicy
from domain.errors import DeliveryError, FailureReason, Permanent, Transient
from domain.notification import Notification, Recipient
from domain.outcome import Deferred, Rejected, Sent
from domain.ports import AboutToSend, Answers, proceed
from tests.fakes import FakeNotifier, a_delivery, a_notification
from tests.support.ledger_store import LedgerStore
from tests.unit.domain.house import ANN, BOB, House

PEOPLE = ("ann@example.com", "bob@example.com")


def test_the_same_message_again_is_sent_to_nobody() -> None:
    worker = House()
    notification = a_notification(to=PEOPLE)

    first = worker.dispatch(notification)
    second = worker.dispatch(notification)

    assert first.results == (Sent(recipient=ANN), Sent(recipient=BOB))
    assert second.results == (
        Sent(recipient=ANN, earlier=True),
        Sent(recipient=BOB, earlier=True),
    )
    assert worker.notifier.calls == 1


def test_the_same_id_with_another_body_is_a_conflict() -> None:
    worker = House()
    notification = a_notification()
    worker.dispatch(notification)

    outcome = worker.deliver(a_delivery(notification, fingerprint="other"))

    [rejected] = outcome.rejected
    assert rejected.reason is FailureReason.CONFLICT
    assert outcome.attempt == 1
    assert worker.notifier.calls == 1


def test_only_those_who_have_not_got_it_are_tried_again() -> None:
    worker = House()
    notification = a_notification(to=PEOPLE)
    worker.notifier.refusals = {"bob@example.com": Transient("later")}
    first = worker.dispatch(notification)
    worker.notifier.refusals = {}

    second = worker.dispatch(notification)

    assert [type(r) for r in first.results] == [Sent, Deferred]
    assert second.results == (Sent(recipient=ANN, earlier=True), Sent(recipient=BOB))
    assert worker.notifier.addresses == list(PEOPLE)


def test_what_was_refused_may_be_sent_later_under_the_same_id() -> None:
    worker = House()
    notification = a_notification()
    reason = FailureReason.CONTENT_REFUSED
    worker.notifier.failures = [Permanent("too large", reason=reason)]

    refused = worker.dispatch(notification)
    replayed = worker.dispatch(notification)

    assert (len(refused.rejected), len(replayed.sent)) == (1, 1)


def test_a_process_that_died_before_the_payload_left_puts_nothing_in_doubt() -> None:
    store = LedgerStore()
    notification = a_notification()
    House(store=store).die_with(a_delivery(notification))
    next_worker = House(store=store, in_doubt=InDoubtPolicy.HOLD)

    outcome = next_worker.deliver(a_delivery(notification, redelivered=True))

    assert outcome.results == (Sent(recipient=outcome.sent[0].recipient),)


def test_a_payload_on_its_way_when_the_process_died_is_in_doubt_by_policy() -> None:
    for policy, of_template, held in (
        (InDoubtPolicy.RESEND, None, False),
        (InDoubtPolicy.HOLD, None, True),
        (InDoubtPolicy.RESEND, InDoubtPolicy.HOLD, True),
        (InDoubtPolicy.HOLD, InDoubtPolicy.RESEND, False),
    ):
        store = LedgerStore()
        notification = a_notification()
        delivery = a_delivery(notification)
        House(store=store).die_with(delivery, sending=True)
        next_worker = House(store=store, in_doubt=policy)
        next_worker.renderer.envelope = Envelope(in_doubt=of_template)

        outcome = next_worker.deliver(delivery)
        if held:  # until its dead letter is stored
            first, outcome = outcome, next_worker.deliver(delivery)
            assert outcome == first
        assert (outcome.kept_claim is not None) is held
        next_worker.acked(outcome)
        replayed = next_worker.deliver(delivery)

        assert bool(outcome.rejected) is held
        assert all(r.reason is FailureReason.IN_DOUBT for r in outcome.rejected)
        assert replayed.sent[0].earlier is not held  # a person who replays it means it


def test_what_kills_its_process_is_poison_at_the_third_death_and_neighbours_are_sent() -> None:
    store = LedgerStore()
    bad, good = a_notification(id="bad"), a_notification(id="good")
    first = House(store=store)

    async def both_in_flight() -> None:
        await first.ledger.start(a_delivery(bad))
        await first.ledger.start(a_delivery(good))
        await first.ledger.close()

    asyncio.run(both_in_flight())
    House(store=store).die_with(a_delivery(bad))
    House(store=store).die_with(a_delivery(bad))
    survivor = House(store=store)

    assert survivor.dispatch(good).sent
    [rejected] = survivor.dispatch(bad).rejected
    assert rejected.reason is FailureReason.POISON
    assert survivor.dispatch(bad).sent  # a replay begins anew


def test_recovered_deliveries_are_sent_one_at_a_time() -> None:
    store = LedgerStore()
    notifications = [a_notification(id=f"n-{n}") for n in range(5)]
    for notification in notifications:
        House(store=store).die_with(a_delivery(notification))
    side_by_side: list[int] = []
    running = 0

    class Watching(FakeNotifier):
        async def notify(
            self,
            notification: Notification,
            content: Content,
            recipients: Sequence[Recipient],
            about_to_send: AboutToSend = proceed,
        ) -> Answers:
            nonlocal running
            running += 1
            side_by_side.append(running)
            try:
                return await super().notify(notification, content, recipients, about_to_send)
            finally:
                running -= 1

    worker = House(store=store, notifier=Watching())

    async def all_at_once() -> None:
        await asyncio.gather(*(worker.dispatcher.dispatch(a_delivery(n)) for n in notifications))

    asyncio.run(all_at_once())

    assert side_by_side == [1] * 5


def test_equal_messages_without_an_id_are_both_sent_and_a_redelivery_is_not() -> None:
    worker = House()
    notification = a_notification()
    equal = a_delivery(notification, has_id=False)

    first, second = worker.deliver(equal), worker.deliver(equal)
    asyncio.run(worker.ledger.session_ended("s-1"))
    again = a_delivery(notification, has_id=False, redelivered=True, session="s-2")
    third, fourth = worker.deliver(again), worker.deliver(again)
    fifth = worker.deliver(again)

    earlier = [outcome.sent[0].earlier for outcome in (first, second, third, fourth, fifth)]
    assert earlier == [False, False, True, True, False]


def test_individual_mails_are_written_down_one_by_one() -> None:
    store = LedgerStore()
    worker = House(store=store)
    notification = a_notification(to=PEOPLE, individually=True)
    worker.notifier.failures = [None, Transient("later")]

    first = worker.dispatch(notification)
    second = worker.dispatch(notification)

    assert [type(r) for r in first.results] == [Sent, Deferred]
    assert [r.earlier for r in second.results if isinstance(r, Sent)] == [True, False]
    assert worker.notifier.addresses == list(PEOPLE)
    assert not any(isinstance(r, Rejected) for r in second.results)


def test_further_messages_for_those_the_provider_did_not_take_are_written_down_one_by_one() -> None:
    worker = House()
    worker.notifier.most = 2
    people = [f"user{n}@example.com" for n in range(5)]

    outcome = worker.dispatch(a_notification(to=people))

    assert [r.recipient.address for r in outcome.sent] == people
    assert outcome.attempt == 1
    assert [len(one.recipients) for one in worker.notifier.delivered] == [2, 2, 1]


class HangsInItsSecondCall(FakeNotifier):
    """One recipient a call; the payload of the second is on its way for ever."""

    def __init__(self) -> None:
        super().__init__(most=1)
        self.hangs = asyncio.Event()

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        async def and_hang(
            concerned: Sequence[Recipient] | None = None, _message_id: str = "", /
        ) -> None:
            await about_to_send(concerned)
            if self.calls == 2:
                self.hangs.set()
                await asyncio.Event().wait()

        return await super().notify(notification, content, recipients, and_hang)


def test_those_that_wait_for_a_further_message_are_not_in_doubt_when_the_process_dies() -> None:
    store = LedgerStore()
    people = [f"user{n}@example.com" for n in range(4)]
    notification = a_notification(to=people)
    notifier = HangsInItsSecondCall()
    first = House(store=store, notifier=notifier)

    async def last_moments() -> None:
        dying = asyncio.create_task(first.dispatcher.dispatch(a_delivery(notification)))
        await asyncio.wait_for(notifier.hangs.wait(), 30)
        await first.ledger.close()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)

    asyncio.run(last_moments())
    successor = House(store=store, in_doubt=InDoubtPolicy.HOLD)

    outcome = successor.deliver(a_delivery(notification, redelivered=True))

    assert [r.recipient.address for r in outcome.sent if r.earlier] == people[:1]
    assert [(r.recipient.address, r.reason) for r in outcome.rejected] == [
        (people[1], FailureReason.IN_DOUBT)
    ]
    assert successor.notifier.addresses == people[2:]
