"""compose.yaml with two workers that share a Redis, and behind a traefik that runs already."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.compose_stack import REDIS, TRAEFIK, image_of, running_stack
from tests.support.containers import MAILPIT
from tests.support.ports import free_port
from tests.support.tools import ROOT, run, tool
from tests.support.worker import wait_until

pytestmark = pytest.mark.slow

_REDIS_ENV = ROOT / "deploy/compose/redis.env"


def test_two_workers_share_the_ledger_on_redis_and_wait_while_it_is_away(tmp_path: Path) -> None:
    lines = [line for line in _REDIS_ENV.read_text().splitlines() if not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines)

    with running_stack(tmp_path, images=[REDIS], env=settings) as stack:
        ids = stack.send(100)
        wait_until(lambda: all(stack.times(ids)), on_failure=stack.log)
        sent = [line for line in stack.log().splitlines() if '"notification sent"' in line]
        senders = {line.split("|")[0] for line in sent}
        stack.compose("stop", "redis")
        held = stack.send(20)
        time.sleep(5)
        early = sum(stack.times(held))
        stack.start()
        wait_until(lambda: all(stack.times(held)), on_failure=stack.log)

        assert early == 0
        assert len(senders) == 2
        assert set(stack.times([*ids, *held])) == {1}


def test_mailpit_is_the_mailbox_by_one_variable(tmp_path: Path) -> None:
    mailpit = {"MAILBOX_IMAGE": image_of(MAILPIT)}

    with running_stack(tmp_path, images=[MAILPIT], env=mailpit) as stack:
        ids = stack.send(5)

        def in_the_mailbox() -> list[str]:
            status, page = stack.get("mail.localhost", "/api/v1/messages")
            assert status == 200
            mails = [one["ID"] for one in json.loads(page)["messages"]]
            headers = [
                stack.get("mail.localhost", f"/api/v1/message/{id_}/headers") for id_ in mails
            ]
            return sorted(json.loads(text)["X-Dispatcher-Id"][0] for _, text in headers)

        wait_until(lambda: in_the_mailbox() == sorted(ids), on_failure=stack.log)


def test_a_traefik_that_runs_already_shows_console_and_mailbox_by_labels(tmp_path: Path) -> None:
    port, network = free_port(), f"dispatcher-test-{uuid.uuid4().hex[:8]}"
    services = ("rabbitmq", "mailbox", "dispatcher")
    labels = str(ROOT / "deploy/compose/labels.yaml")
    with (
        _traefik_of_another_stack(port, network),
        running_stack(
            *(tmp_path, *services), port=port, files=[labels], env={"TRAEFIK_NETWORK": network}
        ) as stack,
    ):
        ids = stack.send(5)

        wait_until(lambda: set(stack.times(ids)) == {1}, on_failure=stack.log)
        assert b"RabbitMQ" in stack.get("rabbit.localhost")[1]
        assert stack.get("localhost")[0] == 404
        assert "traefik" not in stack.compose("ps", "--services").split()


@contextmanager
def _traefik_of_another_stack(port: int, network: str) -> Iterator[None]:
    """It reads the labels of the containers of its network."""
    docker = tool("docker")
    run(docker, "network", "create", network)
    try:
        run(
            *(docker, "run", "-d", "--name", network, "--network", network),
            *("-v", "/var/run/docker.sock:/var/run/docker.sock", "-p", f"127.0.0.1:{port}:8000"),
            *(image_of(TRAEFIK), "--entrypoints.web.address=:8000", "--providers.docker=true"),
            "--providers.docker.exposedbydefault=false",
            f"--providers.docker.constraints=Label(`traefik.docker.network`,`{network}`)",
        )
        yield
    finally:
        run(docker, "rm", "-f", "-v", network)
        run(docker, "network", "rm", network)
