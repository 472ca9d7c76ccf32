"""Working folders for commands, and one run of a worker that several tests look at."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.contract.http_peer import http_peer
from tests.integration.contract.outside import Home, Running, free_port, get
from tests.integration.contract.rabbit_peer import RabbitPeer
from tests.integration.contract.scene import (
    DELAYS,
    Case,
    Scene,
    accepted,
    case_of,
    failing,
    is_quiet,
    malformed,
    publish,
    settings_for,
    unique,
)
from tests.integration.contract.smtp_peer import smtp_peer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty working folder without settings."""
    return Home(tmp_path, {})


@pytest.fixture(scope="session")
def broker_url(rabbitmq: Any) -> str:
    """A RabbitMQ 4."""
    return str(rabbitmq.url)


@pytest.fixture(scope="session")
def scene(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """All messages of the golden files, sent through one worker. The worker has ended."""
    queues = unique("contract")
    folder = tmp_path_factory.mktemp("contract")
    try:
        with smtp_peer() as smtp, http_peer() as http, RabbitPeer(broker_url) as peer:
            scene = Scene(
                home=Home(folder, settings_for(broker_url, queues, smtp, http)),
                broker=broker_url,
                queues=queues,
                smtp=smtp,
                http=http,
                accepted=accepted(queues),
                malformed=malformed(queues),
                failing=failing(queues),
            )
            _play(scene, peer)
        yield scene
    finally:
        tiers = (f".retry.{delay}" for delay in DELAYS)
        ends = ("", ".dead", *tiers, ".suppress", ".suppress.dead")
        with RabbitPeer(broker_url) as peer:
            peer.delete(f"{queue}{end}" for queue in queues.values() for end in ends)


def _play(scene: Scene, peer: RabbitPeer) -> None:
    scene.home.ok("topology", "apply")
    _poison(scene, peer)
    port = free_port()
    with scene.home.with_(HTTP=f"127.0.0.1:{port}").process("worker") as worker:
        worker.until(lambda: (page := get(port, "/readyz")) and page.status == 200)
        publish(peer, [*scene.accepted, *scene.malformed, *scene.failing])
        _settled(scene, peer, worker, port)
        publish(peer, _latecomers(scene))
        _settled(scene, peer, worker, port, more=1)
        pages = {path: get(port, path) for path in ("/metrics", "/readyz")}
        scene.exit_code = worker.stop()
    for page in pages.values():
        assert page is not None
    scene.metrics = pages["/metrics"].text if pages["/metrics"] else ""
    scene.ready = json.loads(pages["/readyz"].text) if pages["/readyz"] else None
    scene.letters = scene.home.read("failed", "list")
    exported = scene.home.ok("failed", "export").stdout
    scene.exported = [json.loads(line) for line in exported.splitlines()]
    scene.dead = {queue: peer.look(f"{queue}.dead") for queue in scene.queues.values()}


def _poison(scene: Scene, peer: RabbitPeer) -> None:
    """Let the broker itself give up on a message."""
    queue = scene.queues["email"]
    peer.publish(queue, b'{"id": "poison-1"}')
    peer.wear_out(queue, 60)
    assert peer.ready(queue) == 0


def _latecomers(scene: Scene) -> list[Case]:
    """One that slows us down; one that was sent, again as it was and with another body."""
    first = next(case for case in scene.accepted if case.id == "one-string")
    other = first.body.replace(b"Hello", b"Changed")
    throttled = {"fields": {"to": "fast-1@example.com"}}
    return [
        case_of(throttled, "throttled", scene.queues),
        first,
        Case(first.id, first.queue, other, {}, {"reason": "conflict"}),
    ]


def _settled(scene: Scene, peer: RabbitPeer, worker: Running, port: int, *, more: int = 0) -> None:
    """Wait until every message has ended: those that fail are dead, nothing waits."""
    lost = [case for case in scene.accepted if "fails" in case.row]
    dead = 1 + len(lost) + len(scene.malformed) + len(scene.failing) + more

    def holds() -> bool:
        found = [peer.ready(f"{queue}.dead") or 0 for queue in scene.queues.values()]
        page = get(port, "/metrics")
        is_idle = page is not None and "dispatcher_in_flight 0\n" in page.text
        return sum(found) >= dead and is_idle and is_quiet(peer, scene.queues.values())

    worker.until(holds)
