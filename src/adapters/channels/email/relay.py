"""Several relays: whether each is away, and which mails the next one may take."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial

import structlog

from adapters.channels.email.connect import LateGreeting
from domain.backoff import DoublingWait
from domain.breaker import (
    PAUSES,
    PAUSES_AFTER_A_LOGIN,
)
from domain.content import Content
from domain.errors import (
    DeliveryError,
    InDoubt,
    NotYet,
    Permanent,
    RefusedInARow,
    Throttled,
    Transient,
    Unavailable,
)
from domain.ledger import LedgerUnavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, AskAgain, Notifier, proceed
from domain.refusals import FaultStreak
from domain.turns import caller_of

log = structlog.get_logger()

# Seconds until a relay that is away is tried again, with one mail. They double.
_PAUSES_AFTER_LATE = DoublingWait(first=10.0, longest=PAUSES.longest)


class Relay:
    """One relay of a list, with a pool and a pace of its own, and whether it is away."""

    def __init__(
        self,
        name: str,
        make: Callable[["Relay"], Notifier],
        waits: Sequence[timedelta] = (),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` makes the notifier, which asks `in_hurry` and `admit`. `waits`: see
        `FaultStreak`."""
        self.name = name
        self.cause: Unavailable | None = None
        self._patient = 0
        self._streak = FaultStreak(waits)
        self._now = now
        self._pause = 0.0
        self._until = 0.0
        self._probes: set[str] = set()  # ids of the mails that look whether it is back
        self.notifier = make(self)

    def may_try(self) -> bool:
        """Whether a mail may go to it: it is there, or it is time to see whether it is."""
        if self.cause is None:
            return True
        return not self._probes and (self._now() >= self._until or self.cause.changed())

    def in_hurry(self) -> bool:
        """Whether not to wait for a late greeting, since there are other relays."""
        return not self._patient

    def admit(self, notification: Notification) -> None:
        """Called when a mail's turn has come. Raises Unavailable where the relay has turned out to
        be away while the mail waited, so that the next relay gets it at once."""
        if self.cause is not None and notification.id not in self._probes:
            raise Unavailable(str(self.cause))

    async def send(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend,
        *,
        is_patient: bool,
    ) -> tuple[Answers, bool]:
        """Send over this relay. Returns the answers, and whether it has declined: it refused the
        mail for reasons of its own or ours, and no recipient has it, so the next relay may take it.
        Raises Unavailable where the next one may take it, too. `is_patient`: wait for its greeting
        as long as for that of a single relay."""
        is_probe = self.cause is not None
        if is_probe:
            self._probes.add(notification.id)
        self._patient += is_patient
        try:
            answers = await self._judged(notification, content, recipients, about_to_send)
        except Unavailable as error:
            if not _is_ledgers(error) and (self.cause is None or is_probe):
                self._has_left(error)
            raise
        except (DeliveryError, AskAgain):  # it answers, whatever it says
            self._has_answered(is_probe=is_probe)
            raise
        finally:
            self._patient -= is_patient
            if is_probe:
                self._probes.discard(notification.id)
        self._has_answered(is_probe=is_probe)
        return answers

    async def _judged(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend,
    ) -> tuple[Answers, bool]:
        """See `send`. Several refusals in a row that are about us raise Unavailable; one of some
        recipients makes them those of a further message (NotYet)."""
        self._streak.tries += 1
        judge = partial(self._streak.judge, partial(caller_of, notification), self._streak.tries)
        try:
            answers = await self.notifier.notify(notification, content, recipients, about_to_send)
        except (Unavailable, InDoubt):
            raise
        except DeliveryError as error:
            [verdict] = judge([error])
            if _is_for_another(error):
                return dict.fromkeys(recipients, verdict or error), True
            raise verdict or error from None
        given = list(answers.values())
        if any(isinstance(answer, InDoubt) for answer in given):
            return answers, False  # some may have it: never again by another relay
        judged = dict(zip(answers, judge(given), strict=True))
        offered = [one for one, error in answers.items() if _is_for_another(error)]
        if offered and len(offered) == len(given):
            return judged, True
        return judged | {one: NotYet(str(answers[one])) for one in offered}, False

    def _has_left(self, error: Unavailable) -> None:
        if self.cause is None:
            log.warning("relay is away, the next one is used", relay=self.name, error=str(error))
        before = self._pause if self.cause and self.cause.is_login == error.is_login else 0.0
        waits = PAUSES_AFTER_A_LOGIN if error.is_login else PAUSES
        if isinstance(error, LateGreeting):
            waits = _PAUSES_AFTER_LATE
        self._pause = waits.after(before)
        self._until = self._now() + self._pause
        self.cause = error

    def _has_answered(self, *, is_probe: bool) -> None:
        if not is_probe or self.cause is None:
            return
        if self._streak.is_over():
            self.cause = None
            self._pause = 0.0
            log.info("relay is back", relay=self.name)
        else:  # a quota lets a mail pass now and then
            self._until = self._now() + self._pause


