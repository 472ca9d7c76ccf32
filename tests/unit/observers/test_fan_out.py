"""An observer's fault reaches neither the others nor a delivery."""

from structlog.testing import capture_logs

from adapters.observers.fan_out import FanOut
from domain.events import Event, NotificationDispatched, QueueRecreated, TroubleBegan
from domain.outcome import Sent
from tests.fakes import FakeEvents
from tests.support.events import ANN, EACH, EMAIL, dispatched


class Broken:
    """Raises another kind of error for each kind of event."""

    def emit(self, event: Event) -> None:
        raise KeyError("x") if isinstance(event, NotificationDispatched) else ZeroDivisionError


def test_field_1_1_an_observer_that_fails_costs_the_others_nothing_and_is_logged_once() -> None:
    before, after = FakeEvents(), FakeEvents()
    events = FanOut()
    for sink in (before, Broken(), after):
        events.subscribe(sink)
    sent, paused = dispatched(Sent(recipient=ANN)), TroubleBegan(EMAIL, "away")

    with capture_logs() as logs:
        for _ in range(3):
            events.emit(sent)
            events.emit(paused)

    assert before.events == after.events == [sent, paused] * 3
    assert [(entry["observer"], entry["log_level"]) for entry in logs] == [("Broken", "error")] * 2
    assert [type(entry["exc_info"]) for entry in logs] == [KeyError, ZeroDivisionError]


def test_a_subscriber_gets_the_events_of_its_types_only() -> None:
    events, everything, some = FanOut(), FakeEvents(), FakeEvents()
    events.subscribe(some, QueueRecreated, TroubleBegan)
    events.subscribe(everything)

    for event in EACH:
        events.emit(event)

    assert everything.events == list(EACH)
    assert {type(event) for event in some.events} == {QueueRecreated, TroubleBegan}


def test_one_that_subscribes_later_gets_what_happens_from_then_on() -> None:
    events, late = FanOut(), FakeEvents()
    event = dispatched(Sent(recipient=ANN))
    events.emit(event)

    events.subscribe(late)
    events.emit(event)

    assert late.events == [event]
