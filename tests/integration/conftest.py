"""Real peers: a given broker, else containers, else a skip that says why; in CI a failure."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support.brokers import shared_rabbitmq, start_rabbitmq
from tests.support.containers import (
    MAILHOG,
    RABBITMQ,
    RABBITMQ_NEW,
    RABBITMQ_OLD,
    TestRun,
    require_docker,
    start_container,
    unavailable,
)
from tests.support.dead_letters import Office
from tests.support.mailbox import Mailbox
from tests.support.rabbit import Broker, delete_all
from tests.support.readiness import greeting, page, until_it_answers
from tests.support.redis_server import BINARY as REDIS_SERVER
from tests.support.redis_server import RedisServer, redis_server
from tests.support.smtp_server import SmtpServer
from tests.support.threads import in_thread

REDIS_URL = "DISPATCHER_TEST_REDIS_URL"
AMQP_URL = "DISPATCHER_TEST_AMQP_URL"
MANAGEMENT_URL = "DISPATCHER_TEST_MANAGEMENT_URL"


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


@pytest.fixture(scope="session")
def rabbitmq(test_run: TestRun) -> Broker:
    """The current RabbitMQ."""
    if given := os.environ.get(AMQP_URL):
        return Broker(url=given, version="given", management=os.environ.get(MANAGEMENT_URL))
    return shared_rabbitmq(test_run, RABBITMQ, "current")


@pytest.fixture(scope="session")
def rabbitmq_old(test_run: TestRun) -> Broker:
    """The oldest RabbitMQ that is supported, 3.10."""
    return shared_rabbitmq(test_run, RABBITMQ_OLD, "3.10")


@pytest.fixture(scope="session")
def rabbitmq_new(test_run: TestRun) -> Broker:
    """The newest RabbitMQ, 4.3, which asks for a right to look at a queue."""
    return shared_rabbitmq(test_run, RABBITMQ_NEW, "4.3")


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
    """A MailHog of this process's own, since a test empties it; it answers on both ports."""
    require_docker()
    with ExitStack() as stack:
        try:
            container = start_container(MAILHOG, 1025, 8025)
            stack.callback(container.remove)
            smtp, http = container.ports["1025"], container.ports["8025"]
            found = MailHog(container.host, smtp, f"http://{container.host}:{http}")
            until_it_answers(partial(greeting, found.host, found.smtp_port))
            until_it_answers(partial(page, f"{found.api}/api/v2/messages?limit=1"))
        except Exception as error:  # noqa: BLE001 - whatever stands in the way is the reason
            unavailable(f"{MAILHOG[0]} cannot be started: {error}")
        yield found


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
