"""The `x-dispatcher-*` headers of a retried or dead message: attempts, times, recipients,
reason."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from adapters.texts import short_text
from domain.delivery import resumed
from domain.errors import FailureReason
from domain.notification import Recipient
from domain.trace import HEADER as TRACEPARENT
from domain.value_object import value_object

PREFIX = "x-dispatcher-"
MAX_ERROR = 500
"""Characters of error text kept: all headers must fit one AMQP frame."""

MAX_REMAINING = 32 * 1024
"""Bytes of the header of recipients that are still to be sent to."""

_MAX_RESUME = 8 * 1024
_SEED = re.compile(r"[0-9a-f]{16}")
_MAX_ATTEMPT = 1_000_000
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@value_object(kw_only=True)
class DeliveryHeaders:
    """The headers as values; None or the default where a header is absent or nonsense.

    `attempt` counts tries already made; `in_doubt`: one of them may have arrived. `remaining` are
    the recipients still to be sent to, each with how far an earlier try came. `seed` distinguishes
    a message without id from others with the same body: its mail keeps one Message-ID over all its
    tries. `channel`: which of a message's several channels this copy is about; None where the
    message is for one.
    """

    attempt: int = 0
    in_doubt: bool = False
    reason: FailureReason | None = None
    error: str | None = None
    first_seen: datetime | None = None
    failed_at: datetime | None = None
    queue: str | None = None
    key: str | None = None
    seed: str | None = None
    remaining: tuple[Recipient, ...] | None = None
    channel: str | None = None
    due: datetime | None = None
    traceparent: str | None = None

    @classmethod
    def parse(cls, headers: Mapping[str, object]) -> "DeliveryHeaders":
        """Read what is there. Never raises: headers may come from any producer."""
        return cls(
            attempt=_attempt(headers.get(PREFIX + "attempt")),
            in_doubt=headers.get(PREFIX + "in-doubt") == "true",
            reason=_reason(headers.get(PREFIX + "reason")),
            error=_text(headers.get(PREFIX + "error")),
            first_seen=_time(headers.get(PREFIX + "first-seen")),
            failed_at=_time(headers.get(PREFIX + "failed-at")),
            queue=_text(headers.get(PREFIX + "queue")),
            key=_text(headers.get(PREFIX + "key")),
            seed=_seed(headers.get(PREFIX + "seed")),
            remaining=_recipients(
                headers.get(PREFIX + "remaining"), headers.get(PREFIX + "resume")
            ),
            channel=_text(headers.get(PREFIX + "channel")),
            due=_time(headers.get(PREFIX + "due")),
            traceparent=traceparent_of(headers),
        )

    def to_wire(self) -> dict[str, str | int]:
        """The whole set of headers a copy carries; nothing else is ever copied."""
        optional: dict[str, str | None] = {
            "in-doubt": "true" if self.in_doubt else None,
            "reason": self.reason,
            "error": self.error and short_text(self.error, MAX_ERROR),
            "first-seen": iso(self.first_seen) if self.first_seen else None,
            "failed-at": iso(self.failed_at) if self.failed_at else None,
            "queue": self.queue,
            "key": self.key,
            "seed": self.seed,
            "remaining": remaining_to_wire(self.remaining) if self.remaining else None,
            "resume": _resume_to_wire(self.remaining or ()),
            "channel": self.channel,
            "due": iso(self.due) if self.due else None,
        }
        wire: dict[str, str | int] = {PREFIX + "attempt": self.attempt}
        wire.update({PREFIX + name: str(value) for name, value in optional.items() if value})
        if self.traceparent:
            wire[TRACEPARENT] = self.traceparent
        return wire


NO_HEADERS = DeliveryHeaders()


def traceparent_of(headers: Mapping[str, object]) -> str | None:
    """The header `traceparent`, well-formed or not; some producers send it as bytes."""
    value = headers.get(TRACEPARENT)
    return _text(value.decode("ascii") if isinstance(value, bytes) and value.isascii() else value)


def remaining_to_wire(recipients: Sequence[Recipient]) -> str:
    """Return the recipients still to be sent to, as a JSON list."""
    return _COMPACT.encode([str(r) for r in recipients])


def _resume_to_wire(recipients: Sequence[Recipient]) -> str | None:
    """How far earlier tries came, by address, as a JSON object; what outgrows its room is left
    out, and begins again."""
    resume = {r.address: r.resume for r in recipients if r.resume}
    text = _COMPACT.encode(resume)
    return text if resume and len(text.encode()) <= _MAX_RESUME else None


def iso(time: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _attempt(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value <= _MAX_ATTEMPT else 0


def _reason(value: object) -> FailureReason | None:
    return next((reason for reason in FailureReason if reason == value), None)


def _text(value: object) -> str | None:
    # What we write is never longer; copying a stranger's could make the headers outgrow a frame.
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ERROR else None


def _seed(value: object) -> str | None:
    return value if isinstance(value, str) and _SEED.fullmatch(value) else None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _recipients(value: object, resume: object) -> tuple[Recipient, ...] | None:
    addresses, tokens = _json(value), _json(resume)
    if not isinstance(addresses, list) or not addresses:
        return None
    known = tokens if isinstance(tokens, dict) else {}
    try:
        recipients = [Recipient.parse(address) for address in addresses]
    except (ValueError, TypeError):  # not even a text
        return None
    found = [(recipient, known.get(recipient.address)) for recipient in recipients]
    return tuple([resumed(r, token if isinstance(token, str) else None) for r, token in found])


def _json(value: object) -> object:
    if not isinstance(value, str) or len(value) > MAX_REMAINING:
        return None
    try:
        return json.loads(value) if len(value.encode()) <= MAX_REMAINING else None
    except (ValueError, RecursionError):
        return None
