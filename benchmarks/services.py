"""What every worker talks to: a RabbitMQ with its queues, and mail servers that count mails."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pika

from entrypoints.settings import Settings

AMQP_URL = "DISPATCHER_TEST_AMQP_URL"
IMAGE = ("DISPATCHER_TEST_RABBITMQ_IMAGE", "rabbitmq:4-management")
SINK = "smtp-sink"

_AMQP = 5672
_STARTUP = 10.0  # seconds
_FILLING = 60.0
_MESSAGES = re.compile(rb"mesg=(\d+)\r")
_TAIL = 128  # bytes: room for the counter's last line
_BACKLOG = "64"
_ROOT = Path(__file__).resolve().parents[1]


class Unavailable(Exception):
    """Something is missing; the text says what to install or set."""


@contextmanager
def rabbitmq() -> Iterator[str]:
    """The AMQP URL of the broker that is given, else of a container of our own."""
    if given := os.environ.get(AMQP_URL):
        yield given
        return
    with rabbitmq_container() as container:
        yield f"amqp://guest:guest@{_address(container)}/%2F"


def _address(container: Any) -> str:
    """The container's own where it can be reached: what is forwarded to it passes a process of
    Docker's, which takes a twentieth of the machine."""
    own = container.get_docker_client().bridge_ip(container.get_wrapped_container().id)
    with suppress(OSError), socket.create_connection((own, _AMQP), timeout=1):
        return f"{own}:{_AMQP}"
    return f"{container.get_container_host_ip()}:{container.get_exposed_port(_AMQP)}"


@contextmanager
def rabbitmq_container() -> Iterator[Any]:
    """A container of our own with a RabbitMQ. Raises Unavailable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # testcontainers uses what it deprecates
        from docker.errors import DockerException
        from testcontainers.community.rabbitmq import RabbitMqContainer

        try:
            container = RabbitMqContainer(os.environ.get(*IMAGE))
            container.start()
        except DockerException as error:
            hint = f"set {AMQP_URL}, or start Docker ({IMAGE[0]} names another image)"
            raise Unavailable(f"no RabbitMQ: {hint}: {error}") from None
    try:
        yield container
    finally:
        container.stop()


class Queue:
    """A queue, filled and watched from outside."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        # The connection idles while a worker is measured, which no heartbeat shall interrupt.
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0
        self._channel = pika.BlockingConnection(parameters).channel()

    def declare(self) -> None:
        """As a worker does by default: durable, and of type quorum."""
        self._channel.queue_declare(self.name, durable=True, arguments={"x-queue-type": "quorum"})

    def fill(self, bodies: Iterable[bytes]) -> None:
        """Publish the messages, persistent; return once all are ready."""
        properties = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        count = 0
        for count, body in enumerate(bodies, start=1):  # noqa: B007 - the last count is needed
            self._channel.basic_publish("", self.name, body, properties)
        self.await_ready(count)

    def await_ready(self, count: int) -> None:
        """Return once so many messages wait in it. Raises Unavailable if they do not come."""
        deadline = time.monotonic() + _FILLING
        while (ready := self.ready()) < count:
            if time.monotonic() > deadline:
                raise Unavailable(f"of {count} messages only {ready} are in {self.name}")
            time.sleep(0.1)

    def ready(self) -> int:
        """How many messages wait; those in a worker's hands are not among them."""
        reply = self._channel.queue_declare(self.name, passive=True)
        return int(reply.method.message_count)

    def delete(self) -> None:
        """Remove it, and the queues that a worker made next to it."""
        tiers = [int(delay.total_seconds() * 1000) for delay in Settings().retry_delays]
        made = ["dead", *(f"retry.{milliseconds}" for milliseconds in tiers), "DQ", "XQ"]
        for name in (self.name, *(f"{self.name}.{suffix}" for suffix in made)):
            self._channel.queue_delete(name)


class Sink:
    """A running smtp-sink: takes every mail at once and counts it."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        with socket.create_server((self.host, 0)) as free:
            self.port = int(free.getsockname()[1])
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._log = Path(self._folder.name, "counters")
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command(), stdout=output, stderr=subprocess.DEVNULL, cwd=_ROOT
            )

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    def _command(self) -> Sequence[str]:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        return [postfix(SINK), *user, "-c", self.address, _BACKLOG]

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _STARTUP
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise Unavailable(f"does not start: {self._command()}") from None
                time.sleep(0.05)
            else:
                return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def accepted(self) -> int:
        """How many mails it has answered 250 after the final dot."""
        with self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL))
            counts = _MESSAGES.findall(log.read())
        return int(counts[-1]) if counts else 0


class OwnSink(Sink):
    """A running benchmarks.smtp_server: answers the final dot after a while, or speaks TLS."""

    def __init__(self, *options: str) -> None:
        self._options = options
        super().__init__()

    def _command(self) -> Sequence[str]:
        return [sys.executable, "-m", "benchmarks.smtp_server", str(self.port), *self._options]


def postfix(program: str) -> str:
    """The path of one of Postfix's programs."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Unavailable(f"{program} is missing: install the package postfix")
    return found
