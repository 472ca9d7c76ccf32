"""The words of an alert."""

from datetime import datetime

from domain.alerts import Alert, DeadLetterCause
from domain.events import QueueRecreated, TroubleKind


def subject_of(alert: Alert) -> str:
    """One line that says it all."""
    if isinstance(alert.cause, DeadLetterCause):
        what = alert.cause.reason or "other causes"
        about = f", template {alert.cause.template}" if alert.cause.template else ""
        how_many = "all clear, no dead letter is left" if alert.is_over else _letters(alert.count)
        return f"[dispatcher] {how_many}: {what}{about}"
    if isinstance(alert.cause, QueueRecreated):
        return f"[dispatcher] queue {alert.cause.queue} was deleted and is created again"
    bad, good = _STATES[alert.cause.kind]
    state = f"all clear: {good}" if alert.is_over else bad
    return f"[dispatcher] {state.format(alert.cause.name)}"


def text_of(alert: Alert) -> str:
    """The facts, then what to do."""
    facts = {"first seen": _time(alert.first_seen), "last seen": _time(alert.last_seen)}
    if isinstance(alert.cause, DeadLetterCause):
        facts = {
            "cause": str(alert.cause.reason or "more causes than are kept apart"),
            "letters": str(alert.count),
            **facts,
            "template": alert.cause.template or "-",
            "channel": alert.cause.channel or "-",
            "queue": ", ".join(alert.queues),
        }
        advice = f"Once the cause is fixed:\n\n    {alert.cause.replay}"
        if alert.is_over:
            del facts["last seen"]
            facts["none since"] = _time(alert.last_seen)
            advice = "All were retried, removed or released. There is nothing to replay."
    elif isinstance(alert.cause, QueueRecreated):
        facts = {"times": str(alert.count), **facts}
        advice = "What was in it at that moment is gone. Find out who deletes queues."
    elif alert.is_over:
        facts = {"since": facts["first seen"], "until": facts["last seen"]}
        advice = "It is over. There is nothing to replay."
    else:
        facts = {"since": facts["first seen"]}
        advice = _ADVICE.get(alert.cause.kind, _WAITING)
    lines = [f"{name + ':':<12}{value}" for name, value in {**facts, "error": alert.error}.items()]
    return "\n".join([*lines, "", advice, ""])


def _letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count} dead letters"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


_STATES = {
    TroubleKind.CHANNEL: ("channel {} is paused", "channel {} goes on"),
    TroubleKind.LEDGER: ("the ledger is away, nothing is sent", "the ledger is back"),
    TroubleKind.BROKER: ("the broker is away, no message is taken", "the broker is back"),
    TroubleKind.ALARM: (
        "the broker takes no messages in",
        "the broker takes messages in again",
    ),
    TroubleKind.QUEUE: ("queue {} cannot be used", "queue {} can be used again"),
    TroubleKind.TEMPLATES: ("the new template set is refused", "the templates are good again"),
    TroubleKind.SETTLEMENT: (
        "messages are in hand and no message is settled",
        "messages are settled again",
    ),
}
"""The words of a trouble and of its end; the name stands at the braces."""

_WAITING = (
    "Nothing is lost and no attempt is spent: the messages wait in their queue, and flow again by\n"
    "themselves once what they need is back."
)
_ADVICE = {
    TroubleKind.SETTLEMENT: (
        "Read the end of the worker's log, and ask the provider. Where neither says why, restart\n"
        "the worker: its messages are handed out again, and what was sent is not sent twice."
    ),
    TroubleKind.TEMPLATES: (
        "The last good set stays in use. To see every fault:\n\n    dispatcher templates lint"
    ),
}
