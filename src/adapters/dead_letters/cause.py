"""What groups dead letters: the same thing went wrong with all of them."""

import re
from dataclasses import dataclass

from adapters.dead_letters.dead_letter import DeadLetter
from domain.errors import FailureReason

_VARIABLE = re.compile(
    r"""
      (?P<kept>                                # codes: RFC 5321 4.2, RFC 3463 2
        (?:^|(?<=[:]\s)|(?<=with\s)|(?<=answered\s)|(?<=HTTP\s)) [2-5]\d\d \b(?!\S*@)
      | (?<![\d.]) [245]\.\d{1,3}\.\d{1,3} \b(?!\.)
      )
    | [^\s<>"',;:()]+ @ [^\s<>"',;:()]+                              # an address
    | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b                # a UUID
    | \b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z\d]{8,}\b               # a queue id, a hash
    | \d+
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """`error` is the text without what differs from letter to letter."""

    reason: FailureReason
    template: str | None
    channel: str | None
    error: str


def cause_of(letter: DeadLetter) -> Cause:
    """The cause that this letter shares with others."""
    return Cause(
        reason=letter.reason,
        template=letter.template,
        channel=letter.channel,
        error=general(letter.error or ""),
    )


def general(error: str) -> str:
    """`error` with addresses, ids and numbers as `#`; reply codes of a mail server stay."""
    return _VARIABLE.sub(lambda found: found["kept"] or "#", error)
