"""Sends what the alert policy finds due, over our own notifiers and past the queue."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from uuid import uuid4

import structlog

from domain.alerts import Alert, AlertPolicy, AlertTarget
from domain.content import Content
from domain.errors import DeliveryError, Throttled
from domain.notification import Notification
from domain.ports import Notifier
from entrypoints.alerts.words import subject_of, text_of
from entrypoints.watching.periodic import repeated

TEMPLATE = "dispatcher-alert"
"""What an alert's mail names as its template; there is no such file."""

_PATIENCE = timedelta(minutes=1)  # with a provider that is busy; meanwhile other alerts wait
_PAUSE = 1.0
_LAST_WORD = 5.0  # seconds for the alerts of a worker that ends

log = structlog.get_logger()


class Alerter:
    """Sends alerts to the targets. What cannot be sent is logged once and dropped: an alert about
    alerts would never end. While every target's channel is paused, alerts wait in the policy."""

    def __init__(
        self,
        *,
        policy: AlertPolicy,
        targets: Sequence[AlertTarget],
        notifiers: Mapping[str, Notifier],
        paused: Callable[[], Collection[str]],
        without_subject: Collection[str] = (),
    ) -> None:
        """`without_subject`: channels that show a message's text alone."""
        self._policy = policy
        self._targets = targets
        self._notifiers = notifiers
        self._paused = paused
        self._without_subject = without_subject
        self._failing: set[AlertTarget] = set()

    def at_work(self) -> AbstractAsyncContextManager[None]:
        """Send what is due while this is entered, and at the end what is left."""
        rest = partial(self.tell, is_last=True)
        fault = "alerting failed"
        return repeated(self.tell, _PAUSE, fault=fault, at_end=rest, patience=_LAST_WORD)

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
        if target.channel in self._without_subject:
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
