"""A house in which addresses come onto the list of suppressions while a mail waits."""

import asyncio
from collections.abc import Callable
from typing import Any

from domain.delivery import Delivery
from domain.errors import FailureReason
from domain.outcome import Outcome
from domain.suppressions import Suppression, SuppressionAccess
from tests.fakes import FakeClock, FakePauses, FakeSuppressions, a_delivery
from tests.fakes import a_notification as notification
from tests.unit.domain.house import House


class Hours(FakeClock):
    """A clock that does something in each sleep."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self.meanwhile()


class Waiting:
    """A house in which these addresses come onto the list at the first wait."""

    def __init__(self, *addresses: str, **more: Any) -> None:
        self.store = FakeSuppressions()
        self.addresses = addresses
        self.events = FakePauses()
        self.clock = Hours(self.come)
        access = SuppressionAccess(self.store, lambda _, a: a.lower(), self.clock, self.events)
        self.house = House(clock=self.clock, suppressions=access, **more)

    def come(self) -> None:
        for address in self.addresses:
            entry = Suppression(channel="email", address=address, reason="bounced")
            self.store.listed[entry.key] = entry

    def deliver(self, delivery: Delivery) -> Outcome:
        return asyncio.run(self.house.dispatcher.dispatch(delivery))

    def send(self, *to: str, **more: Any) -> Outcome:
        return self.deliver(a_delivery(notification(to=to, **more)))

    @property
    def served(self) -> list[str]:
        return self.house.notifier.addresses


def reasons(outcome: Outcome) -> dict[str, FailureReason]:
    return {one.recipient.address: one.reason for one in outcome.rejected}
