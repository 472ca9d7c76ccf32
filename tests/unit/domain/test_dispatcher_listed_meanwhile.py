"""Who comes onto the list of suppressions while a mail waits gets nothing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.channels.shared.guard import GuardedNotifier, GuardRules
from adapters.template_parts import ChannelParts
from domain.channel_sender import AttachmentRoom
from domain.content import InDoubtPolicy
from domain.errors import FailureReason, Throttled, Unavailable
from domain.ledger import RecipientState
from domain.notification import Attachment
from domain.outcome import Outcome, Sent
from domain.suppressions import SuppressionsUnavailable
from tests.fakes import NOON, FakeClock, FakeNotifier, a_delivery
from tests.fakes import a_notification as notification
from tests.support.ledger_store import LedgerStore
from tests.unit.domain.house import ANN, BOB, CY, House
from tests.unit.domain.waiting import Waiting, reasons

BOTH = ("ann@example.com", "bob@example.com")
AWAY = Unavailable("the relay is away")


class SlowNotifier(FakeNotifier):
    """A notifier that takes two seconds for each message before the payload leaves."""

    clock: FakeClock

    async def notify(self, *arguments: Any, **named: Any) -> Any:
        await self.clock.sleep(2)
        return await super().notify(*arguments, **named)


class TwoRelays(SlowNotifier):
    """A notifier whose first relay refuses each mail at its end. The second gets it two seconds
    later."""

    async def notify(self, *arguments: Any, **named: Any) -> Any:
        _, _, _, about_to_send = arguments
        await about_to_send()
        return await super().notify(*arguments, **named)


def test_while_the_channel_was_paused() -> None:
    waiting = Waiting("ann@example.com", notifier=FakeNotifier(failures=[AWAY]))

    outcome = waiting.send(*BOTH)

    assert waiting.served == ["bob@example.com"]
    assert reasons(outcome) == {"ann@example.com": FailureReason.SUPPRESSED}
    assert outcome.sent == (Sent(recipient=BOB),)
    assert not outcome.rejected[0].attempt_spent


def test_where_all_have_come_onto_it_nothing_is_sent() -> None:
    waiting = Waiting(*BOTH, notifier=FakeNotifier(failures=[AWAY, AWAY]))

    outcome = waiting.send(*BOTH)

    assert waiting.served == []
    assert set(reasons(outcome).values()) == {FailureReason.SUPPRESSED}


def test_while_the_provider_asked_for_a_short_wait() -> None:
    short = Throttled("slowly", retry_after=timedelta(seconds=5))
    short.in_hand = True
    waiting = Waiting("ann@example.com", notifier=FakeNotifier(failures=[AWAY, short]))

    assert reasons(waiting.send(*BOTH)) == {"ann@example.com": FailureReason.SUPPRESSED}


def test_while_another_process_was_sending_it() -> None:
    store = LedgerStore()
    waiting = Waiting("ann@example.com", store=store)
    delivery = a_delivery(notification(to=BOTH))
    other = store.ledger()

    async def main() -> Outcome:
        start = await other.start(delivery)
        sending = asyncio.create_task(waiting.house.dispatcher.dispatch(delivery))
        while sum(waiting.clock.slept) < 1:
            await asyncio.sleep(0)
        await other.finish(start.claim, ())
        return await sending

    outcome = asyncio.run(main())

    assert reasons(outcome) == {"ann@example.com": FailureReason.SUPPRESSED}
    assert waiting.served == ["bob@example.com"]


def test_in_the_course_of_many_mails_to_one_each() -> None:
    notifier = SlowNotifier()
    waiting = Waiting("cy@example.com", notifier=notifier)
    notifier.clock = waiting.clock

    outcome = waiting.send(*BOTH, "cy@example.com", individually=True)

    assert waiting.served == list(BOTH)
    assert reasons(outcome) == {"cy@example.com": FailureReason.SUPPRESSED}


def test_while_files_of_others_were_under_way() -> None:
    async def size_of(_paths: object) -> int:
        await waiting.clock.sleep(2)
        return 1

    waiting = Waiting("ann@example.com", room=AttachmentRoom(100, size_of))
    file = Attachment(filename="a.txt", path="a.txt")

    outcome = waiting.send("ann@example.com", attachments=(file,))

    assert reasons(outcome) == {"ann@example.com": FailureReason.SUPPRESSED}


def test_who_was_served_in_a_first_message_keeps_it_where_the_next_one_waits() -> None:
    notifier = SlowNotifier(most=1)
    waiting = Waiting(notifier=notifier)
    notifier.clock = waiting.clock
    waiting.addresses = ("bob@example.com",)
    waiting.clock.meanwhile = lambda: waiting.come() if waiting.served else None

    outcome = waiting.send(*BOTH, "cy@example.com")

    assert waiting.served == ["ann@example.com", "cy@example.com"]
    assert [one.recipient for one in outcome.sent] == [ANN, CY]
    assert reasons(outcome) == {"bob@example.com": FailureReason.SUPPRESSED}


def goes_away(waiting: Waiting) -> Callable[[], None]:
    """What makes the list go away at the first wait, for three answers."""
    away: list[Exception] = [SuppressionsUnavailable("redis is away")] * 3

    def meanwhile() -> None:
        waiting.store.failures += away
        away.clear()
        waiting.come()

    return meanwhile


def test_a_list_that_is_away_by_then_is_waited_for_outside_of_the_provider_s_connection() -> None:
    waiting = Waiting("ann@example.com", notifier=FakeNotifier(failures=[AWAY]))
    waiting.clock.meanwhile = goes_away(waiting)

    outcome = waiting.send(*BOTH)

    assert waiting.served == ["bob@example.com"]
    assert reasons(outcome) == {"ann@example.com": FailureReason.SUPPRESSED}
    assert [error for name, error in waiting.events.pauses if name == "suppressions"][-1] is None


def test_a_mail_that_expires_while_the_list_is_away_is_not_sent() -> None:
    notifier = SlowNotifier()
    waiting = Waiting(notifier=notifier)
    notifier.clock = waiting.clock
    waiting.clock.meanwhile = goes_away(waiting)

    outcome = waiting.send(*BOTH, expires_at=NOON + timedelta(seconds=5))

    assert waiting.served == []
    assert notifier.calls == 1
    assert set(reasons(outcome).values()) == {FailureReason.EXPIRED}


def test_the_list_is_not_asked_between_two_groups_of_which_the_first_was_sent() -> None:
    notifier = SlowNotifier()
    rules = GuardRules(only_to=("ann@example.com",), redirect_to={"email": CY})
    guarded = GuardedNotifier(notifier, "email", rules, ChannelParts())
    waiting = Waiting(*BOTH, notifier=guarded)
    notifier.clock = waiting.clock
    waiting.clock.meanwhile = lambda: waiting.come() if notifier.delivered else None

    outcome = waiting.send(*BOTH)

    assert notifier.addresses == ["ann@example.com", "cy@example.com"]
    assert {one.recipient for one in outcome.sent} == {ANN, BOB}


@pytest.mark.parametrize(("seconds", "times"), [(1, 1), (0, 2)], ids=["kept", "in memory"])
def test_a_mail_that_did_not_wait_asks_again_only_where_that_costs_nothing(
    seconds: int, times: int
) -> None:
    waiting = Waiting()
    waiting.store.keeps_for = timedelta(seconds=seconds)

    assert len(waiting.send(*BOTH).sent) == 2

    assert waiting.store.asked == [BOTH] * times


@pytest.mark.parametrize("policy", InDoubtPolicy)
@pytest.mark.parametrize("is_late", [True, False])
def test_what_is_in_doubt_and_listed_is_never_called_unsent(
    policy: InDoubtPolicy, is_late: bool
) -> None:
    store = LedgerStore()
    delivery = a_delivery(notification(to=("ann@example.com",)), redelivered=True)
    House(store=store).die_with(delivery, sending=True)
    notifier = FakeNotifier(failures=[AWAY] if is_late else [])
    waiting = Waiting("ann@example.com", store=store, in_doubt=policy, notifier=notifier)
    if not is_late:
        waiting.come()

    outcome = waiting.deliver(delivery)

    assert waiting.served == []
    assert reasons(outcome) == {"ann@example.com": FailureReason.IN_DOUBT}
    assert not outcome.is_refused_for_good


def test_before_the_next_relay_gets_it() -> None:
    notifier = TwoRelays()
    waiting = Waiting("ann@example.com", notifier=notifier)
    notifier.clock = waiting.clock

    outcome = waiting.send(*BOTH)

    assert waiting.served == ["bob@example.com"]
    assert reasons(outcome) == {"ann@example.com": FailureReason.SUPPRESSED}


def test_a_stop_while_the_list_is_away_between_two_relays_leaves_nothing_in_doubt() -> None:
    notifier, store = TwoRelays(), LedgerStore()
    waiting = Waiting(notifier=notifier, store=store)
    notifier.clock = waiting.clock
    away = [SuppressionsUnavailable("redis is away")] * 1000
    waiting.clock.meanwhile = lambda: waiting.store.failures.extend(away)
    delivery = a_delivery(notification(to=BOTH))

    async def main() -> None:
        sending = asyncio.create_task(waiting.house.dispatcher.dispatch(delivery))
        while not (waiting.events.pauses or sending.done()):
            await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        states = await store.ledger().peek(delivery)
        assert set(states.values()) == {RecipientState.CLEAR}

    asyncio.run(main())
    assert waiting.served == []
