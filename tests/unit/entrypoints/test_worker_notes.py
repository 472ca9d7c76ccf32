"""What a worker writes down of itself, and what is read of it."""

import asyncio
import time
from collections.abc import Callable, Coroutine

from adapters.channels.shared.learned import Fact, Learned
from adapters.inbound.contract import InboundMessage
from adapters.inbound.in_hand import InHand, QueueInHand
from adapters.message_format.rules import Properties
from domain.breaker import Pause
from entrypoints.watching.notes import (
    DEAD_AFTER,
    PauseState,
    RelayState,
    relay_states,
    worker_states,
)
from entrypoints.watching.periodic import WorkerNotes
from tests.fakes import NOON
from tests.support.ledger_store import MemoryPaces

NOW = NOON.timestamp()
PAUSE = Pause(cause="421 for ann@example.com", since=NOON, next_try=NOON)


class Scene:
    """A store that several workers write into, and a clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = MemoryPaces(lambda: self.now)

    def watch(
        self,
        name: str,
        pauses: dict[str, Pause] | None = None,
        learned: Learned | None = None,
    ) -> WorkerNotes:
        in_hand = InHand(clock=lambda: NOW - 60)
        for _ in range(2):
            in_hand.take(a_message("email"))
        return WorkerNotes(
            self.store,
            in_hand,
            learned or Learned(),
            lambda: pauses or {},
            name=name,
            clock=lambda: self.now,
        )

    async def seen(self) -> list[str]:
        notes = await self.store.notes()
        return [state.worker for state in worker_states(notes, lambda: self.now)]


def run(body: Callable[[Scene], Coroutine[None, None, None]]) -> None:
    asyncio.run(body(Scene()))


def test_field_8_8_what_a_worker_says_is_read_back_without_addresses() -> None:
    async def body(scene: Scene) -> None:
        await scene.watch("a", {"email": PAUSE}).renew()

        [state] = worker_states(await scene.store.notes(), lambda: NOW)
        assert (state.worker, state.at, state.settled_at) == ("a", NOW, None)
        cause = "421 for ***@example.com"
        assert state.pauses == (PauseState(name="email", cause=cause, since=NOW, next_try=NOW),)
        assert state.in_hand == {"email": QueueInHand(count=2, oldest=NOW - 60)}

    run(body)


def test_field_8_8_workers_side_by_side_have_a_place_each() -> None:
    async def body(scene: Scene) -> None:
        watches = [scene.watch(name) for name in "abc"]
        await asyncio.gather(*(watch.renew() for watch in watches))
        await asyncio.gather(*(watch.renew() for watch in watches))

        assert await scene.seen() == ["a", "b", "c"]
        await watches[1].withdraw()
        assert await scene.seen() == ["a", "c"]

    run(body)


def test_field_8_8_a_worker_that_is_silent_is_not_shown_and_its_place_is_taken() -> None:
    async def body(scene: Scene) -> None:
        silent = scene.watch("silent")
        await silent.renew()
        scene.now += DEAD_AFTER + 1
        assert await scene.seen() == []
        await scene.watch("new").renew()
        assert len(await scene.store.notes()) == 1

        await silent.renew()

        assert sorted(await scene.seen()) == ["new", "silent"]

    run(body)


def test_field_8_8_nonsense_in_the_ledger_is_passed_over() -> None:
    notes = {"worker 1": "{", "worker 2": "[]", "worker 3": '{"worker": 1}', "learned x": "{}"}

    assert worker_states(notes) == []
    assert relay_states(notes) == {}


def test_what_is_learned_of_a_relay_is_read_back_until_it_is_forgotten() -> None:
    async def body(scene: Scene) -> None:
        scene.now = round(time.time(), 3)
        learned = Learned()
        learned.note("relay:25", Fact.RATE, 14.0)
        watch = scene.watch("a", learned=learned)
        await watch.renew()
        found = relay_states(await scene.store.notes())
        assert found == {"relay:25": RelayState(facts={"rate": 14.0}, at=scene.now)}

        learned.note("relay:25", Fact.RATE, None)
        await watch.withdraw()

        assert relay_states(await scene.store.notes()) == {}

    run(body)


def a_message(queue: str, timestamp: int | None = None, first_seen: str = "") -> InboundMessage:
    headers = {"x-dispatcher-first-seen": first_seen} if first_seen else {}
    return InboundMessage(
        queue=queue, body=b"", headers=headers, properties=Properties(timestamp=timestamp)
    )


def test_field_8_8_the_oldest_in_hand_is_known_by_what_its_message_says() -> None:
    in_hand = InHand(clock=lambda: NOW)
    in_hand.take(a_message("email", timestamp=int(NOW) - 50))
    oldest = a_message("email", first_seen="2026-01-31T11:00:00Z")
    in_hand.take(oldest)
    in_hand.take(a_message("slack"))
    in_hand.take(a_message("slack", timestamp=1))  # nonsense
    in_hand.take(a_message("slack", timestamp=int(NOW) + 10**6))

    assert in_hand.by_queue() == {
        "email": QueueInHand(count=2, oldest=NOW - 3600),
        "slack": QueueInHand(count=3, oldest=NOW),
    }
    in_hand.let_go(oldest, is_settled=True)
    assert in_hand.by_queue()["email"] == QueueInHand(count=1, oldest=int(NOW) - 50)
    assert in_hand.settled_at == NOW


def test_half_a_character_in_a_cause_costs_no_note() -> None:
    async def body(scene: Scene) -> None:
        cut = Pause(cause="Conflict: \ud83d bot", since=NOON, next_try=NOON)
        await scene.watch("a", {"telegram": cut}).renew()

        [state] = worker_states(await scene.store.notes(), lambda: NOW)
        assert state.pauses[0].cause == "Conflict: \ufffd bot"

    run(body)


def test_the_age_of_a_queue_is_the_wait_of_the_message_that_was_taken_last() -> None:
    now = [NOW]
    in_hand = InHand(clock=lambda: now[0])
    in_hand.take(a_message("email", timestamp=int(NOW) - 50))
    now[0] += 5
    in_hand.take(a_message("email", timestamp=int(NOW) - 15))
    in_hand.take(a_message("email", timestamp=int(NOW) - 900, first_seen="2026-01-31T11:00:00Z"))
    in_hand.take(a_message("slack"))
    now[0] += 2

    assert in_hand.ages() == {"email": (20.0, 7.0), "slack": (0.0, 2.0)}
