"""What a dispatch would do: forecast, rehearsed, and taken up where an earlier one came to."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from domain.content import Content, Envelope
from domain.delivery import Delivery
from domain.errors import FailureReason, Permanent, Transient, Unavailable
from domain.events import LEDGER
from domain.ledger import Claim, LedgerUnavailable, RecipientState, Start
from domain.notification import Notification, Recipient
from domain.outcome import Deferred, Outcome, Rejected, Sent
from domain.ports import Answers
from tests.fakes import NOON, EndlessClock, FakeNotifier, a_delivery, a_notification, eventually
from tests.support.ledger_store import LedgerStore, MemoryLedger
from tests.unit.domain.house import ANN, BOB, SECOND, House

BOTH = a_notification(to=("ann@example.com", "bob@example.com"))
REFUSED = Permanent("no such user", reason=FailureReason.RECIPIENT_REFUSED)


def foreseen(house: House, delivery: Delivery) -> Outcome:
    return asyncio.run(house.dispatcher.foresee(delivery))


def test_a_forecast_asks_no_provider_and_writes_nothing_down() -> None:
    house = House()
    house.notifier.invalid = {BOB.address: REFUSED}
    delivery = a_delivery(BOTH, attempts_made=2)

    outcome = foreseen(house, delivery)

    refused = Rejected(recipient=BOB, reason=REFUSED.reason, error="no such user")
    assert outcome == Outcome(attempt=3, results=(Sent(recipient=ANN), refused))
    assert (house.notifier.calls, house.notifier.checked) == (0, 1)
    assert not asyncio.run(house.dispatcher.has_begun(delivery))


def test_a_forecast_knows_who_has_it_and_what_cannot_be_rendered() -> None:
    house = House()
    house.notifier.refusals = {BOB.address: Transient("later")}
    house.dispatch(BOTH)

    assert foreseen(house, a_delivery(BOTH)).results == (
        Sent(recipient=ANN, earlier=True),
        Sent(recipient=BOB),
    )
    assert asyncio.run(house.dispatcher.has_begun(a_delivery(BOTH)))
    missing = foreseen(house, a_delivery(a_notification(id="n-2", template="absent")))
    assert [one.reason for one in missing.rejected] == [FailureReason.TEMPLATE_MISSING]


def test_a_forecast_of_what_is_for_each_alone_asks_for_each() -> None:
    house = House(notifier=FakeNotifier(one_by_one=True))

    assert len(foreseen(house, a_delivery(BOTH)).sent) == 2
    assert house.notifier.checked == 2


def test_a_rehearsal_renders_all_and_sends_nothing() -> None:
    house = House(notifier=FakeNotifier(one_by_one=True))

    house.dispatcher.rehearse(a_delivery(BOTH))

    assert [r.recipient for r in house.renderer.requests] == ["ann@example.com", "bob@example.com"]
    assert house.notifier.calls == 0


def test_a_rehearsal_fails_where_it_is_too_late() -> None:
    house = House()
    house.renderer.envelope = Envelope(expires_after=timedelta(hours=1))
    late = a_delivery(BOTH, first_seen=NOON - timedelta(hours=1))

    with pytest.raises(Permanent, match=r"^expired at 2026-01-31T12:00:00\+00:00$") as caught:
        house.dispatcher.rehearse(late)

    assert caught.value.reason is FailureReason.EXPIRED


def test_a_channel_that_is_not_here_is_rehearsed_as_one_mail_to_all() -> None:
    house = House()

    house.dispatcher.rehearse(a_delivery(a_notification(channel="slack", to=("ann", "bob"))))

    assert [r.recipient for r in house.renderer.requests] == [None]


def test_a_channel_that_is_not_here_is_refused_by_name() -> None:
    [refused] = House().dispatch(a_notification(channel="slack")).results

    error = "channel 'slack' is not configured at this worker"
    reason = FailureReason.CHANNEL_UNKNOWN
    assert refused == Rejected(recipient=ANN, reason=reason, error=error)


def test_what_nothing_is_known_of_is_not_taken_up_and_leaves_no_trace() -> None:
    store = LedgerStore()
    house = House(store=store)
    delivery = a_delivery(BOTH)

    async def main() -> None:
        assert await house.dispatcher.resume(delivery) is None
        await house.ledger.close()

    asyncio.run(main())
    start = asyncio.run(store.ledger().start(delivery))

    assert not start.is_recovered


def test_what_was_sent_before_is_taken_up() -> None:
    house = House()
    house.dispatch(BOTH)

    async def main() -> None:
        delivery = a_delivery(BOTH)
        start = await house.dispatcher.resume(delivery)
        assert start is not None
        assert set(start.states.values()) == {RecipientState.SENT}
        outcome = await house.dispatcher.dispatch(delivery, start)
        assert (outcome.attempt, outcome.start) == (0, start)
        assert all(one.earlier for one in outcome.sent)

    asyncio.run(main())
    assert house.notifier.calls == 1


@pytest.mark.parametrize("is_sending", [False, True])
def test_what_a_process_died_with_is_taken_up(is_sending: bool) -> None:
    store = LedgerStore()
    House(store=store).die_with(a_delivery(BOTH), sending=is_sending)
    house = House(store=store)

    async def main() -> None:
        start = await house.dispatcher.resume(a_delivery(BOTH))
        assert start is not None
        assert start.is_recovered

    asyncio.run(main())


def test_a_first_appearance_without_an_id_is_never_taken_up() -> None:
    house = House()
    house.dispatch(BOTH, has_id=False)

    assert asyncio.run(house.dispatcher.resume(a_delivery(BOTH, has_id=False))) is None


def test_a_fault_of_ours_costs_each_recipient_an_attempt() -> None:
    house = House()
    first = house.dispatcher.after_fault(a_delivery(BOTH), KeyError("secret"))
    last = house.dispatcher.after_fault(a_delivery(BOTH, attempts_made=2), KeyError())

    error = "internal error: KeyError"
    assert first.results == tuple(
        Deferred(recipient=r, delay=10 * SECOND, error=error) for r in (ANN, BOB)
    )
    assert {one.reason for one in last.rejected} == {FailureReason.RETRIES_EXHAUSTED}
    assert (first.attempt, last.attempt) == (1, 3)


def test_pauses_are_shown_by_the_name_of_what_is_paused() -> None:
    house = House(clock=EndlessClock(), notifier=FakeNotifier(failures=[Unavailable("gone")]))

    async def main() -> None:
        assert house.dispatcher.pauses() == {}
        task = asyncio.create_task(house.dispatcher.dispatch(a_delivery(BOTH)))
        await eventually(house.dispatcher.pauses)
        [(name, pause)] = house.dispatcher.pauses().items()
        assert (name, pause.cause, pause.since) == ("email", "gone", NOON)
        assert pause.next_try == NOON + SECOND
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert str(LEDGER) == "ledger"


class Gone(MemoryLedger):
    async def start(self, delivery: Delivery) -> Start:
        raise LedgerUnavailable("disk full")


def test_a_paused_ledger_is_shown_next_to_the_channels() -> None:
    house = House(clock=EndlessClock(), ledger=Gone())

    async def main() -> None:
        task = asyncio.create_task(house.dispatcher.dispatch(a_delivery(BOTH)))
        await eventually(house.dispatcher.pauses)
        [(name, pause)] = house.dispatcher.pauses().items()
        assert (name, pause.cause) == ("ledger", "disk full")
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())


def test_an_outcome_names_its_start_where_the_ack_must_be_written_down() -> None:
    outcomes = [House().dispatch(BOTH, has_id=has_id) for has_id in (True, False)]

    assert [outcome.kept_claim is not None for outcome in outcomes] == [False, True]


class FinishesLate(MemoryLedger):
    """The first `finish` never ends."""

    finishes = 0

    async def finish(self, claim: Claim, sent: Sequence[str], in_doubt: Sequence[str] = ()) -> None:
        self.finishes += 1
        if self.finishes == 1:
            await asyncio.Event().wait()
        await super().finish(claim, sent, in_doubt)


def test_stopped_while_it_gives_a_start_back_it_leaves_no_trace() -> None:
    ledger = FinishesLate()
    house = House(ledger=ledger)
    delivery = a_delivery(BOTH)

    async def main() -> None:
        task = asyncio.create_task(house.dispatcher.resume(delivery))
        await eventually(lambda: ledger.finishes)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        start = await house.ledger.start(delivery)
        assert set(start.states.values()) == {RecipientState.CLEAR}

    asyncio.run(main())
    assert ledger.finishes == 2


class LooksClosely(FakeNotifier):
    """Remembers what it was asked to check."""

    def __init__(self) -> None:
        super().__init__(one_by_one=True)
        self.seen: list[tuple[Sequence[Recipient], str, Sequence[Recipient]]] = []

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Answers:
        self.seen.append((notification.to, content.parts["text"], recipients))
        return await super().check(notification, content, recipients)


def test_a_forecast_is_about_what_would_be_sent() -> None:
    notifier = LooksClosely()

    house = House(notifier=notifier)

    foreseen(house, a_delivery(BOTH))

    assert [request.now for request in house.renderer.requests] == [NOON, NOON]
    assert notifier.seen == [((r,), "Hello Ann", (r,)) for r in (ANN, BOB)]
