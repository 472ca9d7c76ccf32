"""What every EventSink keeps: it takes each event at once, raises nothing and changes nothing."""

import asyncio
from copy import deepcopy

import pytest

from domain.events import Event
from domain.ports import EventSink
from tests.support.events import EACH


class EventSinkContract:
    """Subclasses give a fixture `sink`."""

    @pytest.mark.parametrize("event", EACH, ids=lambda event: type(event).__name__)
    def test_each_event_is_taken_without_an_error(self, sink: EventSink, event: Event) -> None:
        before = deepcopy(event)

        for _ in range(2):
            sink.emit(event)

        assert event == before

    def test_events_are_taken_in_any_order(self, sink: EventSink) -> None:
        for event in (*reversed(EACH), *EACH):
            sink.emit(event)

    def test_an_event_is_taken_while_a_loop_runs_and_waits_for_nothing(
        self, sink: EventSink
    ) -> None:
        async def emit_all() -> int:
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            counting = asyncio.create_task(count())
            await asyncio.sleep(0)
            before = turns
            for event in EACH:
                sink.emit(event)
            after = turns
            counting.cancel()
            return after - before

        assert asyncio.run(emit_all()) == 0
