"""A breaker pauses work while what it needs is away, so that no message spends an attempt."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from domain.backoff import DoublingWait
from domain.errors import DispatcherError, RefusedInARow, Throttled, Unavailable
from domain.events import Trouble, TroubleBegan, TroubleEnded
from domain.ports import AskAgain, Clock, EventSink
from domain.turns import Caller, ProbePlace, Turns
from domain.value_object import value_object

PAUSES = DoublingWait(first=1.0, longest=30.0, longest_early=4.0)
"""The channel must go on within five seconds of the end of a short outage, the time of the next try
included."""

PAUSES_AFTER_A_LOGIN = DoublingWait(first=15.0, longest=900.0)
"""After a refused login: 9 logins in the first hour, then 4 an hour."""

# Seconds to hold a message: RabbitMQ takes a channel away that acks nothing for 30 minutes
# (https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout). One more pause may follow.
_LONGEST_HOLD = 600.0

REPORT_AGAIN = timedelta(seconds=PAUSES.longest)
HAND_BACK_DELAY = timedelta(minutes=1)
EXCHANGE_DELAY = timedelta(seconds=10)
"""How long a message that makes room for others waits in the broker."""

_LOOK = 1.0  # seconds between two looks at credentials that may have changed
_MOST_EXCHANGED = 10_000
_FRESH = 6  # more than were refused before the pause began, and come back by themselves

_T = TypeVar("_T")


class HeldTooLong(Throttled):
    """A message was held as long as the broker allows while its channel is paused. It goes back to
    the broker for a while, which spends no attempt."""


@value_object(kw_only=True)
class Pause:
    """Why there is a pause, since when, and when the other side is tried again."""

    cause: str
    since: datetime
    next_try: datetime


class Breaker:
    """Lets calls through while the other side answers; else holds them and tries one of them.

    Pauses double: an outage costs the other side one probe per pause, and recovery is noticed
    within the longest. After a refused login they are longer, and end as soon as the credentials
    change. Each probe is another message.
    """

    def __init__(
        self,
        clock: Clock,
        trouble: Trouble,
        events: EventSink,
        trips_on: type[DispatcherError] = Unavailable,
        longest_hold: float = _LONGEST_HOLD,
        is_back: Callable[[], bool] = lambda: True,
    ) -> None:
        """`events` gets that `trouble` began when the breaker opens, again when the pause changes
        and each `REPORT_AGAIN` while probes fail, and that it ended. `trips_on` is the error that
        says that the other side is away; `longest_hold` is in seconds. `is_back` is asked after a
        probe without this error: whether the pause may end."""
        self._trips_on = trips_on
        self._clock = clock
        self._trouble = trouble
        self._events = events
        self._is_back = is_back
        self._longest_hold = longest_hold
        self._pause = 0.0
        self._login_pause = 0.0
        self._began_at = self._opened_at = self._reported_at = clock.now()
        self._cause = ""
        self._kind: type[DispatcherError] = trips_on
        self._have_changed: Callable[[], bool] | None = None
        self._turns = Turns()
        self._is_ripe = False
        self._exchanged: set[str] = set()
        self._fresh = 0
        self.is_open = False  # whether there is a pause now
        self.is_probing = False  # whether one tries in a pause

    @property
    def pause(self) -> Pause:
        """The pause; only while `is_open`."""
        next_try = self._opened_at + timedelta(seconds=self._pause)
        return Pause(cause=self._cause, since=self._began_at, next_try=next_try)

    async def call(
        self,
        send: Callable[[], Awaitable[_T]],
        check: Callable[[], object] = lambda: None,
        *,
        may_hold: bool = True,
        caller: Callable[[], Caller] = Caller,
        since: datetime | None = None,
    ) -> _T:
        """Run `send`; while the other side is away, wait and repeat. Passes on any other result.

        `check` is asked before each try; what it raises ends the call and says nothing about the
        other side. `caller` says which message this is about, `since` when it was taken in hand
        (None: now). Raises HeldTooLong after the longest hold; without `may_hold` at once, but for
        the first one after a pause while no other message waits for its turn: it is the probe.
        """
        place: ProbePlace | None = None
        since = since or self._clock.now()
        while True:
            if not self.is_open:
                check()
                try:
                    return await send()
                except self._trips_on as error:
                    self.trip(error, caller())
            elif not may_hold and (self._turns.is_taken or not self._may_ask()):
                raise self._held()
            else:
                if place is None:
                    place = ProbePlace(caller(), since)
                    self._fresh += bool(self._exchanged) and place.caller.id not in self._exchanged
                async with self._turns.turn(place):
                    if self.is_open and await self._has_its_turn(place, may_hold=may_hold):
                        answer = await self._probe(send, check, place)
                        if answer is not None:
                            return answer[0]

    async def _has_its_turn(self, place: ProbePlace, *, may_hold: bool) -> bool:
        """Wait until the pause ends. False where another message is the better probe."""
        if self._is_overdue(place):
            raise self._held()  # asked at most one probe after its time
        if self._is_ripe or not may_hold:
            return True
        if self._have_changed is None:
            await self._clock.sleep(self._pause)
        else:
            while not self._may_ask():
                await self._clock.sleep(min(self._pause - self._waited(), _LOOK))
        self._is_ripe = True
        return not self._turns.has_better_than(place)

    async def _probe(
        self, send: Callable[[], Awaitable[_T]], check: Callable[[], object], place: ProbePlace
    ) -> tuple[_T] | None:
        """The result in a tuple; None where the other side is still away."""
        check()
        self._is_ripe = False
        self.is_probing = True
        try:
            result = await send()
        except self._trips_on as error:
            self._open(error, place.caller)
            self._make_room(place)
            return None
        except AskAgain:  # before the other side was asked for good: the next one need not wait
            self._is_ripe = True
            raise
        except DispatcherError:  # the other side answers, whatever it says
            self._answered()
            raise
        finally:
            self.is_probing = False
        self._answered()
        return (result,)

    def _make_room(self, place: ProbePlace) -> None:
        """Hand back messages that waited too long, and messages similar to the refused ones, so
        that others are tried."""
        self._turns.dismiss(self._is_overdue, self._held)
        if not issubclass(self._kind, RefusedInARow) or not self._turns.are_all_alike():
            return
        leaving = [place]
        if self._fresh >= _FRESH and len(self._exchanged) < _MOST_EXCHANGED:
            self._fresh = 0  # the queue has more than we have in hand
            leaving += self._turns.dismiss(lambda _: True, lambda: self._held(EXCHANGE_DELAY))
        room = max(0, _MOST_EXCHANGED - len(self._exchanged))
        self._exchanged.update([one.caller.id for one in leaving][:room])
        raise self._held(EXCHANGE_DELAY)

    def _waited(self) -> float:
        return (self._clock.now() - self._opened_at).total_seconds()

    def _may_ask(self) -> bool:
        is_over = not 0 <= self._waited() < self._pause  # a clock set back must not lengthen it
        return is_over or (self._have_changed is not None and self._have_changed())

    def _is_overdue(self, place: ProbePlace) -> bool:
        return (self._clock.now() - place.since).total_seconds() >= self._longest_hold

    def _held(self, delay: timedelta = HAND_BACK_DELAY) -> HeldTooLong:
        return HeldTooLong(f"the channel is paused: {self._cause}", retry_after=delay)

    def trip(self, error: DispatcherError, caller: Caller) -> None:
        """Open: a call that was made without a pause met this error."""
        if not self.is_open:  # of many calls under way only the first opens it
            self._began_at = self._clock.now()
            self._open(error, caller)
        else:
            self._turns.refused(caller)

    def _open(self, error: DispatcherError, caller: Caller) -> None:
        now, before = self._clock.now(), self._pause
        login = error if isinstance(error, Unavailable) and error.is_login else None
        if login is not None:
            self._pause = self._login_pause = PAUSES_AFTER_A_LOGIN.after(self._login_pause)
        else:
            last = self._pause if self._have_changed is None else 0.0
            self._pause = PAUSES.after(last, (now - self._began_at).total_seconds())
        self._opened_at = now
        self.is_open = True
        self._cause, self._kind = str(error), type(error)
        self._have_changed = login.changed if login is not None else None
        self._turns.refused(caller)
        if before != self._pause or not timedelta(0) <= now - self._reported_at < REPORT_AGAIN:
            self._reported_at = now
            self._events.emit(TroubleBegan(self._trouble, self._cause))

    def _answered(self) -> None:
        if not self._is_back():
            self._opened_at = self._clock.now()
            return
        self.is_open = False
        self._pause = self._login_pause = 0.0
        self._have_changed = None
        self._turns.forget()
        self._exchanged.clear()
        self._fresh = 0
        self._events.emit(TroubleEnded(self._trouble))
