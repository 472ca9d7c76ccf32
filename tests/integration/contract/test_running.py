"""A worker's pages, and what it and `status` say while something is away. Embedded queue."""

import json
import shutil
from typing import Any

import pytest

from tests.integration.contract.outside import (
    GOLDEN,
    Home,
    free_port,
    get,
    golden,
    page,
    shape_faults,
)
from tests.integration.contract.smtp_peer import smtp_peer

OUTPUTS: dict[str, Any] = golden("outputs")
SEND = ("send", "note", "--to", "ada@example.com", "--data", '{"name": "Ada"}', "--subject", "Hi")


@pytest.fixture
def house(home: Home) -> Home:
    """A folder with the templates and an embedded queue."""
    shutil.copytree(GOLDEN / "templates", home.folder / "templates")
    return home.with_(EMAIL_FROM="shop@example.com", LOG_FORMAT="json")


def text(port: int, path: str) -> str:
    page = get(port, path)
    return "" if page is None else page.text


def test_the_pages_of_a_worker(house: Home) -> None:
    port = free_port()
    with house.with_(HTTP=f"127.0.0.1:{port}").process("worker") as worker:
        worker.until(lambda: (ready := get(port, "/readyz")) and ready.status == 200)
        live, ready, metrics = (page(port, path) for path in ("/livez", "/readyz", "/metrics"))
        absent, refused = page(port, "/"), page(port, "/livez", "POST")
        states = house.read("status")
        code = worker.stop()

    assert live.status == 200
    assert (ready.status, ready.content_type) == (200, "application/json")
    assert json.loads(ready.text) == {"ready": True, "causes": []}
    assert metrics.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert (absent.status, refused.status) == (404, 405)
    assert shape_faults(states, OUTPUTS["status"]) == []
    assert all(len(state["workers"]) == 1 for state in states)
    assert code == 0


def test_while_the_relay_is_away_the_channel_is_paused(house: Home) -> None:
    port = free_port()
    away = house.with_(EMAIL_URL="smtp://127.0.0.1:1", HTTP=f"127.0.0.1:{port}")
    away.ok(*SEND, "--id", "waits")
    with away.process("worker") as worker:
        worker.until(
            lambda: 'dispatcher_channel_paused{channel="email"} 1' in text(port, "/metrics")
        )
        live, ready = page(port, "/livez"), page(port, "/readyz")
        worker.until(lambda: away.read("status")[0]["pauses"], pause=1)
        states = away.read("status")
        code = worker.stop()

    assert (live.status, ready.status) == (200, 503)
    said = json.loads(ready.text)
    assert shape_faults(said, OUTPUTS["readyz"]) == []
    assert [cause["name"] for cause in said["causes"]] == ["email"]
    assert not said["ready"]
    assert shape_faults(states, OUTPUTS["status"]) == []
    assert [pause["name"] for pause in states[0]["pauses"]] == ["email"]
    assert code == 0
    assert away.read("failed", "list") == []
    assert away.read("status")[0]["ready"] == 1


def test_while_the_broker_is_away_a_worker_waits(house: Home) -> None:
    port = free_port()
    away = house.with_(
        BROKER_URL="amqp://guest:guest@127.0.0.1:1/",
        EMAIL_URL="maildir:box",
        HTTP=f"127.0.0.1:{port}",
    )
    with away.process("worker") as worker:
        worker.until(lambda: (ready := get(port, "/readyz")) and ready.status == 503)
        said = json.loads(text(port, "/readyz"))
        live = page(port, "/livez")
        code = worker.stop()

    assert live.status == 200
    assert shape_faults(said, OUTPUTS["readyz"]) == []
    assert said["causes"]
    assert code == 0


def test_a_used_up_ceiling_is_seen_in_the_metrics_and_in_status(house: Home) -> None:
    port = free_port()
    with smtp_peer() as smtp:
        slow = house.with_(EMAIL_URL=smtp.url, EMAIL_RATE="1/h", HTTP=f"127.0.0.1:{port}")
        for number in range(2):
            slow.ok(*SEND, "--id", f"number-{number}")
        with slow.process("worker") as worker:
            closed = f'dispatcher_relay_closed_until{{relay="127.0.0.1:{smtp.port}"}} '
            worker.until(lambda: closed in text(port, "/metrics"))
            metrics = text(port, "/metrics")
            worker.until(lambda: "relays" in slow.read("status")[0], pause=1)
            email = slow.read("status")[0]
            code = worker.stop()

    assert "# TYPE dispatcher_relay_closed_until gauge\n" in metrics
    assert "closed_until" in email["relays"][f"127.0.0.1:{smtp.port}"]
    assert len(smtp.mails) == 1
    assert code == 0


def test_limits_end_a_worker_with_success(house: Home) -> None:
    for number in range(2):
        house.ok(*SEND, "--id", f"number-{number}")

    house.ok("worker", "--limit", "1", "--channels", "email")
    house.ok("worker", "--time-limit", "0.1")
    house.ok("worker", "--drain", "--processes", "2")

    assert len(list((house.folder / "var" / "mail" / "new").iterdir())) == 2
