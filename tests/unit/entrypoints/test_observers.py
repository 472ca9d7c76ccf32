"""A fault of those who watch reaches no delivery."""

from structlog.testing import capture_logs

from domain.alerts import AlertPolicy
from domain.errors import MalformedMessage
from domain.notification import Notification
from domain.outcome import Outcome, Sent
from entrypoints.observers import Observers
from entrypoints.vitals import Vitals
from tests.fakes import FakeClock, a_notification, recipients


class Broken:
    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        raise KeyError(queue)

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        raise ZeroDivisionError


class Listening:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        self.heard.append(f"delivered {queue}")

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        self.heard.append(f"malformed {queue}")


def test_field_1_1_an_observer_that_fails_costs_the_others_nothing_and_is_logged_once() -> None:
    listening = Listening()
    observers = Observers(Broken(), listening)
    outcome = Outcome(attempt=1, results=(Sent(recipient=recipients("a@example.com")[0]),))
    with capture_logs() as logs:
        for _ in range(3):
            observers.delivered("email", a_notification(), outcome)
            observers.malformed("email", "key", MalformedMessage(["to: is required"]))

    assert listening.heard == ["delivered email", "malformed email"] * 3
    assert [entry["observer"] for entry in logs] == ["Broken.delivered", "Broken.malformed"]


class BrokenAlerts(AlertPolicy):
    def trouble(self, *_: object, **__: object) -> None:
        raise RuntimeError("full")


def test_field_1_1_alerts_that_fail_raise_nothing_into_a_channel_that_pauses() -> None:
    vitals = Vitals(BrokenAlerts(FakeClock()))
    with capture_logs():
        vitals.pause("email", "refused")
        vitals.trouble("queues", "gone")

    assert vitals.troubles(is_consuming=True) == {"email": "refused", "queues": "gone"}
