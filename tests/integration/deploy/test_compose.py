"""The image and compose.yaml, as docs/install.md says it: built, started, used, stopped."""

import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.containers import MAILHOG, RABBITMQ, require_image
from tests.support.mailbox import Mailbox
from tests.support.ports import free_port
from tests.support.readiness import until_it_answers
from tests.support.tools import ROOT, run, tool
from tests.support.worker import wait_until

pytestmark = pytest.mark.slow

IMAGE = os.environ.get("DISPATCHER_TEST_IMAGE", "dispatcher")
TRAEFIK = os.environ.get("DISPATCHER_TEST_TRAEFIK_IMAGE", "traefik:v3.6")


@dataclass(frozen=True)
class Stack:
    """compose.yaml under a project name and a port of its own."""

    port: int
    templates: Path
    name: str = field(default_factory=lambda: f"dispatcher-test-{uuid.uuid4().hex[:8]}")

    def compose(self, *arguments: str, seconds: float = 120) -> str:
        override = self.templates.parent / "override.yaml"
        volumes = f"    volumes: ['{self.templates}:/templates:ro']\n"
        override.write_text(f"services:\n  dispatcher:\n{volumes}")
        env = {
            **os.environ,
            "HTTP_PORT": str(self.port),
            "WORKER_IMAGE": IMAGE,
            "TRAEFIK_IMAGE": TRAEFIK,
            "RABBITMQ_IMAGE": os.environ.get(*RABBITMQ),
            "MAILBOX_IMAGE": os.environ.get(*MAILHOG),
        }
        files = ["-f", str(ROOT / "compose.yaml"), "-f", str(override)]
        return run(
            *(tool("docker"), "compose", "-p", self.name, *files, *arguments),
            env=env,
            seconds=seconds,
        )

    def start(self) -> None:
        """Start what is not running; traefik then has a page behind each name."""
        self.compose("up", "-d", "--wait", "--no-build", seconds=180)
        for host in ("mail.localhost", "rabbit.localhost"):
            until_it_answers(partial(self._ask, host))

    def _ask(self, host: str) -> None:
        status, _ = self.get(host)
        if status != 200:
            raise ConnectionError(f"{host} answers {status}")

    def log(self) -> str:
        """What the worker has logged."""
        return self.compose("logs", "--no-color", "dispatcher")

    def get(self, host: str, path: str = "/") -> tuple[int, bytes]:
        """Ask traefik for a page of `host`: its status and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def mailbox(self) -> Mailbox:
        return Mailbox(f"http://127.0.0.1:{self.port}", "mail.localhost")

    def ids(self) -> Counter[str]:
        """How many mails there are in the mailbox for each message's id."""
        headers = [mail["Content"]["Headers"] for mail in self.mailbox.mails()]
        return Counter(one["X-Dispatcher-Id"][0] for one in headers)

    def send(self, count: int) -> list[str]:
        """Publish fake messages; their ids."""
        command = ("run", "--rm", "dispatcher", "send", "welcome", "--fake", str(count))
        ids = self.compose(*command).split()
        assert len(set(ids)) == count
        return ids


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    for image in (IMAGE, TRAEFIK, os.environ.get(*RABBITMQ), os.environ.get(*MAILHOG)):
        require_image(str(image))
    folder = tmp_path_factory.mktemp("compose")
    run("cp", "-r", ROOT / "templates", folder)
    run("chmod", "-R", "a+rX", folder / "templates")
    stack = Stack(free_port(), folder / "templates")
    try:
        stack.start()
        yield stack
    finally:
        stack.compose("down", "-v", "--timeout", "5")


def test_five_fake_mails_are_in_the_mailbox_at_its_subdomain(stack: Stack) -> None:
    ids = stack.send(5)

    wait_until(lambda: all(stack.ids()[id_] == 1 for id_ in ids), on_failure=stack.log)


def test_the_console_answers_at_its_subdomain_and_an_unknown_host_is_not_found(
    stack: Stack,
) -> None:
    status, body = stack.get("rabbit.localhost")

    assert status == 200
    assert b"RabbitMQ" in body
    assert stack.get("webmail.localhost")[0] == 404
    assert stack.get("localhost")[0] == 404


def test_a_template_that_is_saved_shows_in_the_next_mail(stack: Stack) -> None:
    template = stack.templates / "welcome.jinja2"
    text = template.read_text()
    changed = template.with_suffix(".new")
    changed.write_text(text.replace("Your account is ready", "Your account waits for you"))
    changed.replace(template)
    time.sleep(3)  # a worker looks twice a second, and lets a file rest for two

    [id_] = stack.send(1)

    wait_until(lambda: stack.ids()[id_] == 1, on_failure=stack.log)
    bodies = {
        mail["Content"]["Headers"]["X-Dispatcher-Id"][0]: mail["Content"]["Body"]
        for mail in stack.mailbox.mails()
    }
    assert "Your account waits for you" in bodies[id_]


def test_a_stop_in_the_middle_of_two_hundred_mails_sends_none_twice(stack: Stack) -> None:
    before = stack.mailbox.count()
    ids = stack.send(200)

    wait_until(lambda: stack.mailbox.count() > before + 10, on_failure=stack.log)
    stack.compose("stop", "dispatcher")
    stack.compose("up", "-d", "--wait", "--no-build", "dispatcher")

    wait_until(lambda: all(stack.ids()[id_] for id_ in ids), on_failure=stack.log)
    assert [id_ for id_ in ids if stack.ids()[id_] != 1] == []


def test_a_worker_is_healthy_while_broker_and_mailbox_are_away(stack: Stack) -> None:
    stack.compose("stop", "rabbitmq", "mailbox")
    time.sleep(35)  # three probes

    health = stack.compose("ps", "--format", "{{.Health}}", "dispatcher").strip()

    stack.start()
    assert health == "healthy"


def test_a_thousand_mails_pass_a_worker_with_128_mib_and_a_root_it_cannot_write(
    stack: Stack,
) -> None:
    before = stack.mailbox.count()

    stack.send(1000)

    wait_until(lambda: stack.mailbox.count() == before + 1000, seconds=120, on_failure=stack.log)
    container = stack.compose("ps", "-q", "dispatcher").strip()
    [facts] = json.loads(run(tool("docker"), "inspect", container))
    assert facts["HostConfig"]["Memory"] == 128 * 1024 * 1024
    assert facts["HostConfig"]["ReadonlyRootfs"] is True
    assert facts["HostConfig"]["CapDrop"] == ["ALL"]
    assert facts["Config"]["User"] == "10001:10001"
    assert facts["State"]["OOMKilled"] is False
    assert facts["RestartCount"] == 0


def test_the_image_adds_at_most_60_megabytes_to_its_base() -> None:
    require_image(IMAGE)
    base = os.environ.get("DISPATCHER_TEST_PYTHON_IMAGE", "python:3.13-slim-trixie")
    require_image(base)

    [image, below] = json.loads(run(tool("docker"), "image", "inspect", IMAGE, base))

    assert image["Size"] - below["Size"] < 60_000_000
