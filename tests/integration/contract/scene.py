"""One worker on RabbitMQ with all three channels, all messages of the golden files, and the end."""

import gzip
import json
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.integration.contract.http_peer import SLACK_TOKEN, TELEGRAM_TOKEN, HttpPeer
from tests.integration.contract.outside import GOLDEN, Home, golden
from tests.integration.contract.rabbit_peer import Message, RabbitPeer
from tests.integration.contract.smtp_peer import SmtpPeer

CHANNELS = ("email", "telegram", "slack")
DELAYS = (100, 200)
"""Milliseconds of the retry tiers."""

BASE = {
    "from": "shop@example.com",
    "to": "ada@example.com",
    "subject": "Hello",
    "template": "note",
    "parameters": {"name": "Ada"},
}
MAX_BODY = 65_536


@dataclass(frozen=True)
class Case:
    """One message of a golden file as it is published. `row` is the line of the file."""

    id: str
    queue: str
    body: bytes
    properties: Mapping[str, Any]
    row: Mapping[str, Any]


def case_of(row: Mapping[str, Any], name: str, queues: Mapping[str, str]) -> Case:
    """Build what is published: the base message with the row's fields, or the row's bytes."""
    return Case(
        id=name,
        queue=queues[row.get("queue", "email")],
        body=_body(row, name),
        properties=row.get("properties", {}),
        row=row,
    )


def _body(row: Mapping[str, Any], name: str) -> bytes:
    if "raw" in row:
        return str(row["raw"]).encode()
    if "hex" in row:
        return bytes.fromhex(row["hex"])
    fields: dict[str, Any] = {"id": name, **BASE, **row.get("fields", {})}
    for absent in row.get("without", ()):
        fields.pop(absent, None)
    if "nested" in row:
        fields["parameters"] = _nested(row["nested"])
    if "filled" in row:
        fields["parameters"] = {"name": "x" * row["filled"]}
    return _encoded(json.dumps(fields, ensure_ascii=row.get("encode") != "latin-1"), row)


def _nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def _encoded(text: str, row: Mapping[str, Any]) -> bytes:
    match row.get("encode"):
        case "bom":
            return text.encode("utf-8-sig")
        case "gzip":
            return gzip.compress(text.encode(), mtime=0)
        case "deflate":
            return zlib.compress(text.encode())
        case "latin-1":
            return text.encode("latin-1")
        case _:
            return text.encode()


def accepted(queues: Mapping[str, str]) -> list[Case]:
    """Messages that are understood."""
    return [case_of(row, row["case"], queues) for row in golden("wire")]


def malformed(queues: Mapping[str, str]) -> list[Case]:
    """Messages that are not understood."""
    return [case_of(row, row["case"], queues) for row in golden("malformed")]


def failing(queues: Mapping[str, str]) -> list[Case]:
    """Messages that are understood and end as dead letters."""
    rows = golden("failures")
    return [case_of(row, f"{row['reason']}-{n}", queues) for n, row in enumerate(rows)]


def settings_for(
    broker: str, queues: Mapping[str, str], smtp: SmtpPeer, http: HttpPeer
) -> dict[str, str]:
    """The worker's settings, by full name."""
    plain = {
        "BROKER_URL": broker,
        "QUEUES": ",".join(f"{channel}={queue}" for channel, queue in queues.items()),
        "EMAIL_URL": smtp.url,
        "EMAIL_FROM": "default@example.com",
        "EMAIL_EHLO": "worker.example.com",
        "TELEGRAM_TOKEN": TELEGRAM_TOKEN,
        "TELEGRAM_API_URL": http.url,
        "SLACK_TOKEN": SLACK_TOKEN,
        "SLACK_API_URL": f"{http.url}/api/",
        "TEMPLATES_DIR": str(GOLDEN / "templates"),
        "ATTACHMENTS_DIR": str(GOLDEN / "attachments"),
        "MAX_BODY": str(MAX_BODY),
        "MAX_OUTPUT": "100KiB",
        "RETRY_DELAYS": ",".join(f"{delay}ms" for delay in DELAYS),
        "SUPPRESSIONS": str(GOLDEN / "suppressions.txt"),
        "ONLY_TO": "*@example.com,nonsense,7*,4*,C*",
        "AUTO_RELEASE": "off",
        "LOG_FORMAT": "json",
    }
    return {f"DISPATCHER_{name}": value for name, value in plain.items()}


@dataclass
class Scene:
    """What the run has left behind. `dead` are the raw letters by queue."""

    home: Home
    broker: str
    queues: Mapping[str, str]
    smtp: SmtpPeer
    http: HttpPeer
    accepted: list[Case]
    malformed: list[Case]
    failing: list[Case]
    metrics: str = ""
    ready: Any = None
    exit_code: int = -1
    letters: list[dict[str, Any]] = field(default_factory=list)
    exported: list[dict[str, Any]] = field(default_factory=list)
    dead: dict[str, list[Message]] = field(default_factory=dict)

    def dead_of(self, case: Case) -> list[Message]:
        """The raw dead letters with the case's body."""
        found = self.dead[case.queue]
        return [(properties, body) for properties, body in found if body == case.body]


def publish(peer: RabbitPeer, cases: Iterable[Case]) -> None:
    """Publish straight into the work queues."""
    for case in cases:
        peer.publish(case.queue, case.body, **case.properties)


def is_quiet(peer: RabbitPeer, queues: Iterable[str]) -> bool:
    """Whether nothing waits in the work queues and tiers."""
    names = [f"{queue}{end}" for queue in queues for end in ("", *_tiers())]
    return all(not peer.ready(name) for name in names)


def _tiers() -> list[str]:
    return [f".retry.{delay}" for delay in DELAYS]


def unique(prefix: str) -> dict[str, str]:
    """Channel -> a queue that only this run uses."""
    return {channel: f"{prefix}-{time.monotonic_ns()}-{channel}" for channel in CHANNELS}