class FailoverNotifier:
    """Sends over the first relay that is there. A mail that may have been accepted goes to no
    other."""

    one_by_one = False

    def __init__(self, relays: Sequence[Relay]) -> None:
        """`relays` in the order of their use."""
        self._relays = tuple(relays)
        self.check = relays[0].notifier.check  # before a relay is asked, each of them judges alike

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        """See `Notifier.notify`. Raises Unavailable with all causes where no relay is there."""
        declined: list[Answers] = []
        for relay, is_patient in self._candidates(declined):
            try:
                answers, has_declined = await relay.send(
                    notification, content, recipients, about_to_send, is_patient=is_patient
                )
            except Unavailable as error:
                if _is_ledgers(error):
                    raise
                continue
            if not has_declined:
                return answers
            why = str(next(iter(answers.values())))
            log.info("relay declines a mail", relay=relay.name, id=notification.id, error=why)
            declined.append(answers)
        if not declined:
            raise self._all_away()
        waiting = (a for a in declined if all(isinstance(e, Throttled) for e in a.values()))
        return next(waiting, declined[0])  # the first that spend no attempt

    def _candidates(self, declined: Sequence[Answers]) -> Iterator[tuple[Relay, bool]]:
        """Who is tried, in order, and whether with patience. Where no relay is there, none has
        `declined`, and the channel is about to pause, or probes: one that rests may be back."""
        there = [relay for relay in self._relays if relay.may_try()]
        yield from ((relay, False) for relay in there)
        if not declined:
            resting = [relay for relay in self._relays if relay not in there]
            yield from ((one, False) for one in resting if not (one.cause and one.cause.is_login))
        late = () if declined else self._relays
        yield from ((one, True) for one in late if isinstance(one.cause, LateGreeting))

    async def close(self) -> None:
        for relay in self._relays:
            await relay.notifier.close()

    def _all_away(self) -> Unavailable:
        causes = [relay.cause for relay in self._relays if relay.cause is not None]
        text = "no relay is there: " + "; ".join(map(str, causes))
        if any(isinstance(cause, RefusedInARow) for cause in causes):
            return RefusedInARow(text)
        return Unavailable(
            text,
            is_login=bool(causes) and all(cause.is_login for cause in causes),
            changed=lambda: any(cause.changed() for cause in causes),
        )


def _is_for_another(error: DeliveryError | None) -> bool:
    """Whether the words of a refusal can only be about us or the relay, so that another relay may
    take the mail, or this recipient of it. A refusal that may as well be about the mail's sender
    waits until several different mails have met it."""
    if isinstance(error, Permanent):
        return error.provider_fault and error.is_certain
    return isinstance(error, Transient) and error.provider_fault


def _is_ledgers(error: Unavailable) -> bool:
    """Whether it is the ledger that is away: nothing is sent without it, by no relay."""
    return isinstance(error.__cause__, LedgerUnavailable)
