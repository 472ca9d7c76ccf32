"""The watchdog on settlement: it barks at silence that has no known reason, and at no other."""

import asyncio
import time

from structlog.testing import capture_logs

from adapters.inbound.contract import InboundMessage
from adapters.inbound.in_hand import InHand
from domain.events import SETTLEMENT, TroubleBegan, TroubleEnded
from entrypoints.watching.periodic import SettlementWatch, repeated
from tests.fakes import FakeEvents


class Scene:
    def __init__(self) -> None:
        self.in_hand = InHand()
        self.is_paused = False
        self.events = FakeEvents()
        self.watch = SettlementWatch(
            self.in_hand, is_paused=lambda: self.is_paused, events=self.events
        )

    @property
    def reports(self) -> list[str | None]:
        """The words of each stall, and None where one ended."""
        assert all(
            isinstance(event, TroubleBegan | TroubleEnded) and event.trouble == SETTLEMENT
            for event in self.events.events
        )
        return [getattr(event, "error", None) for event in self.events.events]

    def take(self) -> InboundMessage:
        message = InboundMessage(queue="email", body=b"{}")
        self.in_hand.take(message)
        return message

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds // 5):
            self.watch.look(5.0)


def test_field_1_3_messages_in_hand_of_which_none_settles_for_two_minutes_are_reported_once() -> (
    None
):
    scene = Scene()
    scene.take()
    scene.take()

    scene.pass_time(115)
    assert scene.reports == []
    scene.pass_time(300)
    assert scene.reports == ["2 messages are in hand and no message was settled for 120 seconds"]


def test_field_1_3_the_next_message_that_is_settled_ends_it() -> None:
    scene = Scene()
    first = scene.take()
    scene.take()
    scene.pass_time(130)

    scene.in_hand.let_go(first, is_settled=True)
    scene.pass_time(5)
    assert scene.reports[1:] == [None]
    scene.pass_time(115)
    assert len(scene.reports) == 2
    scene.pass_time(10)
    assert len(scene.reports) == 3


def test_field_1_3_messages_that_are_only_handed_back_do_not_count_as_settled() -> None:
    scene = Scene()
    for _ in range(26):
        taken = scene.take()
        scene.pass_time(5)
        scene.in_hand.let_go(taken, is_settled=False)
        scene.take()

    assert len(scene.reports) == 1


def test_field_1_3_an_idle_worker_and_one_that_settles_now_and_then_are_left_alone() -> None:
    scene = Scene()
    scene.pass_time(1000)
    for _ in range(20):
        taken = scene.take()
        scene.pass_time(100)
        scene.in_hand.let_go(taken, is_settled=True)
        scene.take()

    assert scene.reports == []


def test_field_1_3_a_pause_is_a_reason_and_the_time_counts_from_its_end() -> None:
    scene = Scene()
    scene.take()
    scene.is_paused = True
    scene.pass_time(1000)
    assert scene.reports == []

    scene.is_paused = False
    scene.pass_time(115)
    assert scene.reports == []
    scene.pass_time(5)
    assert len(scene.reports) == 1


def test_a_standstill_of_ten_minutes_is_hopeless_until_a_message_is_settled() -> None:
    scene = Scene()
    taken = scene.take()
    scene.pass_time(595)
    assert scene.watch.standstill() == ""

    scene.pass_time(10)
    assert "no message was settled for 605 seconds" in scene.watch.standstill()

    scene.in_hand.let_go(taken, is_settled=True)
    scene.pass_time(5)
    assert scene.watch.standstill() == ""


def test_a_pause_of_any_length_is_not_hopeless() -> None:
    scene = Scene()
    scene.take()
    scene.is_paused = True

    scene.pass_time(10_000)

    assert scene.watch.standstill() == ""


def test_what_is_repeated_goes_on_after_a_fault_that_is_logged_once() -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(len(calls))
        if len(calls) in {2, 3}:
            raise RuntimeError

    async def body() -> None:
        async with repeated(work, 0.001, fault="looking failed"):
            async with asyncio.timeout(30):
                while len(calls) < 5:
                    await asyncio.sleep(0.001)

    with capture_logs() as logs:
        asyncio.run(body())

    assert [entry["event"] for entry in logs] == ["looking failed"]


def test_what_is_repeated_ends_at_once_and_has_a_last_word_where_it_has_patience() -> None:
    said: list[str] = []

    async def stuck() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            said.append("put back")

    async def last() -> None:
        await asyncio.sleep(0)
        said.append("last word")

    async def body() -> None:
        async with repeated(stuck, 60):
            await asyncio.sleep(0.01)
        async with repeated(lambda: None, 60, at_end=last, patience=5):
            await asyncio.sleep(0.01)

    started = time.monotonic()
    asyncio.run(body())

    assert said == ["put back", "last word"]
    assert time.monotonic() - started < 4
