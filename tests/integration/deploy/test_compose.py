"""The image and compose.yaml, as docs/install.md says it: built, started, used, stopped."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.compose_stack import DISPATCHER, Stack, image_of, running_stack
from tests.support.containers import require_image
from tests.support.tools import run, tool
from tests.support.worker import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("compose")) as stack:
        yield stack


def test_five_fake_mails_are_in_the_mailbox_at_its_subdomain(stack: Stack) -> None:
    ids = stack.send(5)

    wait_until(lambda: set(stack.times(ids)) == {1}, on_failure=stack.log)


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
    before, start = stack.mailbox.count(), ("up", "-d", "--wait", "--no-build", "dispatcher")
    slow = replace(stack, env={"EMAIL_RATE": "10/s"})
    slow.compose(*start)
    ids = stack.send(200)

    wait_until(lambda: stack.mailbox.count() > before + 10, on_failure=stack.log)
    slow.compose("stop", "dispatcher")
    left = before + 200 - stack.mailbox.count()
    stack.compose(*start)  # without the pace

    assert 0 < left < 190
    wait_until(lambda: all(stack.times(ids)), on_failure=stack.log)
    assert set(stack.times(ids)) == {1}


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
    image = image_of(DISPATCHER)
    require_image(image)
    base = os.environ.get("DISPATCHER_TEST_PYTHON_IMAGE", "python:3.13-slim-trixie")
    require_image(base)

    [ours, below] = json.loads(run(tool("docker"), "image", "inspect", image, base))

    assert ours["Size"] - below["Size"] < 60_000_000
