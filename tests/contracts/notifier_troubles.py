"""What a notifier can meet, what it must then say, and where a secret could get out."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from adapters.inbound.handler import settle
from adapters.message_format.headers import DeliveryHeaders
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.notification import Recipient
from domain.outcome import Outcome
from domain.ports import Notifier
from tests.fakes import NOON

SECRET = "Sentinel-s3cret"
BODY = "Sentinel-b0dy"
NAMED_WAIT = timedelta(seconds=7)
PATIENT = 20.0
HASTY = 1.0


class Trouble(StrEnum):
    """What a provider does to the next message."""

    BUSY = "has a fault of its own and says so, as 451 and HTTP 503 do"
    THROTTLES = "wants us to wait for NAMED_WAIT"
    REFUSES_THE_MESSAGE = "refuses the message for good"
    REFUSES_OUR_CREDENTIALS = "refuses our credentials, and repeats them in its answer"
    VANISHES_HALF_WAY = "takes the message and hangs up without an answer"
    SILENT = "takes the message and never answers"
    AWAY = "is not there: nobody listens"


Verdicts = Mapping[Trouble, type[DeliveryError] | None]
"""The error that each trouble is told by; None: this channel's provider has no such trouble."""

REMOTE: Verdicts = {
    Trouble.BUSY: Transient,
    Trouble.THROTTLES: Throttled,
    Trouble.REFUSES_THE_MESSAGE: Permanent,
    Trouble.REFUSES_OUR_CREDENTIALS: Unavailable,
    Trouble.VANISHES_HALF_WAY: InDoubt,
    Trouble.SILENT: InDoubt,
    Trouble.AWAY: Unavailable,
}
LOCAL: Verdicts = {**dict.fromkeys(Trouble), Trouble.AWAY: Unavailable}

OF_ONE_MESSAGE = frozenset(
    {
        Trouble.BUSY,
        Trouble.REFUSES_THE_MESSAGE,
        Trouble.VANISHES_HALF_WAY,
        Trouble.SILENT,
    }
)


class Peer(Protocol):
    """A notifier and the provider it talks to. Credentials, where it has any, hold SECRET."""

    notifier: Notifier

    def accepted(self) -> list[str]:
        """Every address the provider accepted for, once for each time."""

    def refuse(self, address: str) -> None:
        """From now on refuse this address for good, and nobody else."""

    def trouble(self, trouble: Trouble) -> None:
        """Meet the next message with trouble, and those after it with none (AWAY stays away)."""


def everything_told(error: DeliveryError) -> list[str]:
    """The texts of an error, of all it leads back to, and of the letters that come of it."""
    told = [repr(_letters(error))]
    step: BaseException | None = error
    while step is not None:
        told += [str(step), repr(step), repr(vars(step))]
        step = step.__cause__ or step.__context__
    return told


def _letters(error: DeliveryError) -> list[object]:
    """What is stored of a recipient whose last try ended so."""
    recipient = Recipient(address="ann@example.com", resume=error.resume or "")
    reason = getattr(error, "reason", FailureReason.RETRIES_EXHAUSTED)
    outcome = Outcome.all_rejected([recipient], reason, str(error), attempt=1)
    return [copy.headers for copy in settle(DeliveryHeaders(), outcome, NOON)]
