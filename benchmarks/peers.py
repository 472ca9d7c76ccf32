"""The real peers: a RabbitMQ with its queue, and Postfix's smtp-sink, which counts what it took."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pika

AMQP_URL = "DISPATCHER_TEST_AMQP_URL"
IMAGE = ("DISPATCHER_TEST_RABBITMQ_IMAGE", "rabbitmq:4-management")
SINK = "smtp-sink"

_STARTUP = 10.0  # seconds
_MESSAGES = re.compile(rb"mesg=(\d+)\r")
_TAIL = 128  # bytes: room for the counter's last line
_BACKLOG = "64"


class Unavailable(Exception):
    """A peer cannot be had; the text says what to install or set."""


@contextmanager
def rabbitmq() -> Iterator[str]:
    """The AMQP URL of the broker that is given, else of a container of our own."""
    if given := os.environ.get(AMQP_URL):
        yield given
        return
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
        host, port = container.get_container_host_ip(), container.get_exposed_port(5672)
        yield f"amqp://guest:guest@{host}:{port}/%2F"
    finally:
        container.stop()


class Queue:
    """A durable quorum queue, as a worker makes it by default; filled and watched from outside."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        # The connection idles while a worker is measured, which no heartbeat shall interrupt.
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0
        self._channel = pika.BlockingConnection(parameters).channel()
        self._channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})

    def fill(self, bodies: Iterable[bytes]) -> None:
        """Publish them, persistent; return once all are ready in the queue."""
        properties = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        count = 0
        for count, body in enumerate(bodies, start=1):  # noqa: B007 - the last count is needed
            self._channel.basic_publish("", self.name, body, properties)
        while self.ready() < count:
            time.sleep(0.1)

    def ready(self) -> int:
        """How many messages wait; those in a worker's hands are not among them."""
        reply = self._channel.queue_declare(self.name, passive=True)
        return int(reply.method.message_count)

    def delete(self, *companions: str) -> None:
        """Remove it, and the queues that a worker put beside it."""
        for name in (self.name, *companions):
            self._channel.queue_delete(name)


class Sink:
    """A running smtp-sink: takes every mail and counts it."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        program = shutil.which(SINK) or shutil.which(SINK, path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise Unavailable(f"{SINK} is missing: install the package postfix")
        with socket.create_server((self.host, 0)) as free:
            self.port = int(free.getsockname()[1])
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._log = Path(self._folder.name, "counters")
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [program, "-c", *user, f"inet:{self.host}:{self.port}", _BACKLOG],
                stdout=output,
                stderr=subprocess.DEVNULL,
            )

    def __enter__(self) -> "Sink":
        deadline = time.monotonic() + _STARTUP
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise Unavailable(f"{SINK} does not start") from None
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
