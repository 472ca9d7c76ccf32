"""When the operator gets which alert: one for a cause, not one for each dead letter."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from domain.errors import FailureReason
from domain.events import QueueRecreated, Trouble
from domain.notification import Recipient
from domain.ports import Clock

WINDOW = timedelta(minutes=15)
"""At most one alert for a cause within this time; what comes meanwhile is reported at its end."""

GATHER = timedelta(seconds=10)
"""From the first dead letter of a cause to its alert: they seldom come alone."""

PATIENCE = timedelta(minutes=1)
"""A pause shorter than this makes no alert."""

MAX_CAUSES = 20
"""Causes of dead letters kept apart at a time: a producer may invent any number of templates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTarget:
    """Who gets alerts, and on which channel."""

    channel: str
    recipient: Recipient

    def __str__(self) -> str:
        """The form of the setting."""
        return f"{self.channel}:{self.recipient}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterCause:
    """Dead letters of one cause. Without a reason: those beyond the causes that are kept apart."""

    reason: FailureReason | None = None
    template: str | None = None
    channel: str | None = None

    @property
    def replay(self) -> str:
        """The command that sends exactly these again; without a reason, the one that lists all."""
        if self.reason is None:
            return "dispatcher failed list"
        words = ["dispatcher", "failed", "retry", "--reason", str(self.reason)]
        if self.template is not None:
            words += ["--template", self.template]
        if self.channel is not None:
            words += ["--channel", self.channel]
        return shlex.join(words)


Cause = DeadLetterCause | Trouble | QueueRecreated


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What one message to the operator says. `is_over`: the all-clear, of a trouble or of letters
    none of which is left. `error` is the last one; `queues` are the work queues whose letters
    died."""

    cause: Cause
    count: int
    first_seen: datetime
    last_seen: datetime
    error: str
    queues: tuple[str, ...] = ()
    is_over: bool = False


@dataclass(slots=True, kw_only=True)
class _Sighting:
    first_seen: datetime
    last_seen: datetime
    error: str = ""
    count: int = 0
    queues: set[str] = field(default_factory=set)
    patience: timedelta = GATHER
    is_told: bool = False
    is_unsure: bool = False

    def again(self, now: datetime, error: str) -> None:
        self.last_seen = now
        self.error = error
        self.count += 1

    def alert(self, cause: Cause, *, is_over: bool = False) -> Alert:
        return Alert(
            cause=cause,
            count=self.count,
            first_seen=self.first_seen,
            last_seen=self.last_seen,
            error=self.error,
            queues=tuple(sorted(self.queues)),
            is_over=is_over,
        )


class AlertPolicy:
    """Gets dead letters, troubles and recreated queues; `due` returns the alerts to send now.
    Bounded in memory."""

    def __init__(self, clock: Clock, *, window: timedelta = WINDOW) -> None:
        self._clock = clock
        self._window = window
        self._events: dict[DeadLetterCause | QueueRecreated, _Sighting] = {}
        self._troubles: dict[Trouble, _Sighting] = {}
        self._over: dict[Cause, Alert] = {}
        self._open: dict[DeadLetterCause, Alert] = {}
        self._told: dict[Cause, datetime] = {}

    def dead_letter(self, cause: DeadLetterCause, *, queue: str, error: str) -> None:
        """One more letter has died in `queue`. `error` goes to the operator as it is."""
        if cause not in self._known_causes() and len(self._known_causes()) >= MAX_CAUSES:
            cause = DeadLetterCause()
        self._happened(cause, error).queues.add(queue)

    def recreated(self, cause: QueueRecreated, error: str) -> None:
        """It happened once more to this queue."""
        self._happened(cause, error)

    def _happened(self, cause: DeadLetterCause | QueueRecreated, error: str) -> _Sighting:
        now = self._clock.now()
        sighting = self._events.setdefault(cause, _Sighting(first_seen=now, last_seen=now))
        sighting.again(now, error)
        return sighting

    def trouble(self, cause: Trouble, error: str | None, *, patience: timedelta = PATIENCE) -> None:
        """It began, or goes on; None: it is over. It is reported once, after `patience`, and so
        is its end."""
        now = self._clock.now()
        if error is not None:
            sighting = self._troubles.get(cause)
            if sighting is None or (sighting.is_unsure and not self._is_quiet(cause)):
                sighting = _Sighting(first_seen=now, last_seen=now, patience=patience)
                self._troubles[cause] = sighting
            sighting.is_unsure = False
            sighting.again(now, error)
            return
        ended = self._troubles.pop(cause, None)
        if ended is None:
            return
        # Untold though it was long: whatever carries the alerts was away, too.
        was_missed = now - ended.first_seen >= ended.patience and not self._is_quiet(cause)
        if ended.is_told or was_missed:
            ended.last_seen = now
            self._over[cause] = ended.alert(cause, is_over=True)
            self._told.setdefault(cause, now)

    @property
    def open_letters(self) -> Mapping[DeadLetterCause, Alert]:
        """Causes of dead letters that were reported and not yet called drained, the newest last.
        An entry changes when more of its cause are reported."""
        return dict(self._open)

    def drained(self, cause: DeadLetterCause) -> None:
        """No dead letter of `cause` is left: reported once, after all of them were."""
        if cause in self._events:
            return
        told = self._open.pop(cause, None)
        if told is not None:
            self._over[cause] = replace(told, last_seen=self._clock.now(), is_over=True)

    def unsure(self, cause: Trouble) -> None:
        """Whether it goes on is not known any more. That is no all-clear: a reported trouble
        waits for it, or for the trouble to show again."""
        sighting = self._troubles.get(cause)
        if sighting is None:
            return
        if sighting.is_told:
            sighting.is_unsure = True
        else:
            del self._troubles[cause]

    def due(self, *, is_last: bool = False) -> list[Alert]:
        """Return the alerts to send now, each once. `is_last`: do not wait for more dead letters,
        since there is no later call."""
        now = self._clock.now()
        self._told = {cause: at for cause, at in self._told.items() if now - at < self._window}
        alerts = list(self._over.values())
        self._over.clear()
        for trouble, sighting in self._troubles.items():
            if not sighting.is_told and self._is_ripe(trouble, sighting):
                sighting.is_told = True
                self._told[trouble] = now
                alerts.append(sighting.alert(trouble))
        for cause, sighting in list(self._events.items()):
            if self._is_ripe(cause, sighting) or (is_last and not self._is_quiet(cause)):
                del self._events[cause]
                self._told[cause] = now
                alerts.append(sighting.alert(cause))
                if isinstance(cause, DeadLetterCause):
                    self._keep_open(cause, alerts[-1])
        return alerts

    def _keep_open(self, cause: DeadLetterCause, alert: Alert) -> None:
        before = self._open.pop(cause, alert)
        if before is not alert:
            alert = replace(
                alert,
                count=before.count + alert.count,
                first_seen=before.first_seen,
                queues=tuple(sorted({*before.queues, *alert.queues})),
            )
        self._open[cause] = alert
        if len(self._open) > MAX_CAUSES + 1:
            del self._open[next(iter(self._open))]

    def _is_ripe(self, cause: Cause, sighting: _Sighting) -> bool:
        waited = self._clock.now() - sighting.first_seen
        return waited >= sighting.patience and not self._is_quiet(cause)

    def _is_quiet(self, cause: Cause) -> bool:
        told = self._told.get(cause)
        return told is not None and self._clock.now() - told < self._window

    def _known_causes(self) -> set[DeadLetterCause]:
        return {
            cause for cause in (*self._told, *self._events) if isinstance(cause, DeadLetterCause)
        }
