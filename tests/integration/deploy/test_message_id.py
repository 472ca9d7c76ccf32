"""From a mail's Message-ID to its log line and its event, by the commands of docs/operations.md."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.compose_stack import Stack, running_stack
from tests.support.tools import ROOT, run, tool
from tests.support.worker import wait_until

pytestmark = pytest.mark.slow

_MADE_UP = "0b5bd2f3a1c4e5d6f708192a"
_LOOKS = 25
"""More than RabbitMQ 4 lets a quorum queue return a message."""


def commands(begin: str) -> list[str]:
    """The page's commands that begin so, in order."""
    page = (ROOT / "docs/operations.md").read_text()
    section = page.split("\n## From a mail's Message-ID", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip() for line in section.splitlines()]
    return [line for line in lines if line.startswith(begin)]


@dataclass(frozen=True)
class Reader:
    """Runs the page's commands as they are, where `docker compose` is about the stack."""

    stack: Stack
    events: Path
    programs: Path

    def run(self, command: str, message_id: str) -> str:
        text = command.replace(_MADE_UP, message_id)
        env = {
            **os.environ,
            "PATH": f"{self.programs}:{Path(tool('docker')).parent}:{os.environ['PATH']}",
            "COMPOSE_PROJECT_NAME": self.stack.name,
            "COMPOSE_FILE": f"{ROOT / 'compose.yaml'}:{self.events}",
            "HTTP_PORT": str(self.stack.port),
        }
        return run("bash", "-c", f"set -o pipefail\n{text}", env=env, seconds=120)


@contextmanager
def reader(tmp_path: Path) -> Iterator[Reader]:
    events = tmp_path / "events.yaml"
    setting = "{DISPATCHER_EVENTS: dispatcher.events}"
    events.write_text(f"services:\n  dispatcher:\n    environment: {setting}\n")
    with running_stack(tmp_path, files=[str(events)]) as stack:
        container = stack.compose("ps", "-q", "rabbitmq").strip()
        program = tmp_path / "programs/rabbitmqadmin"
        program.parent.mkdir()
        program.write_text(
            f"#!/bin/sh\nexec {tool('docker')} exec -i {container} rabbitmqadmin"
            ' -u dispatcher -p dispatcher "$@"\n'
        )
        program.chmod(0o755)
        yield Reader(stack, events, program.parent)


def test_the_commands_of_the_page_lead_from_a_mail_to_its_line_and_its_event(
    tmp_path: Path,
) -> None:
    of_log = commands("docker compose logs")
    of_compose, of_broker = commands("docker compose exec"), commands("rabbitmqadmin")
    assert [len(found) for found in (of_log, of_compose, of_broker)] == [1, 3, 3]
    with reader(tmp_path) as page:
        for command in (*of_compose[:2], *of_broker[:2]):
            page.run(command, "")
        [id_] = page.stack.send(1)
        wait_until(lambda: page.stack.ids()[id_] == 1, on_failure=page.stack.log)
        [mail] = page.stack.mailbox.mails()
        found = re.fullmatch(r"<(\w+)@.*>", mail["Content"]["Headers"]["Message-ID"][0])
        assert found is not None

        said = page.run(of_log[0], found[1])
        line = json.loads(said[said.index("{") :])  # compose may begin a line with a code
        shown = [page.run(of_compose[2], found[1]) for _ in range(_LOOKS)]
        shown.append(page.run(of_broker[2], found[1]))

    assert (line["id"], line["event"]) == (id_, "notification sent")
    assert "trace_id" not in line
    assert all(f'"subject":"{id_}"' in text for text in shown)
