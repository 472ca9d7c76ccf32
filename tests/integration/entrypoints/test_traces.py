"""A message's trace goes with it: through retries and dead letters, out to providers and events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest

from tests.support.http_server import Answer, HttpServer
from tests.support.orders import shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.threads import in_thread
from tests.support.worker import Worker, running

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{TRACE_ID}-b7ad6b7169203331-01"
TOKEN = "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
TAKEN = Answer(200, {"ok": True, "result": {}})
REFUSED = {
    "webhook": Answer(404),
    "slack": Answer(200, {"ok": False, "error": "channel_not_found"}),
    "telegram": Answer(200, {"ok": False, "error_code": 403, "description": "Forbidden: blocked"}),
}
BUSY = {
    "webhook": Answer(503),
    "slack": Answer(200, {"ok": False, "error": "internal_error"}),
    "telegram": Answer(200, {"ok": False, "error_code": 500, "description": "Internal Error"}),
}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with in_thread(HttpServer(default=TAKEN)) as server:
        yield server


class Traced:
    """A worker that serves one HTTP channel, and publishes outcome events."""

    def __init__(self, folder: Path, broker: Broker, queue: str, channel: str, url: str) -> None:
        self.folder, self.queue, self.channel, self._url = folder, queue, channel, url
        self.exchange, self.audit = f"{queue}.events", f"{queue}.audit"
        self._broker = broker
        note = folder / "templates/note"
        self.settings = shop_settings(folder, broker.url, "maildir:mail", queue) | {
            "queues": f"{channel}={queue}",
            "webhook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "webhook_allow_private": "on",
            "slack_token": "xoxb-1",
            "slack_api_url": f"{url}/slack/",
            "telegram_token": TOKEN,
            "telegram_api_url": f"{url}/telegram",
            "retry_delays": "200ms",
            "events": self.exchange,
        }
        note.mkdir()
        for part in ("text", "slack", "telegram"):
            (note / f"{part}.jinja2").write_text("Hello")

    @contextmanager
    def running(self, **environment: str) -> Iterator[tuple[Worker, Peer]]:
        settings = self.settings | environment
        with running(self.folder, settings) as worker, Peer(self._broker.url) as peer:
            worker.wait_for("consuming")
            peer.declare(self.audit)
            peer.bind(self.audit, self.exchange, "#")
            yield worker, peer
            assert worker.terminate() == 0, worker.output
            peer.delete_exchange(self.exchange)

    def publish(self, peer: Peer, traceparent: str | bytes | None = TRACE) -> None:
        address = {"webhook": f"{self._url}/hook", "slack": "C123ABC456", "telegram": 77}
        body = json.dumps({"id": "n-1", "to": address[self.channel], "template": "note"})
        headers: dict[str, Any] = {} if traceparent is None else {"traceparent": traceparent}
        properties = pika.BasicProperties(delivery_mode=2, headers=headers)
        peer.publish(self.queue, body.encode(), properties=properties)

    def events(self, worker: Worker, peer: Peer, count: int) -> list[dict[str, Any]]:
        worker.wait_until(lambda: peer.ready(self.audit) == count)
        return [json.loads(body) for _, body in peer.take_all(self.audit)]


@pytest.mark.parametrize("channel", BUSY)
def test_the_trace_goes_through_a_retry_out_to_the_provider_the_log_and_the_events(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: HttpServer, channel: str
) -> None:
    server.on(BUSY[channel], times=1)
    traced = Traced(tmp_path, rabbitmq, queue, channel, server.url)
    with traced.running() as (worker, peer):
        traced.publish(peer)
        worker.wait_for("notification sent")
        events = traced.events(worker, peer, 2)

    assert [request.headers["traceparent"] for request in server.requests] == [TRACE] * 2
    assert [(one["type"].rpartition(".")[2], one["traceparent"]) for one in events] == [
        ("deferred", TRACE),
        ("sent", TRACE),
    ]
    lines = [*worker.events("notification deferred"), *worker.events("notification sent")]
    assert [line["trace_id"] for line in lines] == [TRACE_ID] * 2


def test_a_dead_letter_keeps_the_trace(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: HttpServer
) -> None:
    server.on(REFUSED["webhook"])
    traced = Traced(tmp_path, rabbitmq, queue, "webhook", server.url)
    with traced.running() as (worker, peer):
        traced.publish(peer)
        worker.wait_until(lambda: peer.ready(f"{queue}.dead") == 1)
        [(properties, _)] = peer.take_all(f"{queue}.dead")
        [event] = traced.events(worker, peer, 1)

    assert (properties.headers or {})["traceparent"] == event["traceparent"] == TRACE
    assert worker.events("notification dead-lettered")[0]["trace_id"] == TRACE_ID


@pytest.mark.parametrize("given", [TRACE.encode(), f"01{TRACE[2:]}-a-field-of-later"])
def test_a_trace_in_bytes_or_of_a_later_version_is_passed_on_as_one_of_ours(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: HttpServer, given: str | bytes
) -> None:
    traced = Traced(tmp_path, rabbitmq, queue, "webhook", server.url)
    with traced.running() as (worker, peer):
        traced.publish(peer, given)
        sent = worker.wait_for("notification sent")
        [event] = traced.events(worker, peer, 1)

    [request] = server.requests
    assert request.headers["traceparent"] == event["traceparent"] == TRACE
    assert sent["trace_id"] == TRACE_ID


@pytest.mark.parametrize("text", [None, "00-1-2-01", f"{TRACE}\r\nX-Injected: 1"])
def test_what_is_no_trace_is_not_passed_on(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: HttpServer, text: str | None
) -> None:
    traced = Traced(tmp_path, rabbitmq, queue, "webhook", server.url)
    with traced.running() as (worker, peer):
        traced.publish(peer, text)
        sent = worker.wait_for("notification sent")
        [event] = traced.events(worker, peer, 1)

    [request] = server.requests
    assert "traceparent" not in {*request.headers, *event}
    assert "x-injected" not in request.headers
    assert "trace_id" not in sent
