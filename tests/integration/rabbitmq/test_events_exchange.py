"""An exchange for outcome events that was there before: worker, `doctor` and `topology check` judge
it alike. And an event that is too large for it."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.rabbitmq.outcome_events import OutcomeExchange
from adapters.rabbitmq.settings import TopologyMode
from adapters.rabbitmq.topology import Topology, TopologyFinding
from tests.support.consuming import settings_for
from tests.support.orders import shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.worker import run_command

KIND = "application/cloudevents+json"
WRONG = "the exchange for outcome events is of the wrong type"
AWAY = "outcome events cannot be published; deliveries go on"


@pytest.mark.parametrize("mode", [TopologyMode.ADOPT, TopologyMode.NONE, TopologyMode.OWN])
@pytest.mark.parametrize("kind", ["topic", "fanout", "headers", "direct"])
def test_all_judge_an_exchange_of_any_type_alike(
    rabbitmq: Broker, queue: str, exchange: str, tmp_path: Path, kind: str, mode: TopologyMode
) -> None:
    settings = settings_for(rabbitmq, queue, events=exchange, topology=mode)
    asyncio.run(Topology(settings_for(rabbitmq, queue, topology=TopologyMode.ADOPT)).apply())
    outcomes = OutcomeExchange(settings, exchange, KIND, last=2.0 if mode != "own" else 0.1)
    audit = f"{queue}.audit"
    with Peer(rabbitmq.url) as peer:
        peer.declare_exchange(exchange, kind)
        peer.declare(audit)
        peer.bind(audit, exchange, "email.*")

        async def publish() -> None:
            async with outcomes.at_work():
                outcomes.take("email.sent", "1", b"an event")

        with capture_logs() as logs:
            asyncio.run(publish())
        found = asyncio.run(Topology(settings).check())
        shop = shop_settings(tmp_path, rabbitmq.url, "smtp://127.0.0.1:9", queue)
        shop |= {"events": exchange, "topology": mode.value}
        doctor = run_command("doctor", settings=shop, cwd=tmp_path).stdout
        [line] = [one for one in doctor.splitlines() if f"exchange {exchange}" in one]
        arrived = [body for _, body in peer.take_all(audit)]

    differences = {d.name: d.finding for d in found}
    is_good = kind == "topic" or (mode is not TopologyMode.OWN and kind != "direct")
    assert arrived == ([b"an event"] if is_good else [])
    assert differences.get(exchange) == (None if is_good else TopologyFinding.DIFFERS)
    if is_good:
        assert logs == []
        assert line.startswith("ok ")
        assert f"is there for outcome events (type {kind})" in line
    else:
        assert line.startswith("warning ")
        assert f"has type={kind}" in line
        assert logs[0]["event"] == (AWAY if mode is TopologyMode.OWN else WRONG)
        assert f"has type={kind}" in logs[0]["error"]


def test_a_direct_exchange_is_adopted_for_exact_keys(
    rabbitmq: Broker, queue: str, exchange: str
) -> None:
    outcomes = OutcomeExchange(settings_for(rabbitmq, queue), exchange, KIND, last=2.0)
    audit = f"{queue}.audit"
    with Peer(rabbitmq.url) as peer:
        peer.declare_exchange(exchange, "direct")
        peer.declare(audit)
        peer.bind(audit, exchange, "email.sent")

        async def publish() -> None:
            async with outcomes.at_work():
                outcomes.take("email.sent", "1", b"an event")

        with capture_logs() as logs:
            asyncio.run(publish())

        assert [body for _, body in peer.take_all(audit)] == [b"an event"]
    assert [line["event"] for line in logs] == [WRONG]
    assert "bound with email.sent" in logs[0]["error"]


def test_an_event_that_is_larger_than_the_room_for_all_says_so(
    rabbitmq: Broker, queue: str, exchange: str
) -> None:
    outcomes = OutcomeExchange(settings_for(rabbitmq, queue), exchange, KIND, capacity=100)

    async def scenario() -> None:
        async with outcomes.at_work():
            outcomes.take("email.sent", "1", bytes(101))
            outcomes.take("email.sent", "2", bytes(100))

    with capture_logs() as lines:
        asyncio.run(scenario())

    [line] = lines
    assert (line["event"], line["events"]) == ("outcome events are dropped", 1)
    assert line["error"] == "it has 101 bytes, more than can wait (100)"
    assert (outcomes.published, outcomes.dropped) == (1, 1)
