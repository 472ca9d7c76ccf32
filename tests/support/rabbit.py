"""A plain producer and observer, as any other program on the broker would be: blocking pika."""

import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pika


@dataclass(frozen=True)
class Broker:
    """A running RabbitMQ. `management` is the base URL of its HTTP API, None where unknown;
    `control` runs rabbitmqctl, None where the broker is not ours to stop."""

    url: str
    version: str
    management: str | None = None
    control: Callable[..., None] | None = None

    @property
    def virtual_host(self) -> str:
        """As the URL has it and the management API wants it."""
        return urllib.parse.urlsplit(self.url).path.removeprefix("/") or "%2F"

    def with_(self, *, user: str = "", port: int | None = None, query: str = "") -> str:
        """The URL for another user, through another port, or with query parameters."""
        parts = urllib.parse.urlsplit(self.url)
        login = f"{user}:{user}" if user else f"{parts.username}:{parts.password}"
        where = f"{parts.hostname}:{port or parts.port or 5672}"
        return urllib.parse.urlunsplit(("amqp", f"{login}@{where}", parts.path, query, ""))

    def api(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call the management API; None for an empty answer."""
        assert self.management is not None
        parts = urllib.parse.urlsplit(self.url)
        login = b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        request = urllib.request.Request(
            f"{self.management}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = response.read()
        return json.loads(answer) if answer else None

    def add_user(self, name: str, *, configure: str, write: str, read: str) -> None:
        """A user whose password is its name, with these permissions on the virtual host."""
        self.api("PUT", f"users/{name}", {"password": name, "tags": ""})
        self.permit(name, configure=configure, write=write, read=read)

    def permit(self, user: str, *, configure: str, write: str, read: str) -> None:
        """Give a user these permissions on the virtual host."""
        rights = {"configure": configure, "write": write, "read": read}
        self.api("PUT", f"permissions/{self.virtual_host}/{user}", rights)


class Peer:
    """One blocking connection with confirms. Every call opens its own channel."""

    def __init__(self, url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection.is_open:
            self._connection.close()

    def declare(self, queue: str, arguments: Mapping[str, object] | None = None) -> None:
        """Declare a durable queue."""
        with self._connection.channel() as channel:
            channel.queue_declare(queue, durable=True, arguments=dict(arguments or {}))

    def publish(
        self,
        queue: str,
        *bodies: bytes,
        exchange: str = "",
        properties: pika.BasicProperties | None = None,
    ) -> None:
        """Publish persistently and wait for the confirms, straight into the queue by default."""
        chosen = properties or pika.BasicProperties(delivery_mode=2)
        with self._connection.channel() as channel:
            channel.confirm_delivery()
            for body in bodies:
                channel.basic_publish(exchange, queue, body, chosen, mandatory=True)

    def flood(self, queue: str, bodies: list[bytes]) -> None:
        """Publish many without waiting for each."""
        with self._connection.channel() as channel:
            for body in bodies:
                channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))

    def ready(self, queue: str) -> int | None:
        """How many messages wait in the queue; None where it does not exist."""
        channel = self._connection.channel()
        try:
            return int(channel.queue_declare(queue, passive=True).method.message_count)
        except pika.exceptions.ChannelClosedByBroker as error:
            if error.reply_code == 404:
                return None
            raise
        finally:
            if channel.is_open:
                channel.close()

    def take_all(self, queue: str) -> list[tuple[pika.BasicProperties, bytes]]:
        """Take every waiting message out of the queue."""
        taken: list[tuple[pika.BasicProperties, bytes]] = []
        with self._connection.channel() as channel:
            while True:
                method, properties, body = channel.basic_get(queue, auto_ack=True)
                if method is None or properties is None or body is None:
                    return taken
                taken.append((properties, body))

    def look(self, queue: str, times: int) -> None:
        """Fetch the first message and hand it back, again and again."""
        with self._connection.channel() as channel:
            for _ in range(times):
                method, _properties, _body = channel.basic_get(queue)
                assert method is not None
                channel.basic_nack(method.delivery_tag, requeue=True)

    def delete(self, *queues: str) -> None:
        """Delete queues, with whatever is in them."""
        with self._connection.channel() as channel:
            for queue in queues:
                channel.queue_delete(queue)

    def delete_exchange(self, exchange: str) -> None:
        """Delete an exchange, with its bindings."""
        with self._connection.channel() as channel:
            channel.exchange_delete(exchange)

    def bind(self, queue: str, exchange: str, key: str) -> None:
        """Bind a queue to an exchange that exists."""
        with self._connection.channel() as channel:
            channel.queue_bind(queue, exchange, key)

    def unbind(self, queue: str, exchange: str, key: str) -> None:
        """Take a binding away."""
        with self._connection.channel() as channel:
            channel.queue_unbind(queue, exchange, key)

    def declare_exchange(self, exchange: str, kind: str) -> None:
        """Declare a durable exchange."""
        with self._connection.channel() as channel:
            channel.exchange_declare(exchange, kind, durable=True)


def delete_all(broker: Broker, prefix: str) -> None:
    """Delete the queues of a finished test; quorum queues are too dear to leave lying about."""
    if broker.management is None:
        return
    names = [
        queue["name"] for queue in broker.api("GET", f"queues/{broker.virtual_host}?columns=name")
    ]
    with Peer(broker.url) as peer:
        peer.delete(*(name for name in names if name.startswith(prefix)))
