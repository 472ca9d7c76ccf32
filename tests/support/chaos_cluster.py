"""Three RabbitMQ nodes in containers that form one cluster."""

import io
import tarfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from tests.support.rabbit import Broker
from tests.support.readiness import amqp, until_it_answers

_COOKIE = b"A-COOKIE-FOR-TESTS"


@dataclass(frozen=True)
class Node:
    """One node. `name` is the broker's own, as in `rabbit@n1`. A frozen one keeps its connections
    and says nothing."""

    name: str
    broker: Broker
    kill: Callable[[], None]
    freeze: Callable[[], None]
    thaw: Callable[[], None]


@contextmanager
def rabbitmq_cluster(image: str, size: int = 3) -> Iterator[list[Node]]:
    """So many nodes, each with its port published on loopback."""
    from docker.client import DockerClient

    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", ResourceWarning)
        client = DockerClient.from_env(timeout=60)
        stack.callback(client.close)
        network = client.networks.create(f"dispatcher-{uuid4().hex[:8]}")
        stack.callback(network.remove)
        containers = [_started(client, stack, image, network.name, n) for n in range(1, size + 1)]
        nodes = [_node(container, n) for n, container in enumerate(containers, 1)]
        for node in nodes:
            until_it_answers(partial(amqp, node.broker.url))
        for node in nodes[1:]:
            assert node.broker.control is not None
            node.broker.control("stop_app")
            node.broker.control("join_cluster", nodes[0].name)
            node.broker.control("start_app")
        yield nodes


def _started(client: Any, stack: ExitStack, image: str, network: str, number: int) -> Any:
    container = client.containers.create(
        image,
        hostname=f"n{number}",
        network=network,
        networking_config={network: client.api.create_endpoint_config(aliases=[f"n{number}"])},
        ports={"5672/tcp": ("127.0.0.1", None), "15672/tcp": ("127.0.0.1", None)},
    )
    stack.callback(container.remove, force=True, v=True)
    container.put_archive("/var/lib/rabbitmq", _cookie())
    container.start()
    return container


def _cookie() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(".erlang.cookie")
        entry.size, entry.mode = len(_COOKIE), 0o400
        archive.addfile(entry, io.BytesIO(_COOKIE))
    return packed.getvalue()


def _node(container: Any, number: int) -> Node:
    container.reload()
    ports = container.ports
    amqp, web = (ports[f"{port}/tcp"][0]["HostPort"] for port in (5672, 15672))

    def control(*arguments: str) -> None:
        code, output = container.exec_run(["rabbitmqctl", *arguments])
        assert code == 0, output

    broker = Broker(
        url=f"amqp://guest:guest@127.0.0.1:{amqp}/%2F",
        version="cluster",
        management=f"http://127.0.0.1:{web}",
        control=control,
    )
    return Node(f"rabbit@n{number}", broker, container.kill, container.pause, container.unpause)
