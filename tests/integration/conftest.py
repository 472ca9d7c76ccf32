"""Real peers: a given broker, else containers, else a skip that says why; in CI a failure."""

import gc
import os
import shutil
import socket
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from tests.support.dead_letters import Office
from tests.support.mailbox import Mailbox
from tests.support.rabbit import Broker, delete_all
from tests.support.redis_server import BINARY as REDIS_SERVER
from tests.support.redis_server import RedisServer, redis_server
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread

REDIS_URL = "DISPATCHER_TEST_REDIS_URL"
AMQP_URL = "DISPATCHER_TEST_AMQP_URL"
MANAGEMENT_URL = "DISPATCHER_TEST_MANAGEMENT_URL"
MAILHOG = ("DISPATCHER_TEST_MAILHOG_IMAGE", "mailhog/mailhog:v1.0.1")
RABBITMQ = ("DISPATCHER_TEST_RABBITMQ_IMAGE", "rabbitmq:4-management")
RABBITMQ_NEW = ("DISPATCHER_TEST_RABBITMQ_NEW_IMAGE", "rabbitmq:4.3-management")
RABBITMQ_OLD = ("DISPATCHER_TEST_RABBITMQ_OLD_IMAGE", "rabbitmq:3.10-management")


@dataclass(frozen=True)
class MailHog:
    """A running MailHog; `api` is the base URL of its HTTP API."""

    host: str
    smtp_port: int
    api: str

    @property
    def url(self) -> str:
        """What DISPATCHER_EMAIL_URL is to be."""
        return f"smtp://{self.host}:{self.smtp_port}"


def unavailable(reason: str) -> Any:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


def require_docker() -> None:
    from docker.client import DockerClient
    from docker.errors import DockerException

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a client that fails leaks its socket
        try:
            client = DockerClient.from_env(timeout=5)
            client.close()
            return
        except DockerException as error:
            reason = f"neither {AMQP_URL} nor Docker: {type(error).__name__}"
        gc.collect()
    unavailable(reason)


def require_image(image: str) -> None:
    """Skip, or fail in CI, where there is no Docker or no such image."""
    require_docker()
    from docker.client import DockerClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        client = DockerClient.from_env(timeout=5)
        try:
            client.images.get(image)
        except ImageNotFound:
            unavailable(f"no image {image}: .ci/images builds it")
        finally:
            client.close()


def start_rabbitmq(stack: ExitStack, image: tuple[str, str], version: str) -> Broker:
    require_docker()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # testcontainers uses what it deprecates
        from testcontainers.community.rabbitmq import RabbitMqContainer

        container = RabbitMqContainer(os.environ.get(*image)).with_exposed_ports(15672)
        stack.callback(container.stop)
        try:
            container.start()
        except Exception as error:  # noqa: BLE001 - whatever stands in the way is the reason
            unavailable(f"{image[0]} cannot be started: {error}")
    host = container.get_container_host_ip()

    def control(*arguments: str) -> None:
        code, output = container.exec(["rabbitmqctl", *arguments])
        assert code == 0, output

    return Broker(
        url=f"amqp://guest:guest@{host}:{container.get_exposed_port(5672)}/%2F",
        version=version,
        management=f"http://{host}:{container.get_exposed_port(15672)}",
        control=control,
    )


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Broker]:
    """The current RabbitMQ."""
    given = os.environ.get(AMQP_URL)
    with ExitStack() as stack:
        if given:
            yield Broker(url=given, version="given", management=os.environ.get(MANAGEMENT_URL))
        else:
            yield start_rabbitmq(stack, RABBITMQ, "current")


@pytest.fixture(scope="session")
def rabbitmq_old() -> Iterator[Broker]:
    """The oldest RabbitMQ that is supported, 3.10."""
    with ExitStack() as stack:
        yield start_rabbitmq(stack, RABBITMQ_OLD, "3.10")


@pytest.fixture(scope="session")
def rabbitmq_new() -> Iterator[Broker]:
    """The newest RabbitMQ, 4.3, which asks for a right to look at a queue."""
    with ExitStack() as stack:
        yield start_rabbitmq(stack, RABBITMQ_NEW, "4.3")


FIXTURES = {"current": "rabbitmq", "3.10": "rabbitmq_old", "4.3": "rabbitmq_new"}


@pytest.fixture(params=["current", "3.10"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """The current version and the oldest in turn."""
    chosen: Broker = request.getfixturevalue(FIXTURES[request.param])
    return chosen


@pytest.fixture(params=["current", "3.10", "4.3"])
def any_broker(request: pytest.FixtureRequest) -> Broker:
    """Each version that behaves in its own way in turn, where rights and queues are looked at."""
    chosen: Broker = request.getfixturevalue(FIXTURES[request.param])
    return chosen


@pytest.fixture(scope="module", params=["current", "3.10"])
def mistreated_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker that a test may restart or starve without harm to the tests after it."""
    image = RABBITMQ if request.param == "current" else RABBITMQ_OLD
    with ExitStack() as stack:
        yield start_rabbitmq(stack, image, request.param)


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> Iterator[str]:
    """A queue name nobody else uses; what was made under it is deleted afterwards."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    for fixture in (*FIXTURES.values(), "broker", "any_broker"):
        if fixture in request.fixturenames and fixture in request.node.funcargs:
            delete_all(request.node.funcargs[fixture], name)


@pytest.fixture(scope="session")
def mailhog() -> Iterator[MailHog]:
    """A MailHog that has said its greeting."""
    require_docker()
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(os.environ.get(*MAILHOG)).with_exposed_ports(1025, 8025)
    with ExitStack() as stack:
        stack.callback(container.stop)
        try:
            container.start()
        except Exception as error:  # noqa: BLE001 - whatever stands in the way is the reason
            unavailable(f"{MAILHOG[0]} cannot be started: {error}")
        host = container.get_container_host_ip()
        smtp_port = int(container.get_exposed_port(1025))
        _await_greeting(host, smtp_port)
        yield MailHog(host, smtp_port, f"http://{host}:{container.get_exposed_port(8025)}")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that several tests share, each under a prefix of its own."""
    if url := os.environ.get(REDIS_URL):
        yield url
        return
    require_redis()
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may mistreat."""
    require_redis()
    with redis_server(tmp_path) as server:
        yield server


def require_redis() -> None:
    if shutil.which(REDIS_SERVER) is None:
        unavailable(f"neither {REDIS_URL} nor {REDIS_SERVER}")


@pytest.fixture
def mailbox(mailhog: MailHog) -> Iterator[Mailbox]:
    """The running MailHog's mails; empty at first."""
    box = Mailbox(mailhog.api)
    box.clear()
    yield box
    box.clear()


def _await_greeting(host: str, port: int) -> None:
    # The published port accepts before the program behind it listens.
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            with socket.create_connection((host, port), timeout=2) as connection:
                if connection.recv(3) == b"220":
                    return
        except OSError:
            pass
        time.sleep(0.1)
    unavailable("the mailbox never said its greeting")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An embedded queue of dead letters, with the template they name."""
    office = Office(tmp_path, "email")
    office.template("welcome")
    return office


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """A relay for workers that are processes of their own."""
    with in_thread(SmtpServer()) as running_server:
        yield running_server
