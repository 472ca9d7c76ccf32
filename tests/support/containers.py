"""Containers that tests start, each with a free port of loopback, and those that a run shares."""

import fcntl
import gc
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

Image = tuple[str, str]
"""The variable that names an image, and the image that is taken without it."""

MAILHOG: Image = ("DISPATCHER_TEST_MAILHOG_IMAGE", "mailhog/mailhog:v1.0.1")
MAILPIT: Image = ("DISPATCHER_TEST_MAILPIT_IMAGE", "axllent/mailpit:v1.27.11")
RABBITMQ: Image = ("DISPATCHER_TEST_RABBITMQ_IMAGE", "rabbitmq:4-management")
RABBITMQ_NEW: Image = ("DISPATCHER_TEST_RABBITMQ_NEW_IMAGE", "rabbitmq:4.3-management")
RABBITMQ_OLD: Image = ("DISPATCHER_TEST_RABBITMQ_OLD_IMAGE", "rabbitmq:3.10-management")

_LABEL = "dispatcher.test-run"


def unavailable(reason: str) -> Any:
    """Skip, or fail in CI."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


def require_docker() -> None:
    """Skip, or fail in CI, where there is no Docker."""
    from docker.errors import DockerException

    try:
        with docker_client():
            return
    except DockerException as error:
        reason = f"neither a given broker nor Docker: {type(error).__name__}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a client that fails leaks its socket
        gc.collect()
    unavailable(reason)


def require_image(image: str) -> None:
    """Skip, or fail in CI, where there is no Docker or no such image."""
    require_docker()
    from docker.errors import ImageNotFound

    with docker_client() as client:
        try:
            client.images.get(image)
        except ImageNotFound:
            unavailable(f"no image {image}: .ci/images builds it")


@contextmanager
def docker_client() -> Iterator[Any]:
    """A client of the engine, closed at the end."""
    from docker.client import DockerClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        client = DockerClient.from_env(timeout=60)
        try:
            yield client
        finally:
            client.close()


@dataclass(frozen=True)
class Container:
    """A running container, as every process can reach it. `ports`: its own -> the published."""

    id: str
    host: str
    ports: Mapping[str, int]

    def run(self, *command: str) -> None:
        """Run a command in it, which must end with 0."""
        with docker_client() as client:
            code, output = client.containers.get(self.id).exec_run(list(command))
        assert code == 0, output

    def remove(self) -> None:
        """End it at once."""
        with docker_client() as client:
            client.containers.get(self.id).remove(force=True, v=True)


def start_container(
    image: Image, *ports: int, run: str = "", is_rabbitmq: bool = False
) -> Container:
    """Start a container; a RabbitMQ takes connections when this returns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # testcontainers uses what it deprecates
        from testcontainers.community.rabbitmq import RabbitMqContainer
        from testcontainers.core.container import DockerContainer

        make = RabbitMqContainer if is_rabbitmq else DockerContainer
        container = make(os.environ.get(*image)).with_exposed_ports(*ports)
        container.with_kwargs(labels={_LABEL: run})
        try:
            container.start()
            return Container(
                container.get_wrapped_container().id,
                container.get_container_host_ip(),
                {str(port): int(container.get_exposed_port(port)) for port in ports},
            )
        except BaseException:
            container.stop()
            raise
        finally:
            container.get_docker_client().client.close()


class TestRun:
    """One run of pytest: the processes that share it know its folder. `process` names this one,
    and is empty where the run has a single process."""

    __test__ = False

    def __init__(self, folder: Path, process: str = "") -> None:
        self.folder, self.process = folder, process

    @property
    def name(self) -> str:
        """What its containers are labelled with."""
        return self.folder.name

    def share(self, image: Image, start: Callable[[], Container]) -> Container:
        """The container that the first process to ask has started. Where that failed, no other
        process tries again."""
        state = self.folder / f"{image[0]}.json"
        with (self.folder / f"{image[0]}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not state.exists():
                state.write_text(json.dumps(_started(start)))
        found = json.loads(state.read_text())
        if "fault" in found:
            unavailable(f"{image[0]} cannot be started: {found['fault']}")
        return Container(**found)

    def end(self) -> None:
        """Remove every container that this run shares."""
        if not any(self.folder.glob("*.lock")):
            return
        with docker_client() as client:
            wanted = {"label": f"{_LABEL}={self.name}"}
            for container in client.containers.list(all=True, filters=wanted):
                container.remove(force=True, v=True)


def _started(start: Callable[[], Container]) -> dict[str, Any]:
    try:
        return asdict(start())
    except Exception as error:  # noqa: BLE001 - whatever stands in the way is the reason
        return {"fault": str(error)}
