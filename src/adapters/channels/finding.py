"""What a look at a channel's provider found."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import InDoubt
from domain.value_object import value_object

if TYPE_CHECKING:
    from adapters.channels.shared.http import HttpReply

TIMEOUT = 12.0
_SKEW = timedelta(seconds=30)


class FindingState(StrEnum):
    """How a look went."""

    FINE = "fine"
    NOTABLE = "notable"
    UNREACHABLE = "unreachable"
    MISCONFIGURED = "misconfigured"


@value_object()
class Finding:
    """One line: what was looked at, how it is, and what to do."""

    name: str
    detail: str
    state: FindingState = FindingState.FINE
    remedy: str = ""

    @classmethod
    def notable(cls, name: str, detail: str, remedy: str = "") -> "Finding":
        """Works, and may not be what was meant."""
        return cls(name, detail, FindingState.NOTABLE, remedy)

    @classmethod
    def unreachable(cls, name: str, error: Exception, limit: float = TIMEOUT) -> "Finding":
        """A provider that does not answer within `limit` seconds, or does not let us in."""
        detail, remedy = reason_of(error, limit), "until then the channel is paused"
        return cls(name, detail, FindingState.UNREACHABLE, remedy)

    @classmethod
    def kept_in(cls, name: str, folder: Path, noun: str = "messages are") -> "Finding":
        """A channel that sends nothing."""
        return cls.notable(name, f"{noun} kept in {folder}: nothing is sent")


def clock_findings(provider: str, reply: "HttpReply") -> list[Finding]:
    """How our clock compares with the provider's, where its answer had a time."""
    ahead = reply.clock_ahead
    if ahead is None:
        return []
    if abs(ahead) <= _SKEW:
        return [Finding("clock", f"agrees with {provider}'s")]
    side = "ahead of" if ahead > timedelta(0) else "behind"
    detail = f"is {abs(ahead).total_seconds():.0f} s {side} {provider}'s"
    return [Finding.notable("clock", detail, "let NTP set it: waits and expiries go by it")]


def reason_of(error: Exception, limit: float = TIMEOUT) -> str:
    """Why there was no answer, on one line."""
    if isinstance(error, TimeoutError):
        return f"no answer within {limit:.0f} s"
    if isinstance(error, InDoubt):
        return "does not answer, or hangs up before it does"
    return " ".join(str(error).split())
