"""A RabbitMQ in a container, and a virtual host for each process of a test run."""

from contextlib import ExitStack
from dataclasses import replace

from tests.support.containers import (
    Container,
    Image,
    TestRun,
    require_docker,
    start_container,
    unavailable,
)
from tests.support.rabbit import Broker
from tests.support.readiness import until_it_answers

_PORTS = (5672, 15672)


def start_rabbitmq(stack: ExitStack, image: Image, version: str) -> Broker:
    """Start a broker of one's own, which ends with the stack."""
    require_docker()
    try:
        container = _start(image)
    except Exception as error:  # noqa: BLE001 - whatever stands in the way is the reason
        unavailable(f"{image[0]} cannot be started: {error}")
    stack.callback(container.remove)
    return _broker(container, version)


def shared_rabbitmq(run: TestRun, image: Image, version: str) -> Broker:
    """The broker of the run; a virtual host of it is this process's own."""
    require_docker()
    container = run.share(image, lambda: _start(image, run.name))
    broker = _broker(container, version)
    return with_virtual_host(broker, run.process) if run.process else broker


def with_virtual_host(broker: Broker, name: str) -> Broker:
    """Make a virtual host, unless it exists, and hand out the broker with it."""
    broker.api("PUT", f"vhosts/{name}", {})
    own = replace(broker, url=f"{broker.url.rpartition('/')[0]}/{name}")
    own.permit("guest", configure=".*", write=".*", read=".*")
    return own


def _start(image: Image, run: str = "") -> Container:
    container = start_container(image, *_PORTS, run=run, is_rabbitmq=True)
    broker = _broker(container, "")
    until_it_answers(lambda: broker.api("GET", "overview"))
    return container


def _broker(container: Container, version: str) -> Broker:
    amqp, http = (container.ports[str(port)] for port in _PORTS)
    return Broker(
        url=f"amqp://guest:guest@{container.host}:{amqp}/%2F",
        version=version,
        management=f"http://{container.host}:{http}",
        control=lambda *arguments: container.run("rabbitmqctl", *arguments),
    )
