"""One channel as the dispatcher uses it: while its provider is away, the work waits."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from domain.breaker import HAND_BACK_DELAY, Breaker, HeldTooLong
from domain.content import Content
from domain.errors import DeliveryError, NotYet, Throttled, Unavailable
from domain.events import channel_trouble
from domain.ledger_access import SendRecord
from domain.notification import Attachment, Notification, Recipient
from domain.ports import Answers, Clock, EventSink, Notifier
from domain.refusals import FaultStreak
from domain.turns import caller_of

_COPIES = 5
"""What an attachment takes while it is sent, in copies of itself: in base64, in the whole mail, in
what waits for the network."""


class AttachmentRoom:
    """A bound on the bytes of attachments that are under way at once. What is larger than all of it
    goes alone; whoever waits longest goes first."""

    def __init__(self, size: int, size_of: Callable[[Sequence[str]], Awaitable[int]]) -> None:
        """`size` in bytes. `size_of`: bytes of the files of these paths, which are read only when
        their turn has come."""
        self._size = size
        self._free = size
        self._size_of = size_of
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, attachments: Sequence[Attachment]) -> AsyncIterator[None]:
        """Wait until there is room for all of them, and take it while this is entered."""
        size = sum(len(file.content or b"") for file in attachments)
        if paths := [file.path for file in attachments if file.path is not None]:
            size += await self._size_of(paths)
        need = min(size * _COPIES, self._size)
        if self._waiting or need > self._free:
            await self._wait(need)
        else:
            self._free -= need
        try:
            yield
        finally:
            self._give_back(need)

    async def _wait(self, need: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((need, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting = deque(one for one in self._waiting if one[1] is not turn)
                self._give_back(0)  # those behind it may fit
            else:
                self._give_back(need)
            raise

    def _give_back(self, size: int) -> None:
        self._free += size
        while self._waiting and self._waiting[0][0] <= self._free:
            need, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= need
                turn.set_result(None)


@dataclass(slots=True, kw_only=True)
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
        self.breaker = Breaker(
            clock, channel_trouble(channel), events, is_back=self._streak.is_over
        )
        self._slots: AbstractAsyncContextManager[object] = (
            nullcontext() if concurrency is None else asyncio.Semaphore(concurrency)
        )
        self._room = room

    async def send(self, request: SendRequest, *, waits: bool = True) -> Answers:
        """Send in as many messages as the provider wants; return what became of each recipient.

        While the provider is away this waits, and spends no attempt; cancel it to give up waiting.
        Raises DeliveryError where it concerns all recipients: Unavailable only where it must not
        wait, and then it sends one message.
        """
        if waits and self.breaker.is_open:
            return await self._wait_and_send(request)
        mail, people, record = request.notification, request.recipients, request.record
        files = mail.attachments
        room = self._room.hold(files) if files and self._room else nullcontext()
        try:
            async with self._slots, room:
                began = self._streak.begin()
                about_to_send = partial(record.about_to_send, people)
                try:
                    answers = await self.notifier.notify(
                        mail, request.content, people, about_to_send
                    )
                except DeliveryError as error:
                    raise self._judged(request, began, error) from None
            record.answers = given = list(answers.values())
            judged = self._streak.judge(partial(caller_of, mail), began, given)
        except (Unavailable, Throttled) as error:
            if not waits or (isinstance(error, Throttled) and not error.in_hand):
                raise
            if isinstance(error, Unavailable):
                self.breaker.trip(error, caller_of(mail))
            return await self._wait_and_send(request)
        if judged is not given:
            answers = dict(zip(answers, judged, strict=True))
        if not waits or len(people) == 1:
            return answers
        return await self._send_rest(request, answers)

    async def _wait_and_send(self, request: SendRequest) -> Answers:
        return await self._send_rest(request, await self._insist(request))

    async def _insist(self, request: SendRequest) -> Answers:
        """Wait while the provider is away, and again while the notifier keeps it in hand."""
        while True:
            try:
                return await self.breaker.call(
                    partial(self.send, request, waits=False),
                    check=request.check,  # an outage may outlast the notification
                    may_hold=request.may_wait,
                    caller=partial(caller_of, request.notification),
                    since=request.since,
                )
            except Throttled as error:
                if not error.in_hand:
                    raise

    async def _send_rest(self, request: SendRequest, answers: Answers) -> Answers:
        """Further messages for those that the provider did not take; each leaves fewer."""
        asked, rest = request.recipients, _not_yet(answers)
        while rest and len(rest) < len(asked):
            await request.record.sent([r for r in asked if answers[r] is None])
            try:
                found = await self._insist(replace(request, recipients=rest))
            except DeliveryError as error:
                found = dict.fromkeys(rest, error)
            answers = {**answers, **found}
            asked, rest = rest, _not_yet(found)
        return answers

    def _judged(self, request: SendRequest, began: int, error: DeliveryError) -> DeliveryError:
        """The error as it is to be taken, after what came before it."""
        request.record.answers = [error]
        judged: DeliveryError = error
        try:
            caller = partial(caller_of, request.notification)
            [found] = self._streak.judge(caller, began, [error])
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


def _not_yet(answers: Answers) -> tuple[Recipient, ...]:
    return tuple([r for r, answer in answers.items() if isinstance(answer, NotYet)])
