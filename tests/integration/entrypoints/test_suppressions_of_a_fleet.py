"""A list of suppressions on Redis, and the queue for addresses on RabbitMQ."""

import json
from pathlib import Path

import pytest
from redis import Redis

from tests.support.rabbit import Broker, Peer
from tests.support.redis_server import RedisServer
from tests.support.suppression_desk import ANN, BOB, Desk, a_note


def test_while_redis_is_away_nothing_is_sent_and_no_attempt_is_spent(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    desk = Desk(tmp_path, suppressions=own_redis.url)
    desk.command("suppress", "add", ANN)
    own_redis.kill()
    with desk.worker() as worker:
        desk.publish(a_note([ANN, BOB], id="n-1"))
        worker.wait_for("suppressions cannot be asked; nothing is sent")
        (status,) = [q for q in desk.command("status", "--json") if q["queue"] == "email"]
        assert status["ready"] == 0
        assert desk.written_to == set()

        own_redis.start()
        worker.wait_for("suppressions can be asked again")
        worker.wait_for("notification dead-lettered")
        assert worker.terminate() == 0

    assert desk.written_to == {BOB}
    assert [(one["reason"], one["attempt"]) for one in desk.dead()] == [("suppressed", 0)]


@pytest.mark.parametrize("topology", ["adopt", "own", "none"])
def test_on_rabbitmq_a_bounce_handler_publishes_to_the_queue_next_to_it(
    tmp_path: Path, rabbitmq: Broker, queue: str, topology: str
) -> None:
    desk = Desk(
        tmp_path,
        broker_url=rabbitmq.url,
        queues=f"email={queue}",
        topology=topology,
        retry_delays="200ms",
    )
    with Peer(rabbitmq.url) as peer, desk.worker() as worker:
        if topology == "none":
            peer.declare(queue)
        worker.wait_until(lambda: len(worker.events("consuming")) == 2)
        for body in ({"address": ANN, "reason": "550 gone"}, {"reason": "no address"}):
            raw = json.dumps(body).encode()
            peer.publish(f"{queue}.suppress", raw, exchange="dispatcher")
        worker.wait_for("address suppressed")
        worker.wait_for("message dead-lettered")
        note = json.dumps(a_note([ANN, BOB], id="n-1")).encode()
        peer.publish(queue, note, exchange="dispatcher")
        worker.wait_until(lambda: desk.written_to == {BOB})
        worker.wait_for("notification dead-lettered")
        assert worker.terminate() == 0

    assert {(one["queue"], one["reason"]) for one in desk.dead()} == {
        (queue, "suppressed"),
        (f"{queue}.suppress", "malformed"),
    }
    shown = {row["name"] for row in desk.command("topology", "show", "--json")}
    assert {f"{queue}.suppress", f"{queue}.suppress.dead"} <= shown
    assert not any(name.startswith(f"{queue}.suppress.retry") for name in shown)
    assert desk.command("topology", "check", "--json") == []
    states = {one["queue"]: one for one in desk.command("status", "--json")}
    assert (states[f"{queue}.suppress"]["ready"], states[f"{queue}.suppress"]["dead"]) == (0, 1)


def test_what_never_matches_and_what_may_be_lost_on_redis_is_shown(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    desk = Desk(tmp_path, suppressions=own_redis.url)
    assert "make sure that no list was lost" in " ".join(desk.command("doctor").split())
    with Redis.from_url(own_redis.url) as redis:
        redis.hset("dispatcher:suppressions", "email:Ann@Example.com", "by hand")
        redis.config_set("maxmemory-policy", "allkeys-lru")
    desk.command("suppress", "add", BOB)

    listed = desk.command("suppress", "list")
    doctor = " ".join(desk.command("doctor").split())

    assert "! Ann@Example.com" in listed
    assert f"! {BOB}" not in listed
    assert "an address marked with ! never matches" in listed
    assert "1 of them never match as they are written" in doctor
    assert "a full server drops addresses from the list" in doctor
