"""DISPATCHER_EVENTS names an exchange for events alone."""

import pytest

from entrypoints.settings import SettingsInvalid
from entrypoints.start import worker_settings
from tests.unit.entrypoints.loading import faults, load


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dispatcher", "is the exchange of the queues"),
        ("webgui", "belongs to another program"),
        ("shop", "must not be an exchange of DISPATCHER_BINDINGS"),
        ("x" * 256, "at most 200 printable bytes"),
        (
            "acc.events(topic)",
            "write the exchange's name alone, 'acc.events'; its type is",
        ),
        ("acc.events (fanout)", "write the exchange's name alone, 'acc.events'"),
        ("acc.events(topic):email.*=audit", "write the exchange's name alone, 'acc.events'"),
        ("acc:events:#=audit", "write the exchange's name alone, 'acc'"),
        ("acc.events,other", "write the exchange's name alone, 'acc.events'"),
    ],
)
def test_an_exchange_that_cannot_take_the_outcome_events_is_refused(name: str, words: str) -> None:
    environ = {"DISPATCHER_BINDINGS": "shop(topic):#=email", "DISPATCHER_EVENTS": name}

    [fault] = faults(environ)

    assert fault.startswith("DISPATCHER_EVENTS: ")
    assert words in fault


@pytest.mark.parametrize("name", ["acc.events", "Shop:Events", "amq.topic", "mine events"])
def test_an_exchange_s_name_may_have_what_rabbitmq_allows(name: str) -> None:
    assert load({"DISPATCHER_EVENTS": name}).events == name


def test_outcome_events_need_a_broker_with_exchanges() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        worker_settings(load({"DISPATCHER_EVENTS": "outcomes"}), None)

    [fault] = refused.value.faults
    assert fault.startswith("DISPATCHER_EVENTS: needs RabbitMQ: set DISPATCHER_BROKER_URL")
