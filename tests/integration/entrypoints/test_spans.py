"""Spans of a worker at a collector of the test's own."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.entrypoints.test_traces import (
    BUSY,
    REFUSED,
    TAKEN,
    TRACE,
    TRACE_ID,
    Traced,
)
from tests.support.collector import CollectedSpan, Collector
from tests.support.http_server import HttpServer
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker
from tests.support.threads import in_thread
from tests.support.worker import clean_environment, metrics_of, run_command

CONSUMER, CLIENT, INTERNAL = 5, 3, 1


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with in_thread(HttpServer(default=TAKEN)) as server:
        yield server


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """It is where the worker exports to."""
    collector = Collector()
    with in_thread(collector.server) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield collector


def one(spans: list[CollectedSpan]) -> CollectedSpan:
    [span] = spans
    return span


@pytest.mark.parametrize("channel", BUSY)
def test_a_message_has_a_span_with_its_rendering_and_the_call_of_the_provider_in_it(
    tmp_path: Path,
    rabbitmq: Broker,
    queue: str,
    server: HttpServer,
    collector: Collector,
    channel: str,
) -> None:
    traced = Traced(tmp_path, rabbitmq, queue, channel, server.url)
    with traced.running() as (worker, peer):
        traced.publish(peer)
        sent = worker.wait_for("notification sent")
        [event] = traced.events(worker, peer, 1)

    names = (f"process {queue}", "render note", f"send {channel}")
    process, render, send = (one(collector.named(name)) for name in names)
    assert {span.trace_id for span in collector.spans} == {TRACE_ID} == {sent["trace_id"]}
    assert [span.kind for span in (process, render, send)] == [CONSUMER, INTERNAL, CLIENT]
    assert process.parent == TRACE.split("-")[2]
    assert {render.parent, send.parent} == {process.span_id}
    [request] = server.requests
    assert request.headers["traceparent"] == f"00-{TRACE_ID}-{send.span_id}-01"
    assert event["traceparent"] == f"00-{TRACE_ID}-{process.span_id}-01"
    assert process.attributes["messaging.system"] == "rabbitmq"
    assert process.attributes["messaging.destination.name"] == queue
    assert process.attributes["messaging.message.id"] == "n-1"
    [outcome] = process.events
    assert (outcome["id"], outcome["sent"], outcome["channel"]) == ("n-1", 1, channel)
    assert not any(span.is_failed for span in collector.spans)
    assert process.resource["service.name"] == "dispatcher"


def test_a_retry_is_another_span_of_the_same_trace_also_where_the_worker_began_it(
    tmp_path: Path,
    rabbitmq: Broker,
    queue: str,
    server: HttpServer,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mailer")
    server.on(BUSY["webhook"], times=1)
    traced = Traced(tmp_path, rabbitmq, queue, "webhook", server.url)
    with traced.running() as (worker, peer):
        traced.publish(peer, None)
        worker.wait_for("notification sent")
        traced.events(worker, peer, 2)

    first, second = collector.named(f"process {queue}")
    assert first.trace_id == second.trace_id
    assert (first.parent, second.parent) == ("", first.span_id)
    failed, taken = collector.named("send webhook")
    assert (failed.is_failed, taken.is_failed) == (True, False)
    assert failed.attributes["error.type"] == "Transient"
    assert {span.resource["service.name"] for span in collector.spans} == {"mailer"}


def test_two_messages_without_a_trace_begin_one_each(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: HttpServer, collector: Collector
) -> None:
    traced = Traced(tmp_path, rabbitmq, queue, "webhook", server.url)
    with traced.running() as (worker, peer):
        traced.publish(peer, None)
        peer.publish(queue, b"no JSON")
        worker.wait_for("notification sent")
        worker.wait_for("message dead-lettered")
        traced.events(worker, peer, 2)
        [(properties, _)] = peer.take_all(f"{queue}.dead")

    spans = collector.named(f"process {queue}")
    assert len({span.trace_id for span in spans}) == 2
    malformed = one([span for span in spans if span.is_failed])
    assert malformed.trace_id in str((properties.headers or {})["traceparent"])


def test_no_span_holds_an_address_a_text_or_a_secret(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: HttpServer, collector: Collector
) -> None:
    server.on(REFUSED["webhook"])
    traced = Traced(tmp_path, rabbitmq, queue, "webhook", server.url)
    (tmp_path / "templates/note/text.jinja2").write_text("the body of it")
    with traced.running() as (worker, peer):
        traced.publish(peer)
        worker.wait_for("notification dead-lettered")

    process = one(collector.named(f"process {queue}"))
    assert process.is_failed
    assert process.events[0]["dead_lettered"] == "recipient_refused"
    text = "".join(span.text for span in collector.spans)
    assert not re.search(r"/hook|the body of it|whsec_|xoxb-", text)


def test_the_rehearsal_of_a_dead_letter_makes_no_span(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: HttpServer, collector: Collector
) -> None:
    traced = Traced(tmp_path, rabbitmq, queue, "webhook", server.url)
    traced.settings |= {"auto_release": "on", "http": "127.0.0.1:0"}
    note = tmp_path / "templates/note/text.jinja2"
    note.write_text("{{ unknown }}")
    with traced.running() as (worker, peer):
        traced.publish(peer)
        worker.wait_until(lambda: peer.ready(f"{queue}.dead") == 1)
        note.write_text("{{ unknown + 1 }}")
        worker.wait_for("templates changed")
        time.sleep(0.5)  # the rehearsal fails
        note.write_text("Hello")
        worker.wait_for("dead letter released: its template renders now")
        worker.wait_for("notification sent")
        traced.events(worker, peer, 2)
        assert "dispatcher_render_seconds_count 2" in metrics_of(worker)

    assert len(collector.named("render note")) == 2
    assert {span.trace_id for span in collector.spans} == {TRACE_ID}


def test_a_collector_that_is_away_costs_no_message_and_little_time_at_the_end(
    tmp_path: Path,
    rabbitmq: Broker,
    queue: str,
    server: HttpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    traced = Traced(tmp_path, rabbitmq, queue, "webhook", server.url)
    with traced.running() as (worker, peer):
        traced.publish(peer)
        worker.wait_for("notification sent")
        worker.wait_for("OpenTelemetry has a problem; deliveries go on")
        began = time.monotonic()
        assert worker.terminate() == 0
        assert time.monotonic() - began < 10
    assert len(server.accepted) == 1
    assert "Traceback" not in worker.output
    [problem] = worker.events("OpenTelemetry has a problem; deliveries go on")
    assert "127.0.0.1" in problem["detail"]


def test_without_the_variables_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    settings = shop_settings(tmp_path, f"sqlite:///{tmp_path}/queue.db", "maildir:mail", "email")
    fields = {"queue": "email", "headers": {}, "properties": {}, "body": an_order(1).decode()}
    line = json.dumps(fields)
    for arguments, stdin in ((("import", "-"), line), (("retry", "--all", "--yes"), "")):
        done = run_command("failed", *arguments, settings=settings, cwd=tmp_path, stdin=stdin)
        assert done.returncode == 0, done.stderr

    command = [sys.executable, "-X", "importtime", "-m", "entrypoints.worker", "--drain"]
    environment = clean_environment(**settings)
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr
    assert "notification sent" in ended.stderr
    assert "adapters.observers.subscribers" in ended.stderr
    assert "opentelemetry" not in ended.stderr
