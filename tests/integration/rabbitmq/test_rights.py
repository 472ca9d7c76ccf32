"""The rights that the documentation names, on each version: with them it works."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pika
import pytest
from structlog.testing import capture_logs

from adapters.inbound.contract import DeadCopy, Settlement
from adapters.rabbitmq.settings import RabbitSettings
from adapters.rabbitmq.topology import Topology, TopologyFinding
from adapters.secret import Secret
from tests.fakes import eventually
from tests.support.consuming import Recorder, Troubles, consuming, settings_for
from tests.support.rabbit import Broker, Peer
from tests.support.worker import run_command

DOCUMENT = Path(__file__).parents[3] / "docs/queues.md"


@dataclass(frozen=True)
class Rights:
    """One row of the table, for the queue `email`."""

    who: str
    configure: str
    write: str
    read: str


def _rows() -> list[Rights]:
    section = DOCUMENT.read_text().split("## Rights in the broker")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    return [Rights(who, *(p.strip("`").replace("\\|", "|") for p in ps)) for who, *ps in cells]


ROWS = {rights.who: rights for rights in _rows()}
APPLY = "a worker that may create what is missing; `dispatcher topology apply`"
WORKER = "a worker, once everything exists"
LEAST = "the least a worker can do with"
FAILED = "`dispatcher failed`"
LOOKING = "`dispatcher status`, `doctor` and `topology check`"
CONFIGURING = "the two rows above on RabbitMQ 4.2.6 and 4.3.0"
PUBLISHING = "a worker with `DISPATCHER_EVENTS=dispatcher.events`, once everything exists"
READER = "a program that reads the events through a queue `audit` of its own"
PRODUCER = "a producer that publishes to the exchange `dispatcher`"
EVENTS = (PUBLISHING, READER)


@pytest.fixture
def user(any_broker: Broker, queue: str) -> Iterator[str]:
    """A user named as the queue; its rights are given by `grant`."""
    if any_broker.management is None:
        pytest.skip("needs the management API to make a user")
    yield queue
    any_broker.api("DELETE", f"users/{queue}")


def grant(broker: Broker, user: str, who: str) -> str:
    """Give a user a row's rights, for the queue of its name; its URL."""
    rights = ROWS[who]
    patterns = [p.replace("email", user) for p in (rights.configure, rights.write, rights.read)]
    broker.add_user(user, configure=patterns[0], write=patterns[1], read=patterns[2])
    return broker.with_(user=user)


def prepared(broker: Broker, queue: str) -> RabbitSettings:
    settings = settings_for(broker, queue)
    asyncio.run(Topology(settings).apply())
    return settings


def works(broker: Broker, settings: RabbitSettings, queue: str) -> list[str]:
    """Consume one message and dead-letter it; the queues whose binding was refused."""
    recorder = Recorder(
        lambda _: Settlement([DeadCopy(headers={"x-dispatcher-reason": "expired"})])
    )

    troubles = Troubles()

    async def scenario() -> list[str]:
        with capture_logs() as logs:
            async with consuming(settings, recorder, events=troubles):
                with Peer(broker.url) as peer:
                    peer.publish(queue, b"work")
                    await eventually(lambda: peer.ready(f"{queue}.dead") == 1)
        assert troubles.changes == []
        return [line["queue"] for line in logs if line["event"].startswith("binding was refused")]

    refused = asyncio.run(scenario())
    assert recorder.bodies == [b"work"]
    return refused


def test_the_documented_rows_are_these() -> None:
    assert list(ROWS) == [APPLY, WORKER, LEAST, FAILED, LOOKING, CONFIGURING, PRODUCER, *EVENTS]


def test_field_7_1_a_worker_with_the_least_rights_consumes_on_each_version(
    any_broker: Broker, queue: str, user: str
) -> None:
    settings = prepared(any_broker, queue)
    assert ROWS[LEAST] == Rights(LEAST, "^$", "^dispatcher$", "^email$")

    poor = replace(settings, url=Secret(grant(any_broker, user, LEAST)))

    assert sorted(works(any_broker, poor, queue)) == [queue, f"{queue}.dead", f"{queue}.retry.200"]


def test_field_7_1_a_worker_that_may_not_look_at_all_consumes_and_drains(
    any_broker: Broker, queue: str, user: str, tmp_path: Path
) -> None:
    # As on 4.2.6 and 4.3.0 without the configure right, where every look is refused; on the
    # others the looks at what it has no right on are.
    prepared(any_broker, queue)
    with Peer(any_broker.url) as peer:
        peer.publish(queue, b"no JSON")
        drained = run_command(
            *("worker", "--drain"),
            settings={
                "broker_url": grant(any_broker, user, LEAST),
                "queues": f"email={queue}",
                "email_url": "maildir:mail",
                "retry_delays": "200ms",
                "auto_release": "off",
            },
            cwd=_home(tmp_path),
        )

        assert drained.returncode == 0, drained.stderr
        assert peer.ready(f"{queue}.dead") == 1


@pytest.mark.parametrize("who", [APPLY, WORKER])
def test_field_7_1_a_worker_with_its_row_binds_without_being_refused(
    any_broker: Broker, queue: str, user: str, who: str
) -> None:
    settings = settings_for(any_broker, queue) if who == APPLY else prepared(any_broker, queue)

    assert (
        works(any_broker, replace(settings, url=Secret(grant(any_broker, user, who))), queue) == []
    )


