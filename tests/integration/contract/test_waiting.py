"""Copies that wait and copies that are dead: their queues, headers and properties on RabbitMQ."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pika.spec import BasicProperties

from tests.integration.contract.http_peer import http_peer
from tests.integration.contract.outside import Home, golden
from tests.integration.contract.rabbit_peer import Message, RabbitPeer
from tests.integration.contract.scene import BASE, settings_for, unique
from tests.integration.contract.smtp_peer import smtp_peer
from tests.integration.contract.test_topology import arguments

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS: dict[str, Any] = golden("copies")

PRODUCER: dict[str, Any] = {
    "content_type": "application/json",
    "correlation_id": "c-1",
    "timestamp": 1_700_000_000,
    "type": "order.paid",
    "app_id": "shop",
    "priority": 5,
    "expiration": "3600000",
    "reply_to": "answers",
    "headers": {"traceparent": TRACE, "x-own": "kept back", "x-dispatcher-attempt": "nonsense"},
}
KEPT = ("content_type", "correlation_id", "timestamp", "type", "app_id", "priority")

MESSAGES: dict[str, dict[str, Any]] = {
    "dead": {"to": ["ada@example.com", "unknown-1@example.com"]},
    "tried": {"to": ["ada@example.com", "full-1@example.com"]},
    "doubted": {"to": "doubt-1@example.com"},
    "nameless": {"id": None, "to": "full-2@example.com"},
    "tier": {"delay": "61m"},
    "ladder": {"delay": "31m"},
    "at a time": {"send_at": "2099-01-01T00:00:00+01:00"},
    "one of two": {
        "channels": ["email", "slack"],
        "to": {"email": "full-3@example.com", "slack": "C7"},
    },
    "throttled": {"channel": "telegram", "to": 4299},
    "half": {"channel": "telegram", "to": 4288, "template": "parts"},
}
QUEUES = {
    "dead": ".dead",
    "tried": ".retry.3600000",
    "doubted": ".retry.3600000",
    "nameless": ".retry.3600000",
    "tier": ".retry.3600000",
    "ladder": ".retry.1800000",
    "at a time": ".retry.86400000",
    "one of two": ".retry.3600000",
    "throttled": ".retry.1800000",
    "half": ".retry.1800000",
}


@dataclass
class Stored:
    """What a worker with one tier of an hour has left in the broker. `body` by message."""

    queue: str
    body: dict[str, bytes] = field(default_factory=dict)
    found: dict[str, list[Message]] = field(default_factory=dict)
    bound: int = 0

    def copy(self, name: str) -> BasicProperties:
        """The one copy of the message, in the queue where it must be."""
        found = self.found[QUEUES[name]]
        (properties,) = [p for p, body in found if body == self.body[name]]
        return properties

    def headers(self, name: str) -> dict[str, Any]:
        return {k: v for k, v in self.copy(name).headers.items() if k not in {"x-delivery-count"}}


@pytest.fixture(scope="module")
def stored(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    queues = unique("contract-wait")
    stored = Stored(queues["email"])
    ends = {*QUEUES.values(), ".retry.3600000"}
    try:
        with smtp_peer() as smtp, http_peer(patience=2_000) as http, RabbitPeer(broker_url) as peer:
            settings = settings_for(broker_url, queues, smtp, http)
            shop = f"{stored.queue}-shop"
            home = Home(tmp_path_factory.mktemp("waiting"), settings).with_(
                RETRY_DELAYS="1h", BINDINGS=f"{shop}(topic):order.*={stored.queue}"
            )
            home.ok("topology", "apply")
            for name, fields in MESSAGES.items():
                message = {"id": name, **BASE, **fields}
                stored.body[name] = json.dumps(message).encode()
                peer.publish(stored.queue, stored.body[name], **PRODUCER)
            bound = json.dumps({"id": "bound", **BASE}).encode()
            peer.publish("order.paid", bound, exchange=shop)
            peer.publish(stored.queue, bound.replace(b"bound", b"named"), exchange="dispatcher")
            home.ok("worker", "--drain")
            stored.bound = len(smtp.of("bound")) + len(smtp.of("named"))
            stored.found = {end: peer.look(f"{stored.queue}{end}") for end in ends}
        yield stored
    finally:
        with RabbitPeer(broker_url) as peer:
            peer.delete(f"{queue}{end}" for queue in queues.values() for end in ("", *ends))
            peer.delete_exchange(f"{stored.queue}-shop")


@pytest.mark.parametrize("name", MESSAGES)
def test_a_copy_is_where_it_must_be_with_exactly_its_headers(stored: Stored, name: str) -> None:
    assert sorted(stored.headers(name)) == sorted(HEADERS[name])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_copy_has_the_body_it_came_with_and_is_persistent(stored: Stored, name: str) -> None:
    assert stored.copy(name).delivery_mode == 2


@pytest.mark.parametrize("name", MESSAGES)
def test_a_copy_keeps_these_properties_and_no_others(stored: Stored, name: str) -> None:
    copy = stored.copy(name)

    assert {key: getattr(copy, key) for key in KEPT} == {key: PRODUCER[key] for key in KEPT}
    for dropped in ("expiration", "reply_to", "user_id", "cluster_id"):
        assert getattr(copy, dropped) is None


@pytest.mark.parametrize("name", MESSAGES)
def test_a_trace_is_passed_on(stored: Stored, name: str) -> None:
    assert stored.headers(name)["traceparent"] == TRACE


def test_a_dead_copy_says_why_and_for_whom(stored: Stored) -> None:
    headers = stored.headers("dead")

    assert headers["x-dispatcher-reason"] == "recipient_refused"
    assert headers["x-dispatcher-attempt"] == 1
    assert headers["x-dispatcher-queue"] == stored.queue
    assert headers["x-dispatcher-key"] == "dead"
    assert json.loads(headers["x-dispatcher-remaining"]) == ["unknown-1@example.com"]
    assert "550 5.1.1" in headers["x-dispatcher-error"]


def test_a_tried_copy_counts_the_attempt_and_names_the_rest(stored: Stored) -> None:
    headers = stored.headers("tried")

    assert headers["x-dispatcher-attempt"] == 1
    assert json.loads(headers["x-dispatcher-remaining"]) == ["full-1@example.com"]
    assert "452 4.2.2" in headers["x-dispatcher-error"]


def test_times_are_iso_8601_in_utc(stored: Stored) -> None:
    for name in ("tried", "dead"):
        for header in ("first-seen", "failed-at"):
            text = stored.headers(name)[f"x-dispatcher-{header}"]
            assert text.endswith("Z")
            age = datetime.now(UTC) - datetime.fromisoformat(text)
            assert timedelta(0) < age < timedelta(minutes=5)


def test_a_message_without_id_is_known_by_its_hash_and_a_seed(stored: Stored) -> None:
    headers = stored.headers("nameless")

    assert headers["x-dispatcher-key"] == hashlib.sha256(stored.body["nameless"]).hexdigest()
    assert len(bytes.fromhex(headers["x-dispatcher-seed"])) == 8


@pytest.mark.parametrize(("name", "minutes"), [("tier", 61), ("ladder", 31)])
def test_an_exact_wait_spends_no_attempt_and_says_when_it_ends(
    stored: Stored, name: str, minutes: int
) -> None:
    headers = stored.headers(name)

    first = datetime.fromisoformat(headers["x-dispatcher-first-seen"])
    assert headers["x-dispatcher-attempt"] == 0
    due = datetime.fromisoformat(headers["x-dispatcher-due"])
    assert abs(due - first - timedelta(minutes=minutes)) < timedelta(seconds=1)


def test_a_time_to_send_at_is_kept(stored: Stored) -> None:
    due = datetime.fromisoformat(stored.headers("at a time")["x-dispatcher-due"])

    assert due == datetime.fromisoformat("2099-01-01T00:00:00+01:00")


def test_what_a_provider_asks_for_spends_no_attempt(stored: Stored) -> None:
    headers = stored.headers("throttled")

    assert headers["x-dispatcher-attempt"] == 0
    wait = datetime.fromisoformat(headers["x-dispatcher-due"]) - datetime.now(UTC)
    assert timedelta(minutes=30) < wait <= timedelta(seconds=2_000)


def test_a_copy_for_one_of_several_channels_names_it(stored: Stored) -> None:
    headers = stored.headers("one of two")

    assert headers["x-dispatcher-channel"] == "email"
    assert json.loads(headers["x-dispatcher-remaining"]) == ["full-3@example.com"]


def test_a_copy_of_a_message_in_parts_says_how_far_it_came(stored: Stored) -> None:
    resume = json.loads(stored.headers("half")["x-dispatcher-resume"])

    assert list(resume) == ["4288"]
    assert isinstance(resume["4288"], str)


def test_a_tier_is_made_with_its_arguments(stored: Stored, broker_url: str) -> None:
    with RabbitPeer(broker_url) as peer:
        for end in (".retry.1800000", ".retry.86400000", ".retry.3600000"):
            ms = int(end.rpartition(".")[2])
            name = stored.queue + end
            assert peer.exists_as(name, arguments("retry", stored.queue, ms)), name


def test_what_comes_through_an_exchange_is_sent(stored: Stored) -> None:
    assert stored.bound == 2
