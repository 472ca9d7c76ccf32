"""Sends what the alert policy finds due, over our own notifiers and past the queue."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from adapters.rabbitmq.watch import ALARM, QUEUES
from domain.alerts import Alert, AlertPolicy, AlertTarget, DeadLetterCause, Incident
from domain.content import Content
from domain.errors import DeliveryError, Throttled
from domain.notification import Notification
from domain.once import LEDGER
from domain.ports import Notifier
from entrypoints.vitals import SETTLEMENT, TEMPLATES

TEMPLATE = "dispatcher-alert"
"""What an alert's mail names as its template; there is no such file."""

_PATIENCE = timedelta(minutes=1)  # with a provider that is busy; meanwhile other alerts wait
_WITHOUT_SUBJECT = ("telegram", "slack")
_LOOK = 1.0
_LAST_WORD = 5.0  # seconds for the alerts of a worker that ends

log = structlog.get_logger()


class Alerter:
    """Sends alerts to the targets. What cannot be sent is logged once and dropped:
    an alert about alerts would never end. While every target's channel is paused, alerts wait in
    the policy."""

    def __init__(
        self,
        *,
        policy: AlertPolicy,
        targets: Sequence[AlertTarget],
        notifiers: Mapping[str, Notifier],
        paused: Callable[[], Collection[str]],
    ) -> None:
        self._policy = policy
        self._targets = targets
        self._notifiers = notifiers
        self._paused = paused
        self._failing: set[AlertTarget] = set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Send what is due while this is entered, and at the end what is left."""
        ending = asyncio.Event()
        telling = asyncio.create_task(self._keep_telling(ending))
        try:
            yield
        finally:
            ending.set()
            await asyncio.wait([telling], timeout=_LAST_WORD)
            telling.cancel()

    async def _keep_telling(self, ending: asyncio.Event) -> None:
        is_last = False
        while not is_last:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await ending.wait()
            is_last = ending.is_set()
            try:
                await self.tell(is_last=is_last)
            except Exception:  # a fault of ours must neither end the alerts nor be silent
                log.exception("alerting failed")

    async def tell(self, *, is_last: bool = False) -> None:
        """Send what is due now."""
        paused = self._paused()
        targets = [target for target in self._targets if target.channel not in paused]
        if not targets:
            return
        for alert in self._policy.due(is_last=is_last):
            for target in targets:
                await self._send(alert, target)

    async def _send(self, alert: Alert, target: AlertTarget) -> None:
        notification = Notification(
            id=f"alert-{uuid4().hex}",
            channel=target.channel,
            template=TEMPLATE,
            to=(target.recipient,),
        )
        subject, text = subject_of(alert), text_of(alert)
        if target.channel in _WITHOUT_SUBJECT:
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
        notifier = self._notifiers[notification.channel]
        try:
            answers = await notifier.notify(notification, content, notification.to)
        except DeliveryError as error:
            return error
        return answers[notification.to[0]]


def subject_of(alert: Alert) -> str:
    """One line that says it all."""
    if isinstance(alert.cause, DeadLetterCause):
        what = alert.cause.reason or "other causes"
        about = f", template {alert.cause.template}" if alert.cause.template else ""
        how_many = "all clear, no letter is left" if alert.is_over else _letters(alert.count)
        return f"[dispatcher] {how_many}: {what}{about}"
    name = alert.cause.name
    if isinstance(alert.cause, Incident):
        return f"[dispatcher] {name} was deleted and is created again"
    bad, good = _STATES.get(name) or _states_of(name)
    return f"[dispatcher] all clear: {good}" if alert.is_over else f"[dispatcher] {bad}"


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
    elif isinstance(alert.cause, Incident):
        facts = {"times": str(alert.count), **facts}
        advice = "What was in it at that moment is gone. Find out who deletes queues."
    elif alert.is_over:
        facts = {"since": facts["first seen"], "until": facts["last seen"]}
        advice = "It is over. There is nothing to replay."
    else:
        facts = {"since": facts["first seen"]}
        advice = _ADVICE.get(alert.cause.name, _WAITING)
    lines = [f"{name + ':':<12}{value}" for name, value in {**facts, "error": alert.error}.items()]
    return "\n".join([*lines, "", advice, ""])


def _letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count} dead letters"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _states_of(name: str) -> tuple[str, str]:
    if name.startswith("queue "):
        return f"{name} cannot be used", f"{name} can be used again"
    return f"channel {name} is paused", f"channel {name} goes on"


_STATES = {
    QUEUES: ("the broker is away, no message is taken", "the broker is back"),
    ALARM: ("the broker takes no messages in", "the broker takes messages in again"),
    LEDGER: ("the ledger is away, nothing is sent", "the ledger is back"),
    TEMPLATES: ("the new template set is refused", "the templates are good again"),
    SETTLEMENT: ("messages are in hand and no message is settled", "messages are settled again"),
}
_WAITING = (
    "Nothing is lost and no attempt is spent: the messages wait in their queue, and flow again by\n"
    "themselves once what they need is back."
)
_ADVICE = {
    SETTLEMENT: (
        "Read the end of the worker's log, and ask the provider. Where neither says why, restart\n"
        "the worker: its messages are handed out again, and what was sent is not sent twice."
    ),
    TEMPLATES: (
        "The last good set stays in use. To see every fault:\n\n    dispatcher templates lint"
    ),
}
