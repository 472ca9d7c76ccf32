"""One relay of a list: what it is sent, whether it is away, and which mails another may take."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from adapters.channels.email.dial import LateGreeting
from domain.content import Content
from domain.errors import (
    DeliveryError,
    InDoubt,
    NotYet,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.ledger import LedgerUnavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Notifier
from domain.refusals import FaultStreak
from domain.turns import caller_of

log = structlog.get_logger()

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
FIRST_PAUSE_AFTER_A_LOGIN = 15.0
LONGEST_PAUSE_AFTER_A_LOGIN = 900.0
FIRST_PAUSE_AFTER_LATE = 10.0
"""Seconds until a relay that is away is tried again, with one mail. They double."""

Answers = Mapping[Recipient, DeliveryError | None]


class Declined(DeliveryError):
    """A relay refused the mail for reasons of its own or ours, and no recipient has it: the next
    relay may take it. `verdicts`: the answers if no other does."""

    def __init__(self, text: str, verdicts: Answers) -> None:
        super().__init__(text)
        self.verdicts = verdicts


@dataclass(slots=True)
class Sending:
    """One mail on its way, to whichever relay takes it.

    `refused`: the answers if no relay takes it, of the first that declined it.
    """

    notification: Notification
    content: Content
    recipients: Sequence[Recipient]
    about_to_send: AboutToSend
    refused: Answers | None = None

    def decline(self, verdicts: Answers) -> None:
        """A relay declined it. The first answers are kept, or the first that spend no attempt."""
        if self.refused is None or (_all_wait(verdicts) and not _all_wait(self.refused)):
            self.refused = verdicts


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

    @property
    def is_late(self) -> bool:
        """Whether it is away only because its greeting takes long."""
        return isinstance(self.cause, LateGreeting)

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Wait for its greeting as long as for that of a single relay."""
        self._patient += 1
        try:
            yield
        finally:
            self._patient -= 1

    async def send(self, sending: Sending) -> Answers:
        """Send over this relay. Raises Unavailable or Declined where the next one may take the
        mail."""
        is_probe = self.cause is not None
        mail = sending.notification.id
        if is_probe:
            self._probes.add(mail)
        try:
            answers = await self._judged(sending)
        except Unavailable as error:
            if not is_ledgers(error) and (self.cause is None or is_probe):
                self._has_left(error)
            raise
        except DeliveryError:  # it answers, whatever it says
            self._has_answered(is_probe=is_probe)
            raise
        finally:
            if is_probe:
                self._probes.discard(mail)
        self._has_answered(is_probe=is_probe)
        return answers

    async def _judged(self, sending: Sending) -> Answers:
        """The answers. Several refusals in a row that are about us raise Unavailable; one alone
        raises Declined, or makes its recipients those of a further message (NotYet)."""
        self._streak.tries += 1
        caller = partial(caller_of, sending.notification)
        judge = partial(self._streak.judge, caller, self._streak.tries)
        try:
            answers = await self.notifier.notify(
                sending.notification, sending.content, sending.recipients, sending.about_to_send
            )
        except (Unavailable, InDoubt):
            raise
        except DeliveryError as error:
            [verdict] = judge([error])
            if _is_for_another(error):
                verdicts = dict.fromkeys(sending.recipients, verdict or error)
                raise Declined(str(error), verdicts) from None
            if verdict is None or verdict is error:
                raise
            raise verdict from None
        given = list(answers.values())
        if any(isinstance(answer, InDoubt) for answer in given):
            return answers  # some may have it: never again by another relay
        judged = judge(given)
        offered = [error for error in given if _is_for_another(error)]
        if offered and len(offered) == len(given):
            raise Declined(str(offered[0]), dict(zip(answers, judged, strict=True)))
        if offered:
            judged = [
                NotYet(str(error)) if _is_for_another(error) else verdict
                for error, verdict in zip(given, judged, strict=True)
            ]
        return answers if judged is given else dict(zip(answers, judged, strict=True))

    def _has_left(self, error: Unavailable) -> None:
        if self.cause is None:
            log.warning("relay is away, the next one is used", relay=self.name, error=str(error))
        before = self._pause if self.cause and self.cause.is_login == error.is_login else 0.0
        first, longest = FIRST_PAUSE, LONGEST_PAUSE
        if error.is_login:
            first, longest = FIRST_PAUSE_AFTER_A_LOGIN, LONGEST_PAUSE_AFTER_A_LOGIN
        elif isinstance(error, LateGreeting):
            first = FIRST_PAUSE_AFTER_LATE
        self._pause = min(before * 2 or first, longest)
        self._until = self._now() + self._pause
        self.cause = error

    def _has_answered(self, *, is_probe: bool) -> None:
        if not is_probe or self.cause is None:
            return
        if not self._streak.is_over():  # a quota lets a mail pass now and then
            self._until = self._now() + self._pause
            return
        self.cause = None
        self._pause = 0.0
        log.info("relay is back", relay=self.name)


def _is_for_another(error: DeliveryError | None) -> bool:
    """Whether the words of a refusal can only be about us or the relay, so that another relay may
    take the mail, or this recipient of it. A refusal that may as well be about the mail's sender
    waits until several different mails have met it."""
    if isinstance(error, Permanent):
        return error.provider_fault and error.is_certain
    return isinstance(error, Transient) and error.provider_fault


def _all_wait(answers: Answers) -> bool:
    return all(isinstance(answer, Throttled) for answer in answers.values())


def is_ledgers(error: Unavailable) -> bool:
    """Whether it is the ledger that is away: nothing is sent without it, by no relay."""
    return isinstance(error.__cause__, LedgerUnavailable)
