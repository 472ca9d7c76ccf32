"""Leases and due times, by a clock that the test moves."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.inbound.contract import DeadCopy, InboundMessage, Release, RetryCopy
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from adapters.sqlite.queue_rows import Ended
from tests.fakes import FakeClock

LEASE = timedelta(seconds=30)
MICROSECOND = timedelta(microseconds=1)


class Desk:
    """A queue file and a clock, spoken to as the consumers `a` and `b` would."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.queue = SqliteQueue(path, self.clock)

    def publish(self, *bodies: bytes, queue: str = "email") -> None:
        for body in bodies:
            asyncio.run(self.queue.publish(queue, body, Properties(), {}))

    def take(self, owner: str, count: int = 1, queue: str = "email") -> list[InboundMessage]:
        leased, _ = asyncio.run(
            self.queue.exchange(owner, ended=(), held=(), room={queue: count}, lease=LEASE)
        )
        return leased

    def end(self, owner: str, *ended: Ended) -> list[int]:
        _, lost = asyncio.run(
            self.queue.exchange(owner, ended=ended, held=(), room={}, lease=LEASE)
        )
        return lost

    def renew(self, owner: str, *held: int) -> None:
        asyncio.run(self.queue.exchange(owner, ended=(), held=held, room={}, lease=LEASE))

    def pass_(self, time: timedelta) -> None:
        self.clock.time += time

    def is_empty(self) -> bool:
        return asyncio.run(self.queue.is_empty(["email"]))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "queue.db")
    yield desk
    asyncio.run(desk.queue.close())


def test_a_leased_message_is_nobody_elses_until_the_lease_ends(desk: Desk) -> None:
    desk.publish(b"x")
    desk.take("a")

    desk.pass_(LEASE - MICROSECOND)
    early = desk.take("b")
    desk.pass_(MICROSECOND)
    (late,) = desk.take("b")

    assert early == []
    assert late.body == b"x"
    assert (late.redelivered, late.delivery_count) == (True, 1)


def test_a_renewed_lease_lasts_from_its_renewal(desk: Desk) -> None:
    desk.publish(b"x")
    (leased,) = desk.take("a")

    desk.pass_(LEASE - MICROSECOND)
    desk.renew("a", leased.tag)
    desk.pass_(LEASE - MICROSECOND)

    assert desk.take("b") == []


def test_who_lost_the_lease_settles_nothing(desk: Desk) -> None:
    desk.publish(b"x")
    (leased,) = desk.take("a")
    desk.pass_(LEASE)
    desk.take("b")

    lost = desk.end("a", Ended(message=leased, copies=[DeadCopy(headers={})]))

    assert lost == [leased.tag]
    assert asyncio.run(desk.queue.dead_ids("email")) == []
    assert desk.end("b", Ended(message=leased, copies=())) == []
    assert desk.is_empty()


def test_who_lost_the_lease_does_not_renew_it(desk: Desk) -> None:
    desk.publish(b"x")
    (leased,) = desk.take("a")
    desk.pass_(LEASE)
    desk.take("b")

    desk.pass_(LEASE)
    desk.renew("a", leased.tag)

    assert len(desk.take("c")) == 1


def test_a_settlement_after_an_expired_lease_that_nobody_took_still_counts(desk: Desk) -> None:
    desk.publish(b"x")
    (leased,) = desk.take("a")
    desk.pass_(LEASE * 2)

    assert desk.end("a", Ended(message=leased, copies=())) == []
    assert desk.take("b") == []


def test_a_settlement_repeated_after_a_broken_answer_stores_nothing_twice(desk: Desk) -> None:
    desk.publish(b"x")
    (leased,) = desk.take("a")
    ended = Ended(message=leased, copies=[DeadCopy(headers={})])

    desk.end("a", ended)
    desk.end("a", ended)

    assert len(asyncio.run(desk.queue.dead_ids("email"))) == 1


@pytest.mark.parametrize(
    "delay", [MICROSECOND, timedelta(milliseconds=300), timedelta(days=3), timedelta.max]
)
def test_a_copy_is_taken_when_it_is_due_and_not_a_microsecond_before(
    desk: Desk, delay: timedelta
) -> None:
    desk.publish(b"x")
    (leased,) = desk.take("a")
    desk.end("a", Ended(message=leased, copies=[RetryCopy(delay=delay, headers={"n": 1})]))
    if delay > timedelta(days=1000):
        assert desk.take("a") == []
        return

    desk.pass_(delay - MICROSECOND)
    early = desk.take("a")
    desk.pass_(MICROSECOND)
    (due,) = desk.take("a")

    assert early == []
    assert (due.headers, due.redelivered) == ({"n": 1}, False)


def test_a_delayed_copy_leaves_the_queue_empty_and_a_leased_message_does_not(desk: Desk) -> None:
    desk.publish(b"x")
    ready = desk.is_empty()
    (leased,) = desk.take("a")
    held = desk.is_empty()
    desk.end("a", Ended(message=leased, copies=[RetryCopy(delay=LEASE, headers={})]))

    assert (ready, held, desk.is_empty()) == (False, False, True)


def test_a_message_handed_back_is_taken_at_once_or_after_its_pause(desk: Desk) -> None:
    desk.publish(b"x")
    (leased,) = desk.take("a")
    desk.end("a", Ended(message=leased, copies=None))
    (again,) = desk.take("b")
    pause = timedelta(seconds=1)
    desk.end("b", Ended(message=again, copies=None, after=pause))

    assert desk.take("b") == []
    assert not desk.is_empty()
    desk.pass_(pause)
    assert [m.delivery_count for m in desk.take("c")] == [2]


def test_a_lease_is_a_small_batch_in_order_from_the_right_queue(desk: Desk) -> None:
    desk.publish(*(b"%d" % n for n in range(40)))
    desk.publish(b"other", queue="slack")

    first = [m.body for m in desk.take("a", count=100)]
    second = [m.body for m in desk.take("b", count=3)]

    assert first == [b"%d" % n for n in range(16)]
    assert second == [b"16", b"17", b"18"]
    assert [m.body for m in desk.take("b", queue="slack")] == [b"other"]


def test_a_letter_that_somebody_else_released_is_not_released_again(desk: Desk) -> None:
    desk.publish(b"x")
    (leased,) = desk.take("a")
    desk.end("a", Ended(message=leased, copies=[DeadCopy(headers={})]))
    (letter,) = asyncio.run(desk.queue.dead_ids("email"))

    for _ in range(2):
        asyncio.run(desk.queue.decide(letter, "email", Release(headers={})))

    assert len(desk.take("a", count=10)) == 1


def test_what_this_process_stores_wakes_its_consumer(desk: Desk) -> None:
    assert not desk.queue.changed.is_set()

    desk.publish(b"x")

    assert desk.queue.changed.is_set()
