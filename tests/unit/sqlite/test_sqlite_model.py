"""The queue against a model of it, over generated histories of several consumers."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.inbound.contract import DeadCopy, InboundMessage, Release, Remove, RetryCopy
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from adapters.sqlite.queue_rows import Ended
from tests.fakes import FakeClock

LEASE = timedelta(seconds=30)
OWNERS = ("a", "b", "c")
seconds = st.integers(min_value=0, max_value=90)


@dataclass
class Expected:
    """Where one message is, as the model sees it."""

    visible_at: datetime
    owner: str | None = None
    id: int | None = None
    dead: bool = False
    handed_out: int = 0


class QueueMachine(RuleBasedStateMachine):
    """Every body is unique to one message and its copies; the model keeps one entry for each."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.queue = SqliteQueue(Path(self._folder.name) / "queue.db", self.clock)
        self.expected: dict[bytes, Expected] = {}
        self.held: dict[str, list[InboundMessage]] = {owner: [] for owner in OWNERS}
        self.published = 0

    def teardown(self) -> None:
        asyncio.run(self.queue.close())
        self._folder.cleanup()

    @rule()
    def publish(self) -> None:
        body = b"%d" % self.published
        self.published += 1
        asyncio.run(self.queue.publish("email", body, Properties(), {}))
        self.expected[body] = Expected(self.clock.time)

    @rule(wait=seconds)
    def time_passes(self, wait: int) -> None:
        self.clock.time += timedelta(seconds=wait)

    @rule(owner=st.sampled_from(OWNERS), count=st.integers(min_value=0, max_value=4))
    def lease(self, owner: str, count: int) -> None:
        ready = self.ready()
        taken, _ = self.exchange(owner, room=count)

        bodies = {leased.body for leased in taken}
        assert bodies <= ready
        assert len(bodies) == len(taken) == min(count, len(ready))
        for leased in taken:
            entry = self.expected[leased.body]
            assert leased.delivery_count == entry.handed_out
            assert leased.redelivered == (entry.handed_out > 0)
            entry.owner, entry.id = owner, leased.tag
            entry.visible_at = self.clock.time + LEASE
            entry.handed_out += 1
        self.held[owner] += taken

    @rule(owner=st.sampled_from(OWNERS))
    def renew(self, owner: str) -> None:
        self.exchange(owner, held=[leased.tag for leased in self.held[owner]])
        for leased in self.held[owner]:
            if self.is_owner(owner, leased):
                entry = self.expected[leased.body]
                entry.visible_at = self.clock.time + LEASE

    @rule(owner=st.sampled_from(OWNERS), wait=seconds)
    def settle_for_later(self, owner: str, wait: int) -> None:
        delay = timedelta(seconds=wait)
        for leased in self.end(owner, [RetryCopy(delay=delay, headers={"n": 1})]):
            self.expected[leased.body] = Expected(self.clock.time + delay)

    @rule(owner=st.sampled_from(OWNERS))
    def settle_dead(self, owner: str) -> None:
        for leased in self.end(owner, [DeadCopy(headers={})]):
            self.expected[leased.body] = Expected(self.clock.time, dead=True)

    @rule(owner=st.sampled_from(OWNERS))
    def settle_done(self, owner: str) -> None:
        for leased in self.end(owner, []):
            del self.expected[leased.body]

    @rule(owner=st.sampled_from(OWNERS))
    def hand_back(self, owner: str) -> None:
        for leased in self.end(owner, None):
            entry = self.expected[leased.body]
            entry.owner, entry.visible_at = None, self.clock.time

    @rule(owner=st.sampled_from(OWNERS))
    def crash(self, owner: str) -> None:
        self.held[owner] = []

    @rule(release=st.booleans())
    def decide(self, release: bool) -> None:
        for id_ in asyncio.run(self.queue.dead_ids("email"))[:1]:
            letter = asyncio.run(self.queue.dead_letter(id_, "email"))
            assert letter is not None
            decision = Release(headers={}) if release else Remove.REMOVE
            asyncio.run(self.queue.decide(id_, "email", decision))
            del self.expected[letter.body]
            if release:
                self.expected[letter.body] = Expected(self.clock.time)

    @rule()
    def reopen(self) -> None:
        asyncio.run(self.queue.close())

    @invariant()
    def the_dead_are_those_expected(self) -> None:
        ids = asyncio.run(self.queue.dead_ids("email"))
        letters = [asyncio.run(self.queue.dead_letter(id_, "email")) for id_ in ids]
        dead = sorted(body for body, entry in self.expected.items() if entry.dead)
        assert sorted(letter.body for letter in letters if letter) == dead

    @invariant()
    def it_is_empty_when_all_is_dead_or_delayed(self) -> None:
        waiting = [e for e in self.expected.values() if not e.dead]
        busy = [e for e in waiting if e.owner or e.visible_at <= self.clock.time]
        assert asyncio.run(self.queue.is_empty(["email"])) == (not busy)

    def ready(self) -> set[bytes]:
        now = self.clock.time
        return {b for b, e in self.expected.items() if not e.dead and e.visible_at <= now}

    def is_owner(self, owner: str, leased: InboundMessage) -> bool:
        """Whether the message is still in this owner's hands, and no copy has taken its place."""
        entry = self.expected.get(leased.body)
        return entry is not None and (entry.owner, entry.id) == (owner, leased.tag)

    def end(
        self, owner: str, copies: Sequence[RetryCopy | DeadCopy] | None
    ) -> list[InboundMessage]:
        """End all that `owner` holds; those that were still its own."""
        held, self.held[owner] = self.held[owner], []
        latest = {leased.tag: leased for leased in held}
        mine = [leased for leased in latest.values() if self.is_owner(owner, leased)]
        ended = [Ended(message=one, copies=copies) for one in latest.values()]
        _, lost = self.exchange(owner, ended=ended)
        assert sorted(lost) == sorted(set(latest) - {leased.tag for leased in mine})
        return mine

    def exchange(
        self, owner: str, *, ended: Sequence[Ended] = (), held: Sequence[int] = (), room: int = 0
    ) -> tuple[list[InboundMessage], list[int]]:
        return asyncio.run(
            self.queue.exchange(owner, ended=ended, held=held, room={"email": room}, lease=LEASE)
        )


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
