"""What a look at one thing found, for `dispatcher doctor`."""

from dataclasses import dataclass
from enum import StrEnum

from entrypoints.cli.app import BAD_CONFIGURATION, DONE, UNAVAILABLE


class CheckState(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it is, and what to do. `code` is the exit code that it
    asks for."""

    name: str
    state: CheckState
    detail: str
    remedy: str = ""
    code: int = DONE


def ok(name: str, detail: str) -> Check:
    """Nothing to do."""
    return Check(name, CheckState.OK, detail)


def warning(name: str, detail: str, remedy: str = "") -> Check:
    """Works, and may not be what was meant."""
    return Check(name, CheckState.WARNING, detail, remedy)


def unreachable(name: str, detail: str, remedy: str = "") -> Check:
    """Return the check of a peer that does not answer, or does not let us in."""
    return Check(name, CheckState.FAILED, detail, remedy, UNAVAILABLE)


def misconfigured(name: str, detail: str, remedy: str = "") -> Check:
    """Wrong here: waiting does not help."""
    return Check(name, CheckState.FAILED, detail, remedy, BAD_CONFIGURATION)
