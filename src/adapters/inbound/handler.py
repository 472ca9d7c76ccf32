"""The way of one message: decode, wait until due, dispatch, and say how it must be settled."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy, Settlement, Watcher
from adapters.inbound.deliveries import progress_of, sight_of
from adapters.inbound.identity import identity
from adapters.inbound.settlement import settle
from adapters.message_format.headers import DeliveryHeaders, new_seed
from adapters.message_format.message import MAX_BODY, DecodedMessage, content_key, decode, due_time
from adapters.message_format.misspelt import explained
from domain.dispatcher import Progress
from domain.errors import FailureReason, MalformedMessage
from domain.ledger import Claim, Start
from domain.notification import Notification
from domain.once import OnceDispatcher
from domain.outcome import Deferred, Outcome
from domain.ports import Clock

HOLD = timedelta(seconds=10)
"""The last stretch of an exact wait is held by the worker: no queue of delay is that fine."""

_MAX_REMEMBERED = 1000

log = structlog.get_logger()


class Observer(Protocol):
    """Gets what became of each message."""

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        """A notification was dispatched, with this outcome."""

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        """A message could not be understood and will be dead-lettered; `key` is the id by which
        `failed show` finds it."""


@dataclass(slots=True, kw_only=True)
class MessageHandler(Watcher):
    """Turns a message into its settlement. `channels`: queue to channel. `max_body`: bytes."""

    dispatcher: OnceDispatcher
    channels: Mapping[str, str]
    clock: Clock
    observer: Observer
    max_body: int = MAX_BODY
    _unknown_fields: set[str] = field(default_factory=set, init=False)
    _claims: dict[tuple[str, int], list[Claim]] = field(default_factory=dict, init=False)

    async def handle(self, message: InboundMessage) -> Settlement:
        """Never raises but for CancelledError; a fault of ours costs the message one attempt."""
        arrived = DeliveryHeaders.parse(message.headers)
        now = self.clock.now()
        first_seen = min(arrived.first_seen or now, now)  # a first sight in the future is nonsense
        seed = arrived.seed or new_seed()
        try:
            decoded = decode(
                message.body,
                channel=self.channels.get(message.queue, message.queue),
                properties=message.properties,
                max_body=self.max_body,
                seed=seed,
            )
        except MalformedMessage as error:
            headers = replace(arrived, queue=message.queue, first_seen=first_seen)
            return [self._malformed(message, headers, error)]
        self._log_unknown(decoded)
        headers = replace(
            arrived,
            queue=message.queue,
            first_seen=first_seen,
            key=decoded.key,
            seed=None if decoded.has_id else seed,
        )
        if decoded.is_multiple:
            decoded = decoded.about(arrived.channel)
        due = arrived.due if arrived.first_seen else due_time(decoded, first_seen)
        if due is not None and (wait := due - self.clock.now()) > timedelta(0):
            if wait > HOLD:
                waiting = replace(headers, due=due)
                priority = self._priority(decoded.notifications[0])
                headers_then = waiting.to_wire()
                return [RetryCopy(delay=wait, headers=headers_then, exact=True, priority=priority)]
            await self.clock.sleep(wait.total_seconds())
        settlement: list[RetryCopy | DeadCopy] = []
        for notification, outcome, past in await self._dispatch_each(message, decoded, headers):
            self.observer.delivered(message.queue, notification, outcome)
            now, priority = self.clock.now(), self._priority(notification)
            settlement += settle(past, outcome, now, priority)
        return settlement

    async def acking(self, message: InboundMessage) -> None:
        """See Watcher: equal messages without an id are distinguished by what was acked."""
        for claim in self._claims.pop((message.session, message.tag), ()):
            await self.dispatcher.insist(partial(self.dispatcher.ledger.acked, claim))

    async def session_ended(self, session: str) -> None:
        """See Watcher."""
        for name in [name for name in self._claims if name[0] == session]:
            del self._claims[name]
        await self.dispatcher.insist(lambda: self.dispatcher.ledger.session_ended(session))

    async def _dispatch_each(
        self, message: InboundMessage, decoded: DecodedMessage, headers: DeliveryHeaders
    ) -> Sequence[tuple[Notification, Outcome, DeliveryHeaders]]:
        """Every channel, what became of it, and its past; of a fallback where it came to rest."""
        first, *others = decoded.notifications
        if not decoded.is_multiple:
            return [(first, await self._dispatch(message, decoded, first, headers), headers)]
        afresh = replace(headers, attempt=0, remaining=None)  # the headers are about the first
        pasts = [replace(headers, channel=first.channel)]
        pasts += [replace(afresh, channel=other.channel) for other in others]
        tries = zip(decoded.notifications, pasts, strict=True)
        if decoded.is_fallback:
            return [await self._fall_back(message, decoded, list(tries))]
        outcomes = await asyncio.gather(
            *(self._dispatch(message, decoded, notification, past) for notification, past in tries)
        )
        return list(zip(decoded.notifications, outcomes, pasts, strict=True))

    async def _fall_back(
        self,
        message: InboundMessage,
        decoded: DecodedMessage,
        tries: Sequence[tuple[Notification, DeliveryHeaders]],
    ) -> tuple[Notification, Outcome, DeliveryHeaders]:
        refusals: list[str] = []
        try:
            at, start = await self._come_to(message, decoded, tries)
        except Exception as error:
            # A fault of ours: it is not known who has the message, so no recipient gets it now.
            log.exception("unexpected error while dispatching", id=tries[0][0].id)
            notification, past = tries[0]
            return notification, self._after_fault(notification, progress_of(past), error), past
        outcomes: list[Outcome] = []
        for notification, past in tries[at:]:
            outcome = await self._dispatch(message, decoded, notification, past, start)
            if not outcome.is_refused_for_good:
                return notification, outcome, past
            start = None
            outcomes.append(outcome)
            refusals.append(f"{notification.channel}: {outcome.rejected[0].error}")
            log.info("channel refused for good", id=notification.id, error=refusals[-1])
        notification, past = tries[at]  # sent again, it is to begin where it began now
        return notification, outcomes[0].explained("; ".join(refusals)), past

    async def _come_to(
        self,
        message: InboundMessage,
        decoded: DecodedMessage,
        tries: Sequence[tuple[Notification, DeliveryHeaders]],
    ) -> tuple[int, Start | None]:
        """How far an earlier appearance of this message came: an earlier channel, asked again,
        might take by now what a later one has sent."""
        for index in range(len(tries) - 1, 0, -1):
            sight = sight_of(message, decoded, *tries[index])
            if start := await self.dispatcher.resume(sight):
                return index, start
        return 0, None

    async def _dispatch(
        self,
        message: InboundMessage,
        decoded: DecodedMessage,
        notification: Notification,
        headers: DeliveryHeaders,
        start: Start | None = None,
    ) -> Outcome:
        is_own = notification.channel == self.channels.get(message.queue)
        is_alone = decoded.is_fallback or len(decoded.notifications) == 1
        progress = progress_of(headers, may_hold=is_own and is_alone)
        sight = sight_of(message, decoded, notification, headers)
        try:
            outcome, claim = await self.dispatcher.dispatch(notification, progress, sight, start)
        except Exception as error:
            # A fault of ours must neither lose the message nor loop on it.
            log.exception("unexpected error while dispatching", id=notification.id)
            return self._after_fault(notification, progress, error)
        if not decoded.has_id:
            self._claims.setdefault((message.session, message.tag), []).append(claim)
        return explained(outcome, decoded.meant)

    def _after_fault(
        self, notification: Notification, progress: Progress, error: Exception
    ) -> Outcome:
        owed = progress.remaining or notification.recipients
        attempt = progress.attempts_made + 1
        text = f"internal error: {type(error).__name__}"
        delay = self.dispatcher.retry_policy.delay_after(attempt)
        if delay is None:
            reason = FailureReason.RETRIES_EXHAUSTED
            return Outcome.all_rejected(owed, reason, text, attempt=attempt)
        results = tuple(Deferred(recipient=r, delay=delay, error=text) for r in owed)
        return Outcome(attempt=attempt, results=results)

    def _malformed(
        self, message: InboundMessage, headers: DeliveryHeaders, error: MalformedMessage
    ) -> DeadCopy:
        key = headers.key or message.properties.message_id or content_key(message.body)
        self.observer.malformed(message.queue, identity(message), error)
        dead = replace(
            headers,
            attempt=headers.attempt + 1,
            reason=error.reason,
            error=str(error),
            failed_at=self.clock.now(),
            key=key,
            due=None,
        )
        return DeadCopy(headers=dead.to_wire())

    def _priority(self, notification: Notification) -> int | None:
        if notification.priority is not None:
            return notification.priority
        return self.dispatcher.priority_of(notification.template)

    def _log_unknown(self, decoded: DecodedMessage) -> None:
        for name in decoded.unknown_fields:
            if name not in self._unknown_fields and len(self._unknown_fields) < _MAX_REMEMBERED:
                self._unknown_fields.add(name)
                event, shown = "message has an unknown field; it is ignored", name[:80]
                if meant := decoded.meant.get(shown):
                    log.warning(event, field=shown, hint=f"did you mean {meant!r}?")
                else:
                    log.info(event, field=shown)
