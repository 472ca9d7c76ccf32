"""What an alert says of each trouble."""

from domain.events import TroubleKind

STATES = {
    TroubleKind.CHANNEL: ("channel {} is paused", "channel {} goes on"),
    TroubleKind.LEDGER: ("the ledger is away, nothing is sent", "the ledger is back"),
    TroubleKind.BROKER: ("the broker is away, no message is taken", "the broker is back"),
    TroubleKind.ALARM: ("the broker takes no messages in", "the broker takes messages in again"),
    TroubleKind.QUEUE: ("queue {} cannot be used", "queue {} can be used again"),
    TroubleKind.TEMPLATES: ("the new template set is refused", "the templates are good again"),
    TroubleKind.SETTLEMENT: (
        "messages are in hand and no message is settled",
        "messages are settled again",
    ),
    TroubleKind.SUPPRESSIONS: ("the suppressions are away", "the suppressions are back"),
    TroubleKind.SUPPRESSIONS_WRITE: (
        "addresses to suppress cannot be stored",
        "addresses to suppress can be stored again",
    ),
    TroubleKind.SUPPRESSIONS_FILE: (
        "the new list of suppressions is refused",
        "the list of suppressions is good again",
    ),
}
"""The words of a trouble and of its end; the name stands at the braces."""

WAITING = (
    "Nothing is lost and no attempt is spent: the messages wait in their queue, and flow again by\n"
    "themselves once what they need is back."
)
"""What to do about a trouble that is not in `ADVICE`."""

ADVICE = {
    TroubleKind.SUPPRESSIONS_FILE: (
        "The last good list stays in use. Fix the file soon: a worker that starts now has no list\n"
        "before it."
    ),
    TroubleKind.SETTLEMENT: (
        "Read the end of the worker's log, and ask the provider. Where neither says why, restart\n"
        "the worker: its messages are handed out again, and what was sent is not sent twice."
    ),
    TroubleKind.TEMPLATES: (
        "The last good set stays in use. To see every fault:\n\n    dispatcher templates lint"
    ),
}
"""What to do about a trouble."""
