"""The composition root builds the whole graph, and is the one place where a part is replaced."""

import asyncio
import json
import socket
import time
from pathlib import Path

import pytest
from dependency_injector import providers

from adapters.inbound.contract import InboundMessage, Settlement
from adapters.message_format.rules import Properties
from domain.errors import Unavailable
from domain.turns import Caller
from entrypoints.container import Container
from entrypoints.serve import answering
from entrypoints.settings import SettingsInvalid, load_settings
from entrypoints.watching.reports import Report, reports
from tests.fakes import FakeNotifier


def a_container(folder: Path, **settings: str) -> Container:
    templates = folder / "templates"
    templates.mkdir(exist_ok=True)
    (templates / "welcome.jinja2").write_text("Hello {{ name }}")
    environ = {
        "DISPATCHER_HOME": str(folder),
        "DISPATCHER_TEMPLATES_DIR": str(templates),
        **{f"DISPATCHER_{name.upper()}": value for name, value in settings.items()},
    }
    return Container(settings=load_settings(environ, folder / "absent.toml").settings)


def test_every_part_can_be_built_for_either_broker(tmp_path: Path) -> None:
    embedded = a_container(tmp_path)
    rabbit = a_container(
        tmp_path, broker_url="amqp://guest:guest@localhost/", email_url="smtp://localhost"
    )

    async def build() -> list[object]:
        return [
            make()
            for container in (embedded, rabbit)
            for make in (
                container.handler,
                container.consumer,
                container.publisher,
                container.dead_letters,
            )
        ]

    assert (
        len({type(part).__name__ for part in asyncio.run(build())}) == 6
    )  # the embedded queue stores, and has the dead letters
    assert rabbit.topology().describe()


def test_a_notifier_is_replaced_here_and_nowhere_else(tmp_path: Path) -> None:
    container = a_container(tmp_path)
    notifier = FakeNotifier()
    container.channel_notifiers.override(providers.Object({"email": notifier}))
    message = {"to": "ann@example.com", "template": "welcome", "parameters": {"name": "Ann"}}

    body = json.dumps(message).encode()

    async def handle() -> Settlement:
        async with container.closing():
            answer: Settlement = await container.handler().handle(
                InboundMessage(queue="email", body=body)
            )
            return answer

    settlement = asyncio.run(handle())

    assert not settlement.copies
    assert notifier.addresses == ["ann@example.com"]
    assert notifier.delivered[0].content.parts["html"] == "Hello Ann"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("missing", "is missing; create it"), ("file", "is a file; name the folder")],
)
def test_templates_that_are_in_no_folder_are_one_fault_with_its_remedy(
    tmp_path: Path, kind: str, words: str
) -> None:
    container = a_container(tmp_path, templates_dir=str(tmp_path / "mails"))
    if kind == "file":
        (tmp_path / "mails").write_text("Hello")

    with pytest.raises(SettingsInvalid) as caught:
        container.renderer()

    [fault] = caught.value.faults
    assert fault.startswith("DISPATCHER_TEMPLATES_DIR: ")
    assert words in fault
    assert str(tmp_path / "mails") in fault


def test_the_releaser_goes_by_the_version_of_the_template_set(tmp_path: Path) -> None:
    container = a_container(tmp_path)

    assert container.releaser().version() == container.renderer().snapshot.version


def test_a_worker_whose_metrics_are_not_read_measures_nothing(tmp_path: Path) -> None:
    container = a_container(tmp_path)

    assert container.metrics() is None
    assert container.dispatcher().renderer is container.renderer()
    assert container.ledger_access().ledger is container.ledger()


def test_the_metrics_of_a_worker_follow_what_its_parts_do(tmp_path: Path) -> None:
    container = a_container(tmp_path, http="127.0.0.1:0")
    container.channel_notifiers.override(providers.Object({"email": FakeNotifier()}))
    message = InboundMessage(
        queue="email",
        body=json.dumps({"to": "ann@example.com", "template": "welcome",
                         "parameters": {"name": "Ann"}}).encode(),
        properties=Properties(timestamp=int(time.time()) - 100),
    )  # fmt: skip

    async def handle() -> str:
        async with container.closing():
            container.in_hand().take(message)
            await container.handler().handle(message)
            container.dispatcher().senders["email"].breaker.trip(Unavailable("421"), Caller())
            metrics = container.metrics()
            assert metrics is not None
            return metrics.text()

    lines = asyncio.run(handle()).splitlines()

    sent = 'channel="email",outcome="sent",reason="",template="welcome"'
    assert f"dispatcher_notifications_total{{{sent}}} 1" in lines
    for count in (
        'end_to_end_seconds_count{channel="email"}',
        'send_seconds_count{channel="email"}',
        "render_seconds_count",
        'ledger_seconds_count{call="start"}',
        'ledger_seconds_count{call="finish"}',
        "in_flight",
    ):
        assert f"dispatcher_{count} 1" in lines
    assert 'dispatcher_breaker_state{breaker="email"} 2' in lines
    assert 'dispatcher_breaker_state{breaker="ledger"} 0' in lines
    [age] = [
        line for line in lines if line.startswith('dispatcher_queue_age_seconds{queue="email"}')
    ]
    assert 99 <= float(age.rpartition(" ")[2]) < 160


def test_field_1_3_a_process_that_settles_nothing_reports_it_to_its_parent(tmp_path: Path) -> None:
    container = a_container(tmp_path, http="127.0.0.1:0")
    taken: list[Report] = []

    async def main() -> None:
        ours, its = socket.socketpair()
        listening = asyncio.create_task(reports(ours, taken.append))
        async with container.closing():
            container.in_hand().take(InboundMessage(queue="email", body=b"{}"))
            container.settlement_watch().look(700)
            async with answering(container, its.detach(), pytest.fail):
                while not taken:
                    await asyncio.sleep(0)
        await listening

    asyncio.run(main())

    assert taken[0].standstill.endswith("no message was settled for 700 seconds")
    assert set(taken[0].causes) == {"queues", "settlement"}
    [in_hand] = [family for family in taken[0].metrics if family[0] == "dispatcher_in_flight"]
    assert in_hand[3] == [["dispatcher_in_flight", {}, 1]]