def test_field_7_1_dead_letters_are_listed_and_retried_with_their_row(
    any_broker: Broker, queue: str, user: str, tmp_path: Path
) -> None:
    for who in (FAILED, CONFIGURING):
        prepared(any_broker, queue)
        with Peer(any_broker.url) as peer:
            headers = {"x-dispatcher-reason": "expired", "x-dispatcher-queue": queue}
            properties = pika.BasicProperties(delivery_mode=2, headers=headers)
            peer.publish(f"{queue}.dead", b'{"id": "doc-1"}', properties=properties)
            settings = {
                "broker_url": grant(any_broker, user, who),
                "queues": f"email={queue},telegram=another",  # which it may not see
                "retry_delays": "200ms",
            }

            listed = run_command("failed", "list", "--each", settings=settings, cwd=tmp_path)
            moved = run_command(
                "failed", "retry", "doc-1", "--yes", settings=settings, cwd=tmp_path
            )

            assert "doc-1" in listed.stdout, listed.stderr
            assert moved.returncode == 0, moved.stderr
            assert [body for _, body in peer.take_all(queue)] == [b'{"id": "doc-1"}']


@pytest.mark.parametrize("who", [LOOKING, CONFIGURING, LEAST])
def test_field_7_1_what_may_not_be_seen_is_said_and_is_no_failure(
    any_broker: Broker, queue: str, user: str, who: str, tmp_path: Path
) -> None:
    prepared(any_broker, queue)
    settings = {
        "broker_url": grant(any_broker, user, who),
        "queues": f"email={queue},telegram=another",
        "email_url": "maildir:mail",
        "email_from": "shop@example.com",
        "retry_delays": "200ms",
    }

    status = run_command("status", settings=settings, cwd=tmp_path)
    doctor = run_command("doctor", settings=settings, cwd=_home(tmp_path))
    check = run_command("topology", "check", settings=settings, cwd=tmp_path)

    assert (status.returncode, doctor.returncode, check.returncode) == (0, 0, 0), check.stdout
    assert "another" not in status.stdout + status.stderr + doctor.stdout + check.stdout
    is_poor = who == LEAST and any_broker.version == "4.3"
    for text in (status.stderr, doctor.stdout):
        assert (f"this user may not look at {queue}.dead" in text) is is_poor


def test_field_7_1_what_cannot_be_seen_is_a_finding_of_its_own(
    rabbitmq_new: Broker, queue: str
) -> None:
    settings = prepared(rabbitmq_new, queue)
    rabbitmq_new.add_user(queue, configure="^$", write="^$", read=f"^{queue}$")
    poor = replace(settings, url=Secret(rabbitmq_new.with_(user=queue)))

    found = {d.name: (d.finding, d.text) for d in asyncio.run(Topology(poor).check())}

    assert {finding for finding, _ in found.values()} == {TopologyFinding.UNSEEN}
    assert found[f"{queue}.dead"][1] == f"queue {queue}.dead cannot be seen without a right on it"
    assert found["dispatcher"][1] == "exchange dispatcher cannot be seen without a right on it"
    assert "comparing its arguments" in found[queue][1]
    rabbitmq_new.api("DELETE", f"users/{queue}")


def test_field_7_1_apply_is_not_done_with_what_the_user_may_not_look_at(
    rabbitmq_new: Broker, queue: str, tmp_path: Path
) -> None:
    rabbitmq_new.add_user(queue, configure="^$", write="^$", read="^$")
    settings = {"queues": f"email={queue}", "email_url": "maildir:mail"}

    applied = run_command(
        *("topology", "apply"),
        settings={**settings, "broker_url": rabbitmq_new.with_(user=queue)},
        cwd=_home(tmp_path),
    )

    assert applied.returncode == 1
    assert f"this user may not look at dispatcher, {queue}, {queue}.dead" in applied.stderr
    assert "done" not in applied.stderr.splitlines()
    rabbitmq_new.api("DELETE", f"users/{queue}")


@pytest.mark.parametrize("vhost", ["absent", "a%2Fb"])
def test_field_7_3_a_virtual_host_that_cannot_be_opened_is_no_refused_login(
    rabbitmq_new: Broker, queue: str, tmp_path: Path, vhost: str
) -> None:
    url = rabbitmq_new.url.partition("?")[0].rpartition("/")[0]
    settings = {"queues": f"email={queue}", "email_url": "maildir:mail"}

    looked = run_command(
        "status", settings={**settings, "broker_url": f"{url}/{vhost}"}, cwd=_home(tmp_path)
    )

    assert looked.returncode == 69
    assert f"vhost {vhost.replace('%2F', '/')} not found" in looked.stderr
    assert "check the path of DISPATCHER_BROKER_URL" in looked.stderr
    assert "refuses the login" not in looked.stderr


def test_field_7_1_a_producer_needs_to_write_to_our_exchange_alone(
    any_broker: Broker, queue: str, user: str
) -> None:
    prepared(any_broker, queue)
    with Peer(grant(any_broker, user, PRODUCER)) as producer, Peer(any_broker.url) as peer:
        producer.publish(queue, b"from outside", exchange="dispatcher")

        assert [body for _, body in peer.take_all(queue)] == [b"from outside"]


def _home(folder: Path) -> Path:
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates/welcome.jinja2").write_text("<p>Hello</p>")
    return folder
