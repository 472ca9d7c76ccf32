"""An all-clear comes when the letters of a cause have gone, and at little cost for the broker."""

import asyncio
import json
from collections.abc import Callable

from adapters.inbound.contract import BrokerUnavailable, Decide, InboundMessage, ignored
from domain.alerts import GATHER, AlertPolicy, DeadLetterCause
from domain.errors import FailureReason
from entrypoints.watching.alerts import CALM, READ_AT_MOST, AllClear
from tests.fakes import FakeClock

INVOICE = DeadLetterCause(
    reason=FailureReason.TEMPLATE_MISSING, template="invoice", channel="email"
)
WELCOME = DeadLetterCause(
    reason=FailureReason.TEMPLATE_MISSING, template="welcome", channel="email"
)


class Shelf:
    """Dead letters in memory; `held` of them are in somebody else's hands, and `taken` of them
    come there between a count and a visit."""

    def __init__(self) -> None:
        self.letters: list[InboundMessage] = []
        self.held = 0
        self.taken = 0
        self.is_away = False
        self.counts = 0
        self.visits = 0

    def add(self, cause: DeadLetterCause, count: int = 1) -> None:
        body = json.dumps({"to": "a@example.com", "template": cause.template}).encode()
        headers = {"x-dispatcher-reason": str(cause.reason)}
        letter = InboundMessage(queue="email", body=body, headers=headers)
        self.letters += [letter] * count

    def retry(self, template: str) -> None:
        self.letters = [one for one in self.letters if template.encode() not in one.body]

    async def count(self, queue: str) -> int:
        assert queue == "email"
        self.counts += 1
        if self.is_away:
            raise BrokerUnavailable("away")
        return len(self.letters) - self.held

    async def visit(
        self,
        queue: str,
        decide: Decide,
        done: Callable[[InboundMessage], None] = ignored,
    ) -> int:
        assert queue == "email"
        self.visits += 1
        shown = self.letters[self.held + self.taken :]
        for letter in shown:
            await decide(letter)
        return len(shown)

    async def close(self) -> None:
        """Nothing is open."""


class House:
    """A watch over a shelf, and the policy that it tells."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.policy = AlertPolicy(self.clock)
        self.shelf = Shelf()
        self.watch = AllClear(
            policy=self.policy, dead_letters=self.shelf, channels={"email": "email"}
        )

    def die(self, cause: DeadLetterCause, count: int = 1) -> None:
        """They die, and the operator is told."""
        self.shelf.add(cause, count)
        for _ in range(count):
            self.policy.dead_letter(cause, queue="email", error="no")
        self.clock.time += GATHER
        assert [alert.cause for alert in self.policy.due()] == [cause]

    def look(self, times: int = CALM) -> list[DeadLetterCause]:
        """What is called drained in so many looks."""
        for _ in range(times):
            asyncio.run(self.watch.look())
        alerts = self.policy.due()
        assert all(alert.is_over for alert in alerts)
        return [alert.cause for alert in alerts if isinstance(alert.cause, DeadLetterCause)]


def test_without_an_open_alert_the_broker_is_not_asked() -> None:
    house = House()
    house.shelf.add(INVOICE)

    assert house.look() == []

    assert (house.shelf.counts, house.shelf.visits) == (0, 0)


def test_the_all_clear_comes_once_when_the_queue_stays_empty() -> None:
    house = House()
    house.die(INVOICE, 3)
    assert house.look() == []
    house.shelf.retry("invoice")

    assert house.look(CALM - 1) == []
    assert house.look(1) == [INVOICE]

    asked = house.shelf.counts
    assert house.look() == []
    assert house.shelf.counts == asked


def test_one_of_two_causes_is_called_drained_while_the_other_is_left() -> None:
    house = House()
    house.die(INVOICE, 3)
    house.die(WELCOME, 3)
    house.shelf.retry("invoice")

    assert house.look() == [INVOICE]
    house.shelf.retry("welcome")
    assert house.look() == [WELCOME]


def test_letters_are_read_only_when_their_number_has_changed() -> None:
    house = House()
    house.die(INVOICE)
    house.die(WELCOME)

    house.look(10)

    assert (house.shelf.counts, house.shelf.visits) == (10, 1)


def test_of_more_letters_than_are_read_only_the_end_of_all_is_noticed() -> None:
    house = House()
    house.die(INVOICE)
    house.shelf.add(WELCOME, READ_AT_MOST)
    house.shelf.retry("invoice")
    house.shelf.add(WELCOME)

    assert house.look() == []
    assert house.shelf.visits == 0
    house.shelf.letters.clear()
    assert house.look() == [INVOICE]


def test_letters_in_somebody_elses_hands_for_a_look_or_two_are_not_gone() -> None:
    house = House()
    house.die(INVOICE)
    house.shelf.held = 1
    assert house.look(CALM - 1) == []
    house.shelf.held = 0

    assert house.look() == []


def test_letters_that_somebody_takes_while_they_are_read_are_not_gone() -> None:
    house = House()
    house.die(INVOICE)
    house.shelf.add(WELCOME)
    house.shelf.taken = 1

    assert house.look() == []
    house.shelf.taken = 0
    assert house.look() == []


def test_while_the_broker_is_away_nothing_is_concluded() -> None:
    house = House()
    house.die(INVOICE)
    house.shelf.retry("invoice")
    house.look(CALM - 1)
    house.shelf.is_away = True
    assert house.look() == []
    house.shelf.is_away = False

    assert house.look(CALM - 1) == []
    assert house.look(1) == [INVOICE]


def test_letters_that_died_anew_in_place_of_others_are_seen() -> None:
    house = House()
    house.die(INVOICE)
    house.shelf.retry("invoice")
    house.shelf.add(WELCOME)
    house.look(CALM - 1)
    house.shelf.retry("welcome")
    house.clock.time += 100 * GATHER
    house.die(INVOICE)  # as many letters as before

    assert house.look() == []


def test_letters_that_died_anew_are_looked_for_anew() -> None:
    house = House()
    house.die(INVOICE)
    house.shelf.retry("invoice")
    house.look(CALM - 1)
    house.clock.time += 100 * GATHER
    house.die(INVOICE)

    assert house.look() == []


def test_letters_of_untold_causes_are_drained_when_none_at_all_is_left() -> None:
    house = House()
    for number in range(30):
        cause = DeadLetterCause(reason=FailureReason.TEMPLATE_MISSING, template=f"t{number}")
        house.policy.dead_letter(cause, queue="email", error="no")
    house.clock.time += GATHER
    assert len(house.policy.due()) > 1
    house.shelf.add(WELCOME)

    assert DeadLetterCause() not in house.look()
    house.shelf.letters.clear()
    assert house.look() == [DeadLetterCause()]
