"""One channel as the dispatcher uses it: while its provider is away, the work waits."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from domain.breaker import HAND_BACK_DELAY, Breaker, HeldTooLong, Pause
from domain.content import Content
from domain.errors import DeliveryError, NotYet, Throttled, Unavailable
from domain.events import channel_trouble
from domain.ledger_access import SendRecord
from domain.notification import Notification, Recipient
from domain.ports import Answers, Clock, EventSink, Notifier
from domain.refusals import FaultStreak
from domain.room import AttachmentRoom
from domain.turns import caller_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """What to send to whom. `record` gets what the ledger must know. `check` raises where it is
    too late by now. `may_wait`, `since`: whether it may wait in hand, and since when it is there.
    """

    notification: Notification
    content: Content
    recipients: tuple[Recipient, ...]
    record: SendRecord
    check: Callable[[], object]
    may_wait: bool
    since: datetime


class ChannelSender:
    """A channel's notifier with what stands before it: its breaker, its bounds, and the count of
    refusals that may be about us. Safe to call concurrently."""

    def __init__(
        self,
        channel: str,
        notifier: Notifier,
        clock: Clock,
        events: EventSink,
        *,
        waits: tuple[timedelta, ...],
        concurrency: int | None = None,
        room: AttachmentRoom | None = None,
    ) -> None:
        """`waits`: the retry delays. `concurrency` bounds how many sends are under way at once;
        None leaves it to the notifier. `room` bounds the attachments that are under way at once.
        `events` gets the channel as a trouble while it is paused."""
        self.notifier = notifier
        self._streak = FaultStreak(waits)
        self._breaker = Breaker(
            clock, channel_trouble(channel), events, is_back=self._streak.is_over
        )
        self._slots: AbstractAsyncContextManager[None] = (
            nullcontext() if concurrency is None else asyncio.Semaphore(concurrency)
        )
        self._room = room

    @property
    def pause(self) -> Pause | None:
        """The pause while the provider is away, else None."""
        return self._breaker.pause

    async def send(self, request: SendRequest) -> Answers:
        """Send in as many messages as the provider wants; return what became of each recipient.

        While the provider is away this waits, and spends no attempt; cancel it to give up waiting.
        Raises DeliveryError where it concerns all recipients: Unavailable never.
        """
        if not self._breaker.is_open:
            try:
                answers = await self._attempt(request)
            except Unavailable as error:
                self._breaker.trip(error, caller_of(request.notification))
            except Throttled as error:
                if not error.in_hand:
                    raise
            else:
                rest = _not_yet(answers)
                return await self._send_rest(request, answers, rest) if rest else answers
        answers = await self._insist(request)
        return await self._send_rest(request, answers, _not_yet(answers))

    async def _insist(self, request: SendRequest) -> Answers:
        """Wait while the provider is away, and again while the notifier keeps it in hand."""
        while True:
            try:
                return await self._breaker.call(
                    lambda: self._attempt(request),
                    check=request.check,  # an outage may outlast the notification
                    may_hold=request.may_wait,
                    caller=partial(caller_of, request.notification),
                    since=request.since,
                )
            except Throttled as error:
                if not error.in_hand:
                    raise

    async def _send_rest(
        self, request: SendRequest, answers: Answers, rest: tuple[Recipient, ...]
    ) -> Answers:
        """Further messages for those that the provider did not take; each leaves fewer."""
        asked = request.recipients
        while rest and len(rest) < len(asked):
            await request.record.sent([r for r in asked if answers[r] is None])
            try:
                found = await self._insist(replace(request, recipients=rest))
            except DeliveryError as error:
                found = dict.fromkeys(rest, error)
            answers = {**answers, **found}
            asked, rest = rest, _not_yet(found)
        return answers

    async def _attempt(self, request: SendRequest) -> Answers:
        notification, record = request.notification, request.record
        async with self._slots, self._room_for(notification):
            began = self._streak.begin()
            try:
                answers = await self.notifier.notify(
                    notification,
                    request.content,
                    request.recipients,
                    partial(record.about_to_send, request.recipients),
                )
            except DeliveryError as error:
                record.answered([error])
                judged = self._judged(notification, began, error)
                if judged is error:
                    raise
                raise judged from None
        given = list(answers.values())
        record.answered(given)
        results = self._streak.judge(partial(caller_of, notification), began, given)
        return answers if results is given else dict(zip(answers, results, strict=True))

    def _judged(
        self, notification: Notification, began: int, error: DeliveryError
    ) -> DeliveryError:
        """The error as it is to be taken, after what came before it."""
        judged: DeliveryError = error
        try:
            [found] = self._streak.judge(partial(caller_of, notification), began, [error])
            judged = found or error
        except Unavailable as trouble:
            judged = trouble
        if error.resume is not None:
            if isinstance(judged, Unavailable):
                # What is sent half way waits in the broker: held in hand, a stop would forget how
                # far it came.
                judged = HeldTooLong(str(judged), retry_after=HAND_BACK_DELAY)
            judged.resume = error.resume
        return judged

    def _room_for(self, notification: Notification) -> AbstractAsyncContextManager[None]:
        if self._room is None or not notification.attachments:
            return nullcontext()
        return self._room.for_files(notification.attachments)


def _not_yet(answers: Answers) -> tuple[Recipient, ...]:
    return tuple([r for r, answer in answers.items() if isinstance(answer, NotYet)])
