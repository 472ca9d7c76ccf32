"""Who is on the list of suppressions gets nothing; a list that is away holds up all."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from domain.errors import FailureReason
from domain.ledger import RecipientState
from domain.outcome import Rejected, Sent
from domain.suppressions import Suppression, SuppressionAccess, SuppressionsUnavailable
from tests.fakes import FakeClock, FakeNotifier, FakePauses, FakeSuppressions, a_delivery
from tests.fakes import a_notification as notification
from tests.support.ledger_store import LedgerStore
from tests.unit.domain.house import ANN, BOB, House

GONE = Suppression(
    channel="email", address="ann@example.com", reason="hard bounce", since=date(2026, 1, 31)
)


def small(_channel: str, address: str) -> str:
    if "@" not in address:
        raise ValueError("is no address")
    return address.lower()


class Listing:
    """A house with a list."""

    def __init__(self, *entries: Suppression, **more: Any) -> None:
        self.clock, self.events = FakeClock(), FakePauses()
        self.store = FakeSuppressions({(e.channel, e.address): e for e in entries})
        self.access = SuppressionAccess(self.store, small, self.clock, self.events)
        self.house = House(clock=self.clock, suppressions=self.access, **more)


def test_who_is_listed_is_rejected_without_an_attempt_and_the_others_are_served() -> None:
    listing = Listing(GONE)

    outcome = listing.house.dispatch(notification(to=("Ann <Ann@Example.com>", "bob@example.com")))

    assert listing.house.notifier.addresses == ["bob@example.com"]
    assert outcome.sent == (Sent(recipient=BOB),)
    (rejected,) = outcome.rejected
    assert (rejected.reason, rejected.attempt_spent) == (FailureReason.SUPPRESSED, False)
    assert rejected.recipient.address == "Ann@Example.com"


def test_the_error_has_the_reason_and_the_way_back_and_no_address() -> None:
    outcome = Listing(GONE).house.dispatch(notification())

    assert outcome.rejected[0].error == (
        "the address is suppressed; to send anyway: dispatcher suppress remove ADDRESS --channel"
        " email, then dispatcher failed retry ID; on the list since 2026-01-31 (hard bounce)"
    )


def test_the_way_back_is_in_the_error_whole_however_long_the_reason_is() -> None:
    long = replace(GONE, reason="550 5.7.1 " + "see our rules for bulk senders " * 20)

    error = Listing(long).house.dispatch(notification()).rejected[0].error

    assert error.index("failed retry ID") < 200
    assert len(error) < 400


def test_where_all_are_listed_nothing_is_rendered_or_sent() -> None:
    listing = Listing(GONE)

    outcome = listing.house.dispatch(notification(template="absent"))

    assert [one.reason for one in outcome.rejected] == [FailureReason.SUPPRESSED]
    assert listing.house.renderer.requests == []
    assert listing.house.notifier.calls == 0


def test_an_entry_of_another_channel_does_not_count() -> None:
    listing = Listing(Suppression(channel="telegram", address="ann@example.com"))

    assert listing.house.dispatch(notification()).sent


def test_one_mail_for_each_leaves_out_only_who_is_listed() -> None:
    listing = Listing(GONE)
    asked = notification(to=("ann@example.com", "bob@example.com"), individually=True)

    outcome = listing.house.dispatch(asked)

    assert listing.house.notifier.addresses == ["bob@example.com"]
    assert len(outcome.rejected) == 1


def test_who_got_it_before_being_listed_has_it() -> None:
    store = LedgerStore()
    delivery = a_delivery(notification())
    Listing(store=store).house.deliver(delivery)

    outcome = Listing(GONE, store=store).house.deliver(delivery)

    assert outcome.results == (Sent(recipient=ANN, earlier=True),)


def test_a_message_passes_once_the_address_is_removed() -> None:
    listing = Listing(GONE)
    assert listing.house.dispatch(notification()).rejected
    listing.store.listed.clear()

    assert listing.house.dispatch(notification()).sent == (Sent(recipient=ANN),)


def test_what_is_no_address_is_not_asked_for() -> None:
    listing = Listing()
    listing.house.notifier.refusals = {}

    listing.house.dispatch(notification(to=("nonsense", "ann@example.com")))

    assert listing.store.asked == [("ann@example.com",)]


def test_one_call_asks_for_all_recipients() -> None:
    listing = Listing()

    listing.house.dispatch(notification(to=("ann@example.com", "bob@example.com"), cc=ANN_AND_CY))

    assert listing.store.asked == [("ann@example.com", "bob@example.com", "cy@example.com")]


ANN_AND_CY = tuple(notification(to=("ann@example.com", "cy@example.com")).to)


@pytest.mark.parametrize("error", [SuppressionsUnavailable("redis is away"), KeyError("a bug")])
def test_while_the_list_is_away_the_message_waits_and_spends_nothing(error: Exception) -> None:
    listing = Listing(GONE)
    listing.store.failures = [error] * 3

    outcome = listing.house.dispatch(notification(to=("ann@example.com", "bob@example.com")))

    assert listing.house.notifier.addresses == ["bob@example.com"]
    assert [one.reason for one in outcome.rejected] == [FailureReason.SUPPRESSED]
    assert outcome.attempt == 1
    assert listing.clock.slept
    names = {name for name, _ in listing.events.pauses}
    assert names == {"suppressions"}
    assert listing.events.errors[-1] is None  # and it is over


def test_a_pause_of_the_list_is_shown() -> None:
    listing = Listing()

    async def main() -> None:
        listing.store.failures = [SuppressionsUnavailable("redis is away")] * 1000
        waiting = asyncio.create_task(listing.house.dispatcher.dispatch(a_delivery(notification())))
        while not listing.access.breaker.is_open:
            await asyncio.sleep(0)
        assert listing.house.dispatcher.pauses()["suppressions"].cause == "redis is away"
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())


def test_a_stop_while_the_list_is_away_leaves_no_trace_in_the_ledger() -> None:
    store = LedgerStore()
    listing = Listing(store=store)

    async def main() -> None:
        listing.store.failures = [SuppressionsUnavailable("redis is away")] * 1000
        delivery = a_delivery(notification())
        start = await listing.house.ledger.start(delivery)
        waiting = asyncio.create_task(listing.house.dispatcher.dispatch(delivery, start))
        while not listing.access.breaker.is_open:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        states = await store.ledger().peek(delivery)
        assert set(states.values()) == {RecipientState.CLEAR}

    asyncio.run(main())


def test_a_rehearsal_shows_who_is_listed_and_sends_nothing() -> None:
    listing = Listing(GONE)
    delivery = a_delivery(notification(to=("ann@example.com", "bob@example.com")))

    outcome = asyncio.run(listing.house.dispatcher.foresee(delivery))

    assert [one.recipient for one in outcome.rejected] == [ANN]
    assert listing.house.notifier.delivered == []


def test_a_rehearsal_does_not_wait_for_a_list_that_is_away() -> None:
    listing = Listing()
    listing.store.failures = [SuppressionsUnavailable("redis is away")]

    with pytest.raises(SuppressionsUnavailable):
        asyncio.run(listing.house.dispatcher.foresee(a_delivery(notification())))


def test_a_listed_address_is_refused_for_good_so_that_a_fallback_goes_on() -> None:
    outcome = Listing(GONE).house.dispatch(notification())

    assert outcome.is_refused_for_good


def test_without_a_list_nothing_is_asked() -> None:
    house = House(notifier=FakeNotifier())

    assert house.dispatch(notification()).sent
    assert "suppressions" not in house.dispatcher.breakers()


def test_an_entry_without_reason_and_date_says_so_plainly() -> None:
    bare = Suppression(channel="email", address="ann@example.com")

    result = bare.refuse(ANN)

    assert isinstance(result, Rejected)
    assert result.error.startswith("the address is suppressed; to send anyway: ")
