"""What a provider answers to a question that changes nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from adapters.channels.shared.http import HttpReply


@dataclass(frozen=True, slots=True)
class Pong:
    """`name`: who we are to the provider. `clock_ahead`: by how much our clock is ahead of theirs,
    to the second; None where the answer has no time."""

    name: str
    clock_ahead: timedelta | None = None

    @classmethod
    def of(cls, name: object, reply: HttpReply) -> "Pong":
        """The clock is compared with the header Date (RFC 9110, section 6.6.1)."""
        try:
            theirs = parsedate_to_datetime(reply.headers.get("date", "")).astimezone(UTC)
        except (ValueError, OverflowError):
            return cls(str(name))
        return cls(str(name), datetime.now(UTC).replace(microsecond=0) - theirs)
