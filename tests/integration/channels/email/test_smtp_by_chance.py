"""Thousands of mails to relays that behave by chance: each mail has one answer, and it is true."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import SmtpSettings
from domain.content import Content
from domain.errors import DeliveryError, InDoubt, Permanent
from domain.notification import Recipient
from tests.fakes import a_notification
from tests.support.smtp_chance import DELAYS, Relay
from tests.support.smtp_memory import MemoryLoop

CONTENT = Content(subject="Hello", parts={"text": "Hi.\n.dot\n"}, version="v1")
EARLY = ("takes", "takes", "takes", "forgets", "forgets a part", "refuses")
SCHEDULES = 100
# Each of them has met a fault that there was once.
KNOWN = (1237, 2004, 3475, 4041)

Result = DeliveryError | None | type[asyncio.CancelledError]


class Scene:
    """Some mails, all at once, to one relay; some are cancelled at any moment. The relay, its
    limits, its patience and ours follow from the seed."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.relay = Relay(
            chance,
            early=chance.choice(EARLY),
            faults=chance.choice((0, 0, 0, 0.02, 0.1)),
            slow=chance.choice((DELAYS, (0.0,), (0.0, 0.01), (0.0, 0.01, 0.1, 0.5))),
            check=chance.choice((0.0, 0.03, 0.2)),
            mails=chance.choice((1000, 1000, 1000, 3, 5)),
            recipients=chance.choice((1000, 1000, 1, 2)),
            pipelining=chance.random() < 0.98,
        )
        self.most = chance.choice((1000, 1000, 1000, 2, 5))
        limits = PoolLimits(size=chance.choice((1, 1, 2, 3, 4)), mails=self.most, crowded=0.5)
        times = Timeouts(
            connect=5,
            late=3,
            greeting=9,
            command=chance.choice((5, 0.3)),
            group=chance.choice((0.05, 0.05, 3.0)),
            final=chance.choice((0.3, 1.0, 10.0)),
        )
        self.cancels = chance.choice((0, 0, 0.1, 0.4))
        self.results: dict[str, Result] = {}
        self.tasks: list[asyncio.Task[None]] = []
        MemoryLoop.relay = self.relay
        with asyncio.Runner(loop_factory=MemoryLoop) as runner:
            runner.run(self.main(SmtpSettings(host="relay", port=25), limits, times))

    async def main(self, settings: SmtpSettings, limits: PoolLimits, times: Timeouts) -> None:
        self.relay.before_replies = self.perhaps_cancel
        self.notifier = SmtpNotifier(settings, limits=limits, timeouts=times, ehlo="me.example")
        count = self.chance.randint(3, 30)
        self.tasks = [asyncio.create_task(self.one(number)) for number in range(count)]
        for task in self.tasks:
            if self.chance.random() < self.cancels:
                asyncio.get_running_loop().call_later(self.chance.choice(DELAYS) * 5, task.cancel)
        async with asyncio.timeout(3000):
            await asyncio.gather(*self.tasks)
        await asyncio.sleep(100)  # longer than a connection stays idle
        self.use = dict(self.notifier._pool.use())  # noqa: SLF001 - nothing else shows it
        self.left_open = sum(not peer.wire.is_over for peer in self.relay.peers)
        await self.notifier.close()

    def perhaps_cancel(self) -> None:
        """At the very moment at which replies come."""
        if self.chance.random() < self.cancels / 4:
            under_way = [task for task in self.tasks if not task.done()]
            self.chance.choice(under_way[:5] or self.tasks).cancel()

    async def about_to_send(self, *_: Any) -> None:
        if self.chance.random() < 0.2:
            await asyncio.sleep(self.relay.delay())

    async def one(self, number: int) -> None:
        mark = f"m{number}"
        people = [f"{mark}-{n}@example.com" for n in range(self.chance.choice((1, 1, 1, 2, 3)))]
        sender = Recipient(address=f"{mark}@example.com")
        mail = a_notification(id=mark, to=people, sender=sender)
        result: Result
        try:
            if self.chance.random() < 0.3:
                await asyncio.sleep(self.relay.delay() * 10)
            answers = await self.notifier.notify(mail, CONTENT, mail.recipients, self.about_to_send)
            self.results |= {person.address: answer for person, answer in answers.items()}
        except (DeliveryError, asyncio.CancelledError) as error:
            result = error if isinstance(error, DeliveryError) else asyncio.CancelledError
            self.results |= dict.fromkeys(people, result)

    def faults(self) -> list[str]:
        """What is wrong with the answers, the connections and the mails."""
        relay, found = self.relay, list(self.relay.wrong)
        found += [f"{address} got it twice" for address, n in relay.accepted.items() if n > 1]
        for address, result in self.results.items():
            who = {address, address.partition("-")[0] + "@example.com"}
            is_true = {
                type(None): relay.accepted[address] == 1,
                Permanent: not who.isdisjoint(relay.refused) and not relay.accepted[address],
                InDoubt: True,
                type: True,  # cancelled
            }.get(type(result), not relay.accepted[address])
            if not is_true:
                found.append(f"{address} got {relay.accepted[address]} mails, answer {result!r}")
        found += [f"{key}: {self.use[key]}" for key in ("in_use", "waiting", "opening", "idle")
                  if self.use[key]]  # fmt: skip
        if self.left_open:
            found.append(f"{self.left_open} connections are left open")
        if max((peer.payloads for peer in relay.peers), default=0) > self.most:
            found.append("too many mails went over one connection")
        return found


@pytest.mark.parametrize("seed", KNOWN)
def test_what_once_gave_a_wrong_answer_does_not_again(seed: int) -> None:
    assert Scene(seed).faults() == []


@pytest.mark.parametrize("start", range(0, 5 * SCHEDULES, SCHEDULES))
def test_each_mail_has_one_answer_that_is_true_and_no_connection_is_lost(start: int) -> None:
    kinds: Counter[object] = Counter()
    shared = 0

    for seed in range(start, start + SCHEDULES):
        scene = Scene(seed)
        assert (seed, scene.faults()) == (seed, [])
        shared += scene.relay.shared
        kinds.update(
            result if result is None else type(result) for result in scene.results.values()
        )

    assert shared > SCHEDULES / 2, "commands came early"
    assert kinds[None] > SCHEDULES, kinds
    assert len(kinds) >= 4, "the faults came to pass"
