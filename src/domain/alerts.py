"""Decide when the operator gets which alert: one for each cause, not for each dead letter."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.errors import FailureReason
from domain.events import QueueRecreated, Trouble
from domain.notification import Recipient
from domain.ports import Clock
from domain.value_object import value_object

WINDOW = timedelta(minutes=15)
"""At most one alert for a cause within this time; what comes meanwhile is reported at its end."""

GATHER = timedelta(seconds=10)
"""From the first dead letter of a cause to its alert: they seldom come alone."""

PATIENCE = timedelta(minutes=1)
"""A pause shorter than this makes no alert."""

MAX_CAUSES = 20
"""Causes of dead letters kept apart at a time: a producer may invent any number of templates."""


@value_object(kw_only=True)
class AlertTarget:
    """Who gets alerts, and on which channel."""

    channel: str
    recipient: Recipient

    def __str__(self) -> str:
        """Return it as the setting writes it."""
        return f"{self.channel}:{self.recipient}"


@value_object(kw_only=True)
class DeadLetterCause:
    """The cause that dead letters share. Without a reason: all those beyond `MAX_CAUSES`."""

    reason: FailureReason | None = None
    template: str | None = None
    channel: str | None = None

    @property
    def replay(self) -> str:
        """Return the command that sends these again; without a reason, the one that lists all."""
        if self.reason is None:
            return "dispatcher failed list"
        words = ["dispatcher", "failed", "retry", "--reason", str(self.reason)]
        if self.template is not None:
            words += ["--template", self.template]
        if self.channel is not None:
            words += ["--channel", self.channel]
        return shlex.join(words)


Cause = DeadLetterCause | Trouble | QueueRecreated


@value_object(kw_only=True)
class Alert:
    """What one message to the operator says. `is_over`: it is the all-clear: the trouble is over,
    or no dead letter of the cause is left. `error` is the last one. `queues`: the work queues that
    the dead letters came from."""

    cause: Cause
    count: int = 0
    first_seen: datetime
    last_seen: datetime
    error: str = ""
    queues: tuple[str, ...] = ()
    is_over: bool = False


@dataclass(slots=True)
class _Occurrence:
    """Something that happens again or goes on, with the alert to send when it is due."""

    alert: Alert
    patience: timedelta = GATHER
    is_reported: bool = False
    is_uncertain: bool = False

    def again(self, now: datetime, error: str, queues: tuple[str, ...] = ()) -> None:
        count, known = self.alert.count + 1, self.alert.queues
        queues = tuple(sorted({*known, *queues}))
        self.alert = replace(self.alert, last_seen=now, error=error, count=count, queues=queues)


class AlertPolicy:
    """Gets dead letters, troubles and recreated queues; `due` returns the alerts to send now.
    Bounded in memory."""

    def __init__(self, clock: Clock, *, window: timedelta = WINDOW) -> None:
        self._clock = clock
        self._window = window
        self._events: dict[DeadLetterCause | QueueRecreated, _Occurrence] = {}
        self._troubles: dict[Trouble, _Occurrence] = {}
        self._over: dict[Cause, Alert] = {}
        self._open: dict[DeadLetterCause, Alert] = {}
        self._reported: dict[Cause, datetime] = {}

    def dead_letter(self, cause: DeadLetterCause, *, queue: str, error: str) -> None:
        """Take one more dead letter of `queue`. `error` is shown to the operator as it is."""
        known = [c for c in {*self._reported, *self._events} if isinstance(c, DeadLetterCause)]
        if cause not in known and len(known) >= MAX_CAUSES:
            cause = DeadLetterCause()
        self._happened(cause, error, (queue,))

    def recreated(self, cause: QueueRecreated, error: str) -> None:
        """Take that a queue was created again."""
        self._happened(cause, error, ())

    def _happened(
        self, cause: DeadLetterCause | QueueRecreated, error: str, queues: tuple[str, ...]
    ) -> None:
        now = self._clock.now()
        if cause not in self._events:
            self._events[cause] = _Occurrence(Alert(cause=cause, first_seen=now, last_seen=now))
        self._events[cause].again(now, error, queues)

    def trouble(self, cause: Trouble, error: str | None, *, patience: timedelta = PATIENCE) -> None:
        """It began, or goes on; None: it is over. It is reported once, after `patience`, and so
        is its end."""
        now = self._clock.now()
        if error is not None:
            going_on = self._troubles.get(cause)
            if going_on is None or (going_on.is_uncertain and not self._is_quiet(cause)):
                alert = Alert(cause=cause, first_seen=now, last_seen=now)
                going_on = self._troubles[cause] = _Occurrence(alert, patience)
            going_on.is_uncertain = False
            going_on.again(now, error)
            return
        ended = self._troubles.pop(cause, None)
        # It may be over and long, but not reported: whatever carries the alerts was away, too.
        if ended is not None and (ended.is_reported or self._is_ripe(cause, ended)):
            self._over[cause] = replace(ended.alert, last_seen=now, is_over=True)
            self._reported.setdefault(cause, now)

    @property
    def open_dead_letters(self) -> Mapping[DeadLetterCause, Alert]:
        """Causes of dead letters that were reported and not yet called drained, the newest last.
        An entry changes when more of its cause are reported."""
        return dict(self._open)

    def drained(self, cause: DeadLetterCause) -> None:
        """Take that no dead letter of `cause` is left. This is reported once, after they were."""
        if cause not in self._events and cause in self._open:
            reported, now = self._open.pop(cause), self._clock.now()
            self._over[cause] = replace(reported, last_seen=now, is_over=True)

    def unsure(self, cause: Trouble) -> None:
        """Whether it goes on is not known any more. That is no all-clear: a reported trouble
        waits for it, or for the trouble to show again."""
        going_on = self._troubles.get(cause)
        if going_on is not None and going_on.is_reported:
            going_on.is_uncertain = True
        else:
            self._troubles.pop(cause, None)

    def due(self, *, is_last: bool = False) -> list[Alert]:
        """Return the alerts to send now, each once. `is_last`: do not wait for more dead letters,
        since there is no later call."""
        now = self._clock.now()
        self._reported = {c: at for c, at in self._reported.items() if now - at < self._window}
        alerts = list(self._over.values())
        self._over.clear()
        for trouble, going_on in self._troubles.items():
            if not going_on.is_reported and self._is_ripe(trouble, going_on):
                going_on.is_reported = True
                self._reported[trouble] = now
                alerts.append(going_on.alert)
        for cause, gathered in list(self._events.items()):
            if self._is_ripe(cause, gathered) or (is_last and not self._is_quiet(cause)):
                del self._events[cause]
                self._reported[cause] = now
                alerts.append(gathered.alert)
                if isinstance(cause, DeadLetterCause):
                    self._keep_open(cause, gathered.alert)
        return alerts

    def _keep_open(self, cause: DeadLetterCause, alert: Alert) -> None:
        if before := self._open.pop(cause, None):
            alert = replace(
                alert,
                count=before.count + alert.count,
                first_seen=before.first_seen,
                queues=tuple(sorted({*before.queues, *alert.queues})),
            )
        self._open[cause] = alert
        if len(self._open) > MAX_CAUSES + 1:
            del self._open[next(iter(self._open))]

    def _is_ripe(self, cause: Cause, occurrence: _Occurrence) -> bool:
        waited = self._clock.now() - occurrence.alert.first_seen
        return waited >= occurrence.patience and not self._is_quiet(cause)

    def _is_quiet(self, cause: Cause) -> bool:
        reported = self._reported.get(cause)
        return reported is not None and self._clock.now() - reported < self._window
