"""One channel as the dispatcher uses it: while its provider is away, its messages wait."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta
from functools import partial

from domain.breaker import HAND_BACK_DELAY, Breaker, HeldTooLong
from domain.content import Content
from domain.errors import DeliveryError, NotYet, Throttled, Unavailable
from domain.events import channel_trouble
from domain.ledger_access import SendRecord
from domain.notification import Attachment, Notification, Recipient
from domain.ports import Answers, AskAgain, Clock, EventSink, Notifier
from domain.refusals import FaultStreak
from domain.turns import caller_of

# What an attachment takes while it is sent, in copies of itself: in base64, in the whole mail, in
# what waits for the network.
_COPIES = 5


class AttachmentRoom:
    """Limits the bytes of attachments that are under way at once. A message that is larger than the
    limit is sent alone. The message that waits longest goes first."""

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
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((need, turn))
        self._give_back(0)  # it may be the first, and fit
        try:
            await turn
            yield
        finally:
            if turn.cancelled():
                self._waiting = deque(one for one in self._waiting if one[1] is not turn)
            self._give_back(0 if turn.cancelled() else need)  # those behind it may fit

    def _give_back(self, size: int) -> None:
        self._free += size
        while self._waiting and self._waiting[0][0] <= self._free:
            need, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= need
                turn.set_result(None)


class ChannelSender:
    """A channel's notifier behind the channel's breaker, its limits, and its count of refusals that
    may be about us. Safe to call concurrently."""

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

    async def send(
        self,
        mail: Notification,
        content: Content,
        people: Sequence[Recipient],
        record: SendRecord,
        *,
        waits: bool = True,
    ) -> Answers:
        """Send in as many messages as the provider wants; return what became of each recipient.
        While the provider is away this waits, and spends no attempt; cancel it to give up waiting.
        Raises DeliveryError where it concerns all recipients: Unavailable only where it must not
        wait, and then it sends one message."""
        if waits and self.breaker.is_open:
            return await self._wait_and_send(mail, content, people, record)
        files = mail.attachments
        room = self._room.hold(files) if files and self._room else nullcontext()
        try:
            async with self._slots, room:
                self._streak.tries += 1
                began = self._streak.tries
                about_to_send = partial(record.about_to_send, people)
                try:
                    answers = await self.notifier.notify(mail, content, people, about_to_send)
                except DeliveryError as error:
                    record.answers = [error]
                    raise self._judged(mail, began, error) from None
            record.answers = given = list(answers.values())
            if any(given) or not self._streak.is_quiet:
                judged = self._streak.judge(partial(caller_of, mail), began, given)
                answers = dict(zip(answers, judged, strict=True))
        except (Unavailable, Throttled) as error:
            if not waits or (isinstance(error, Throttled) and not error.in_hand):
                raise
            if isinstance(error, Unavailable):
                self.breaker.trip(error, caller_of(mail))
            return await self._wait_and_send(mail, content, people, record)
        if not waits or len(people) == 1:
            return answers
        return await self._send_rest(mail, content, answers, record)

    async def _wait_and_send(
        self, mail: Notification, content: Content, people: Sequence[Recipient], record: SendRecord
    ) -> Answers:
        answers = await self._insist(mail, content, people, record)
        return await self._send_rest(mail, content, answers, record)

    async def _insist(
        self, mail: Notification, content: Content, people: Sequence[Recipient], record: SendRecord
    ) -> Answers:
        """Wait while the provider is away, and while the notifier asks for a short wait."""
        while True:
            try:
                return await self.breaker.call(
                    partial(self.send, mail, content, people, record, waits=False),
                    check=record.check,  # an outage may outlast the notification
                    may_hold=record.may_wait,
                    caller=partial(caller_of, mail),
                    since=record.since,
                )
            except Throttled as error:
                if not error.in_hand:
                    raise

    async def _send_rest(
        self, mail: Notification, content: Content, answers: Answers, record: SendRecord
    ) -> Answers:
        """Send further messages to those that the provider did not take in this one."""
        found = answers
        while rest := [r for r, answer in found.items() if isinstance(answer, NotYet)]:
            if len(rest) == len(found):
                break
            await record.sent([r for r, answer in found.items() if answer is None])
            try:
                found = await self._insist(mail, content, rest, record)
            except DeliveryError as error:
                found = dict.fromkeys(rest, error)
            except AskAgain as again:
                again.answers = {r: answer for r, answer in answers.items() if r not in rest}
                raise
            answers = {**answers, **found}
        return answers

    def _judged(self, mail: Notification, began: int, error: DeliveryError) -> DeliveryError:
        """Return the error as it counts after the answers before it."""
        judged: DeliveryError
        try:
            [found] = self._streak.judge(partial(caller_of, mail), began, [error])
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
