"""Alerts to the operator: sends what the policy finds due, over our notifiers and past the queue;
and finds out when the dead letters that an alert reported are gone."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import structlog

from adapters.dead_letters.dead_letter import describe
from adapters.inbound.contract import (
    BrokerUnavailable,
    DeadLetters,
    Decision,
    InboundMessage,
    Keep,
    PublishRefused,
)
from domain.alerts import Alert, AlertPolicy, AlertTarget
from domain.alerts import DeadLetterCause as Cause
from domain.content import Content
from domain.errors import DeliveryError, Throttled
from domain.events import QueueRecreated
from domain.notification import Notification
from domain.ports import Notifier
from entrypoints.watching.alert_words import ADVICE, STATES, WAITING
from entrypoints.watching.periodic import repeated

TEMPLATE = "dispatcher-alert"
"""What an alert's mail names as its template; there is no such file."""

_PATIENCE = timedelta(minutes=1)  # with a provider that is busy; meanwhile other alerts wait
_PAUSE = 1.0
_LAST_WORD = 5.0  # seconds for the alerts of a worker that ends

LOOK_PAUSE = 60.0  # seconds between two looks for what is left
CALM = 3
"""Looks in a row without a dead letter of the cause: an operator's command holds dead letters for a
while, and they cannot be seen meanwhile."""

READ_AT_MOST = 1000
"""Dead letters that are read to keep causes apart. Of more, only the end of all is noticed."""

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
        rest, fault = partial(self.report, is_last=True), "alerting failed"
        return repeated(self.report, _PAUSE, fault=fault, at_end=rest, patience=_LAST_WORD)

    async def report(self, *, is_last: bool = False) -> None:
        """Send what is due now."""
        paused = self.paused()
        targets = [target for target in self.targets if target.channel not in paused]
        for alert in self.policy.due(is_last=is_last) if targets else ():
            for target in targets:
                await self._send(alert, target)

    async def _send(self, alert: Alert, target: AlertTarget) -> None:
        channel, to = target.channel, (target.recipient,)
        notification = Notification(
            id=f"alert-{uuid4().hex}", channel=channel, template=TEMPLATE, to=to
        )
        subject, text = _subject_of(alert), _text_of(alert)
        if channel in self.without_subject:
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
            log.error("alert could not be sent; it is dropped", channel=channel, error=str(error))

    async def _try(self, notification: Notification, content: Content) -> DeliveryError | None:
        notifier = self.notifiers[notification.channel]
        try:
            answers = await notifier.notify(notification, content, notification.to)
        except DeliveryError as error:
            return error
        return answers[notification.to[0]]


def _subject_of(alert: Alert) -> str:
    """One line that says it all."""
    if isinstance(alert.cause, Cause):
        what = alert.cause.reason or "other causes"
        about = f", template {alert.cause.template}" if alert.cause.template else ""
        how_many = "1 dead letter" if alert.count == 1 else f"{alert.count} dead letters"
        if alert.is_over:
            how_many = "all clear, no dead letter is left"
        return f"[dispatcher] {how_many}: {what}{about}"
    if isinstance(alert.cause, QueueRecreated):
        return f"[dispatcher] queue {alert.cause.queue} was deleted and is created again"
    bad, good = STATES[alert.cause.kind]
    state = f"all clear: {good}" if alert.is_over else bad
    return f"[dispatcher] {state.format(alert.cause.name)}"


def _text_of(alert: Alert) -> str:
    """The facts, then what to do."""
    facts = {"first seen": _time(alert.first_seen), "last seen": _time(alert.last_seen)}
    if isinstance(alert.cause, Cause):
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
        advice = ADVICE.get(alert.cause.kind, WAITING)
    lines = [f"{name + ':':<12}{value}" for name, value in {**facts, "error": alert.error}.items()]
    return "\n".join([*lines, "", advice, ""])


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(slots=True, kw_only=True)
class AllClear:
    """Reports to the policy the causes of which no dead letter is left. It asks the broker for a
    number only, once a minute and while an alert is open; dead letters are read when that number
    has changed. `channels`: queue to channel."""

    policy: AlertPolicy
    dead_letters: DeadLetters
    channels: Mapping[str, str]
    _left: dict[str, tuple[int, Collection[Cause]]] = field(default_factory=dict, init=False)
    _open: Mapping[Cause, Alert] = field(default_factory=dict, init=False)
    _calm: Counter[Cause] = field(default_factory=Counter, init=False)

    async def look(self) -> None:
        """Look once, if there is an open alert. While the broker is away nothing is concluded."""
        before, self._open = self._open, self.policy.open_dead_letters
        for cause, alert in self._open.items():
            if before.get(cause) != alert:
                for queue in alert.queues:
                    self._left.pop(queue, None)
        try:
            queues = {queue for alert in self._open.values() for queue in alert.queues}
            left = {queue: await self._look_into(queue) for queue in queues}
        except (BrokerUnavailable, PublishRefused):
            self._calm.clear()
            return
        calm: Counter[Cause] = Counter()
        for cause, alert in self._open.items():
            found = [left[queue] for queue in alert.queues]
            is_gone = all(one is not None and not _holds(one, cause) for one in found)
            calm[cause] = self._calm[cause] + 1 if is_gone else 0
            if calm[cause] >= CALM:
                self.policy.drained(cause)
        self._calm = calm

    async def _look_into(self, queue: str) -> Collection[Cause] | None:
        """The causes of the dead letters of `queue`, as the replay command counts; None where
        looking would cost too much."""
        count = await self.dead_letters.count(queue)
        if queue in self._left and self._left[queue][0] == count:
            return self._left[queue][1]
        causes: set[Cause] = set()

        async def read(message: InboundMessage) -> Decision:
            it = describe(message, self.channels)
            causes.add(Cause(reason=it.reason, template=it.template, channel=it.channel))
            await asyncio.sleep(0)  # reading many dead letters must not hold up the mails
            return Keep.KEEP

        is_read = count == 0
        if 0 < count <= READ_AT_MOST:
            is_read = await self.dead_letters.visit(queue, read) == count
        if not is_read:  # too many, or another consumer holds some
            self._left.pop(queue, None)
            return None
        self._left[queue] = count, causes
        return causes


def _holds(left: Collection[Cause], cause: Cause) -> bool:
    return any(
        cause.reason in (None, one.reason)
        and cause.template in (None, one.template)
        and cause.channel in (None, one.channel)
        for one in left
    )
