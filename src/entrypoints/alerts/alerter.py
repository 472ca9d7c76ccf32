"""Sends what the alert policy finds due, over our own notifiers and past the queue."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import structlog

from domain.alerts import Alert, AlertPolicy, AlertTarget, DeadLetterCause
from domain.content import Content
from domain.errors import DeliveryError, Throttled
from domain.events import QueueRecreated, TroubleKind
from domain.notification import Notification
from domain.ports import Notifier
from entrypoints.watching.periodic import repeated

TEMPLATE = "dispatcher-alert"
"""What an alert's mail names as its template; there is no such file."""

_PATIENCE = timedelta(minutes=1)  # with a provider that is busy; meanwhile other alerts wait
_PAUSE = 1.0
_LAST_WORD = 5.0  # seconds for the alerts of a worker that ends

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Alerter:
    """Sends alerts to the targets. What cannot be sent is logged once and dropped: an alert about
    alerts would never end. While every target's channel is paused, alerts wait in the policy.
    `without_subject`: channels that show a message's text alone."""

    policy: AlertPolicy
    targets: Sequence[AlertTarget]
    notifiers: Mapping[str, Notifier]
    paused: Callable[[], Collection[str]]
    without_subject: Collection[str] = ()
    _failing: set[AlertTarget] = field(default_factory=set, init=False)

    def at_work(self) -> AbstractAsyncContextManager[None]:
        """Send what is due while this is entered, and at the end what is left."""
        rest = partial(self.tell, is_last=True)
        fault = "alerting failed"
        return repeated(self.tell, _PAUSE, fault=fault, at_end=rest, patience=_LAST_WORD)

    async def tell(self, *, is_last: bool = False) -> None:
        """Send what is due now."""
        paused = self.paused()
        targets = [target for target in self.targets if target.channel not in paused]
        for alert in self.policy.due(is_last=is_last) if targets else ():
            for target in targets:
                await self._send(alert, target)

    async def _send(self, alert: Alert, target: AlertTarget) -> None:
        notification = Notification(
            id=f"alert-{uuid4().hex}",
            channel=target.channel,
            template=TEMPLATE,
            to=(target.recipient,),
        )
        subject, text = _subject_of(alert), _text_of(alert)
        if target.channel in self.without_subject:
            text = f"{subject}\n\n{text}"
        content = Content(subject=subject, parts={"text": text})
        error = await self._try(notification, content)
        if isinstance(error, Throttled) and error.retry_after <= _PATIENCE:
            await asyncio.sleep(error.retry_after.total_seconds())
            error = await self._try(notification, content)
        if error is None:
            self._failing.discard(target)
        elif target not in self._failing:
            self._failing.add(target)
            log.error(
                "alert could not be sent; it is dropped", channel=target.channel, error=str(error)
            )

    async def _try(self, notification: Notification, content: Content) -> DeliveryError | None:
        notifier = self.notifiers[notification.channel]
        try:
            answers = await notifier.notify(notification, content, notification.to)
        except DeliveryError as error:
            return error
        return answers[notification.to[0]]


def _subject_of(alert: Alert) -> str:
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


def _text_of(alert: Alert) -> str:
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
