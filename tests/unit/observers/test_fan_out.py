"""An observer's fault reaches neither the others nor a delivery."""

from structlog.testing import capture_logs

from adapters.observers.subscribers import FanOut
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
    events = FanOut(before, Broken(), after)
    sent, paused = dispatched(Sent(recipient=ANN)), TroubleBegan(EMAIL, "away")

    with capture_logs() as logs:
        for _ in range(3):
            events.emit(sent)
            events.emit(paused)

    assert before.events == after.events == [sent, paused] * 3
    assert [(entry["observer"], entry["log_level"]) for entry in logs] == [("Broken", "error")] * 2
    assert [type(entry["exc_info"]) for entry in logs] == [KeyError, ZeroDivisionError]


def test_a_subscriber_gets_the_events_of_its_types_only() -> None:
    everything, some = FakeEvents(), FakeEvents()
    events = FanOut((some, (QueueRecreated, TroubleBegan)), everything)

    for event in EACH:
        events.emit(event)

    assert everything.events == list(EACH)
    assert {type(event) for event in some.events} == {QueueRecreated, TroubleBegan}
