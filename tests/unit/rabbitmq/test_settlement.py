"""Those whose copies cannot be stored wait together."""

import asyncio
from collections.abc import Mapping

from adapters.inbound.contract import DeadCopy, InboundMessage, PublishRefused
from adapters.message_format.rules import Properties
from adapters.rabbitmq.backoff import Backoff
from adapters.rabbitmq.settings import RabbitSettings
from adapters.rabbitmq.settlement import Settler
from adapters.secret import Secret
from domain.backoff import DoublingWait
from domain.events import queue_trouble
from tests.fakes import FakePauses

DEAD = "email.dead"


class FullQueue:
    """A link whose queue takes nothing until `has_room`."""

    def __init__(self) -> None:
        self.has_room = False
        self.stored = 0

    async def connection(self) -> None:
        """Nothing is declared over it."""

    async def publish(
        self, queue: str, body: bytes, *, properties: Properties, headers: Mapping[str, str | int]
    ) -> None:
        await asyncio.sleep(0)
        if not self.has_room:
            raise PublishRefused(f"{queue} is full")
        self.stored += 1


class Prepared:
    """A preparer of queues that are all there."""

    async def ensure(self, connection: object, plan: object) -> None:
        """Do nothing."""


class OpenChannel:
    is_open = True


class Scene:
    """A settler, a queue that is full, and what is said of it. `wait`: seconds of a pause."""

    def __init__(self, wait: float) -> None:
        self.link, self.pauses = FullQueue(), FakePauses()
        settings = RabbitSettings(url=Secret("amqp://guest:guest@localhost/"), queues=("email",))
        backoff = Backoff(DoublingWait(first=wait, longest=wait), pick=lambda _, longest: longest)
        self.settler = Settler(
            settings,
            Prepared(),  # type: ignore[arg-type] # a fake
            self.link,  # type: ignore[arg-type] # a fake
            lambda: backoff,
            self.pauses,
        )

    async def bury(self) -> None:
        message = InboundMessage(queue="email", body=b"{}")
        await self.settler.store(message, OpenChannel(), [DeadCopy(headers={})])  # type: ignore[arg-type] # a fake


def test_those_who_fail_together_wait_together_and_it_is_said_once() -> None:
    async def scenario() -> None:
        scene = Scene(wait=0.05)
        storing = [asyncio.create_task(scene.bury()) for _ in range(100)]
        while not scene.pauses.pauses:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        scene.link.has_room = True
        await asyncio.gather(*storing)

        name = str(queue_trouble(DEAD))
        assert scene.pauses.pauses == [(name, f"{DEAD} is full"), (name, None)]
        assert scene.link.stored == 100

    asyncio.run(scenario())


def test_a_waiter_that_is_cancelled_does_not_hold_up_the_others() -> None:
    async def scenario() -> None:
        scene = Scene(wait=60)
        first = asyncio.create_task(scene.bury())
        while not scene.pauses.pauses:
            await asyncio.sleep(0)
        second = asyncio.create_task(scene.bury())
        await asyncio.sleep(0.01)
        scene.link.has_room = True
        first.cancel()
        async with asyncio.timeout(30):
            await second

        assert scene.link.stored == 1

    asyncio.run(scenario())
