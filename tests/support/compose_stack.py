"""compose.yaml, started with the images of the tests and used through its traefik."""

import os
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType

from tests.support.containers import MAILHOG, RABBITMQ, Image, require_image
from tests.support.mailbox import Mailbox
from tests.support.ports import free_port
from tests.support.readiness import until_it_answers
from tests.support.tools import ROOT, run, tool

DISPATCHER: Image = ("DISPATCHER_TEST_IMAGE", "dispatcher")
TRAEFIK: Image = ("DISPATCHER_TEST_TRAEFIK_IMAGE", "traefik:v3.6")
REDIS: Image = ("DISPATCHER_TEST_REDIS_IMAGE", "redis:8")
PROMETHEUS: Image = ("DISPATCHER_TEST_PROMETHEUS_IMAGE", "prom/prometheus:v3.7.3")

_IMAGES = {
    "WORKER_IMAGE": DISPATCHER,
    "TRAEFIK_IMAGE": TRAEFIK,
    "RABBITMQ_IMAGE": RABBITMQ,
    "MAILBOX_IMAGE": MAILHOG,
    "PROMETHEUS_IMAGE": PROMETHEUS,
    "REDIS_IMAGE": REDIS,
}


def image_of(image: Image) -> str:
    """The image that the tests run."""
    variable, usual = image
    return os.environ.get(variable, usual)


@dataclass(frozen=True)
class Stack:
    """compose.yaml under a project name and a port of its own. `files`: further compose files;
    `env`: what the reader of the documents would export."""

    port: int
    templates: Path
    files: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"dispatcher-test-{uuid.uuid4().hex[:8]}")

    def compose(self, *arguments: str, seconds: float = 120) -> str:
        override = self.templates.parent / "override.yaml"
        volumes = f"    volumes: ['{self.templates}:/templates:ro']\n"
        pace = "    environment: {DISPATCHER_EMAIL_RATE: '${EMAIL_RATE:-}'}\n"
        override.write_text(f"services:\n  dispatcher:\n{volumes}{pace}")
        images = {variable: image_of(image) for variable, image in _IMAGES.items()}
        files = (ROOT / "compose.yaml", *self.files, override)
        chosen = [part for file in files for part in ("-f", str(file))]
        return run(
            *(tool("docker"), "compose", "--ansi", "never", "-p", self.name, *chosen, *arguments),
            env={**os.environ, "HTTP_PORT": str(self.port), **images, **self.env},
            seconds=seconds,
        )

    def start(self, *services: str) -> None:
        """Start what is not running; traefik then has a page behind each name."""
        self.compose("up", "-d", "--wait", "--no-build", *services, seconds=180)
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

    def times(self, ids: Sequence[str]) -> list[int]:
        """How many mails there are for each of these messages."""
        found = self.ids()
        return [found[id_] for id_ in ids]

    def send(self, count: int) -> list[str]:
        """Publish fake messages; their ids."""
        command = ("run", "--rm", "dispatcher", "send", "welcome", "--fake", str(count))
        ids = self.compose(*command).split()
        assert len(set(ids)) == count
        return ids


@contextmanager
def running_stack(
    folder: Path,
    *services: str,
    images: Sequence[Image] = (),
    port: int | None = None,
    files: Sequence[str] = (),
    env: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Stack]:
    """These services, else all without a profile. `images` are the others that a test starts."""
    for image in (DISPATCHER, TRAEFIK, RABBITMQ, MAILHOG, *images):
        require_image(image_of(image))
    run("cp", "-r", ROOT / "templates", folder)
    run("chmod", "-R", "a+rX", folder / "templates")
    stack = Stack(port or free_port(), folder / "templates", files, env)
    try:
        stack.start(*services)
        yield stack
    finally:
        stack.compose("--profile", "*", "down", "-v", "--timeout", "5")
