"""0 done, 1 failed, 2 usage, 69 unavailable, 75 try later, 78 bad configuration; no traceback."""

import json
import shutil
import socket
from collections.abc import Iterator

import pytest

from tests.integration.contract.outside import GOLDEN, Home, free_port, get, lines_that_begin, write
from tests.integration.contract.rabbit_peer import RabbitPeer
from tests.integration.contract.scene import unique

NO_BROKER = "amqp://guest:guest@127.0.0.1:1/"
SEND = ("send", "note", "--to", "ada@example.com", "--data", '{"name": "Ada"}')


@pytest.fixture
def house(home: Home) -> Home:
    """A folder with the templates and an embedded queue."""
    shutil.copytree(GOLDEN / "templates", home.folder / "templates")
    return home.with_(EMAIL_FROM="shop@example.com")


FAILS = [
    ("failed", "show", "absent-id"),
    ("failed", "retry", "absent-id", "--yes"),
    ("templates", "render", "absent"),
    ("templates", "render", "note", "--part", "absent"),
    ("templates", "schema", "absent"),
    ("failed", "import", "-"),
]
IS_WRONG = [
    ("absent",),
    ("worker", "--absent"),
    ("worker", "--processes", "0"),
    ("send",),
    ("failed", "list", "--reason", "absent"),
    ("failed", "retry", "--yes"),
    ("failed", "remove", "--yes"),
    ("failed", "retry", "--all", "--json"),
    ("templates", "render", "note", "--channel", "absent"),
    ("templates", "render", "note", "--example", "absent"),
]
NEEDS_A_BROKER = [
    SEND,
    ("failed", "list"),
    ("failed", "retry", "--all", "--yes"),
    ("status",),
    ("topology", "check"),
    ("doctor",),
]


@pytest.mark.parametrize(
    ("commands", "code"), [(FAILS, 1), (IS_WRONG, 2)], ids=["what fails", "wrong usage"]
)
def test_what_cannot_be_done_says_so_on_stderr(
    house: Home, commands: list[tuple[str, ...]], code: int
) -> None:
    for command, ended in house.run_all(*commands, stdin="not json\n").items():
        assert ended.code == code, (command, ended)
        assert ended.stdout == "", command
        assert ended.stderr, command
        assert "Traceback" not in ended.stderr, command


def test_an_unreachable_broker_is_69(house: Home) -> None:
    away = house.with_(BROKER_URL=NO_BROKER, EMAIL_URL="maildir:box")

    for command, ended in away.run_all(*NEEDS_A_BROKER).items():
        assert ended.code == 69, (command, ended)
        assert "Traceback" not in ended.stderr, command


def test_a_finding_of_lint_is_1(house: Home) -> None:
    warned = house.run("templates", "lint")
    strict = house.run("templates", "lint", "--strict")
    write(house.folder, {"templates/broken.jinja2": "<p>{{ name"})
    broken = house.run("templates", "lint", "--json")

    assert (warned.code, strict.code, broken.code) == (0, 1, 1)
    assert "error" in {finding["severity"] for finding in broken.json}


def test_without_a_terminal_what_destroys_wants_yes(house: Home) -> None:
    letter = {"queue": "email", "headers": {}, "properties": {}, "body": '{"id": "letter-1"}'}
    house.ok("failed", "import", "-", stdin=json.dumps(letter))

    for command in ("remove", "retry"):
        assert house.run("failed", command, "--all").code == 2
    assert len(house.read("failed", "list")) == 1


def test_an_unreachable_relay_is_69(house: Home) -> None:
    away = house.with_(EMAIL_URL="smtp://127.0.0.1:1").run("doctor", "--json")

    assert away.code == 69
    assert {check["name"] for check in away.json if check["state"] == "failed"} == {"email"}


@pytest.fixture
def full(broker_url: str) -> Iterator[str]:
    """A queue that takes no more."""
    name = unique("contract-full")["email"]
    with RabbitPeer(broker_url) as peer:
        peer.declare(name, {"x-max-length": 1, "x-overflow": "reject-publish"})
        peer.publish(name, b"the one that fits")
    yield name
    with RabbitPeer(broker_url) as peer:
        peer.delete([name, f"{name}.dead", f"{name}.retry.60000"])


def test_a_broker_that_takes_no_more_is_75(house: Home, broker_url: str, full: str) -> None:
    filled = house.with_(BROKER_URL=broker_url, QUEUES=f"email={full}", RETRY_DELAYS="1m")

    refused = filled.run(*SEND)

    assert refused.code == 75
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("command", "settings", "named"),
    [
        (("worker",), {"EMAIL_POOL": "0"}, "EMAIL_POOL"),
        (("failed", "list"), {"EMAIL_POOL": "0"}, "EMAIL_POOL"),
        (SEND, {"EMAIL_POL": "1"}, "EMAIL_POL"),
        (("worker",), {"BROKER_URL": NO_BROKER}, "EMAIL_URL"),
        (("worker",), {"TEMPLATES_DIR": "absent"}, "TEMPLATES_DIR"),
        (("worker", "--processes", "2"), {"HTTP": "192.0.2.1:8080"}, "HTTP"),
        (("worker", "--channels", "webgui"), {}, ""),
        (("failed", "list", "--channel", "webgui"), {}, ""),
        (("send", "note", "--channel", "webgui"), {}, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_wrong_configuration_is_78(
    house: Home, command: tuple[str, ...], settings: dict[str, str], named: str
) -> None:
    refused = house.with_(**settings).run(*command)

    assert refused.code == 78
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr
    assert any(f"DISPATCHER_{named}" in line for line in refused.faults) or not named


def test_doctor_says_78_for_settings_and_templates(house: Home) -> None:
    wrong = house.with_(EMAIL_POOL="0").run("doctor", "--json")
    write(house.folder, {"templates/broken.jinja2": "<p>{{ name"})
    broken = house.run("doctor", "--json")

    assert (wrong.code, broken.code) == (78, 78)
    assert wrong.json[0]["name"] == "settings"
    assert wrong.json[0]["state"] == "failed"


def test_a_worker_needs_one_template_that_compiles(house: Home) -> None:
    write(house.folder, {"tree/first.jinja2": "{{ a", "tree/second.jinja2": "{% if %}"})

    refused = house.with_(TEMPLATES_DIR="tree").run("worker")

    assert refused.code == 78
    assert len(lines_that_begin(refused.faults, "DISPATCHER_TEMPLATES_DIR: ")) == 2


def test_a_second_sigterm_ends_with_1_at_once(house: Home) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        relay = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        patient = house.with_(EMAIL_URL=relay, HTTP=f"127.0.0.1:{port}")
        patient.ok(*SEND)
        with patient.process("worker") as worker:
            busy = "dispatcher_in_flight 1\n"
            worker.until(lambda: (page := get(port, "/metrics")) and busy in page.text)
            worker.process.terminate()
            worker.until(lambda: page_of_ending(port))
            code = worker.stop()

    assert code == 1


def page_of_ending(port: int) -> bool:
    """Whether the worker says that it takes no more, or no longer answers."""
    page = get(port, "/readyz")
    return page is None or page.status == 503


def test_a_sigterm_during_start_up_ends_with_0(house: Home) -> None:
    with house.process("worker") as worker:
        worker.until(lambda: running_python(worker.process.pid))
        assert worker.stop() == 0


def running_python(pid: int) -> bool:
    """Whether the process ignores or catches SIGTERM already."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("SigCgt:"))
    return bool(int(line.split()[1], 16) & (1 << 14))
