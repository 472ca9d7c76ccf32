"""The way of one message: decode, wait until due, dispatch, and say how it must be settled."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

import structlog

from adapters.wire.headers import DeliveryHeaders
from adapters.wire.inbound import DeadCopy, InboundMessage, RetryCopy, Settlement, Watcher
from adapters.wire.message import MAX_BODY, DecodedMessage, content_key, decode, due_time
from adapters.wire.settlement import settle
from domain.dispatcher import Progress
from domain.errors import FailureReason, MalformedMessage
from domain.ledger import Claim, Sight
from domain.notification import Notification
from domain.once import OnceDispatcher
from domain.outcome import Deferred, Outcome
from domain.ports import Clock

HOLD = timedelta(seconds=10)
"""The last stretch of an exact wait is held by the worker: no queue of delay is that fine."""

_MAX_REMEMBERED = 1000

log = structlog.get_logger()


class Observer(Protocol):
    """Hears what became of each message."""

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        """A notification was dispatched, with this outcome."""

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        """A message could not be understood and will be dead-lettered; `key` names it."""


@dataclass(slots=True, kw_only=True)
class MessageHandler(Watcher):
    """Turns a message into its settlement. `channels`: queue to channel. `max_body`: bytes."""

    dispatcher: OnceDispatcher
    channels: Mapping[str, str]
    clock: Clock
    observer: Observer
    max_body: int = MAX_BODY
    _unknown_fields: set[str] = field(default_factory=set, init=False)
    _claims: dict[tuple[str, int], Claim] = field(default_factory=dict, init=False)

    async def handle(self, message: InboundMessage) -> Settlement:
        """Never raises but for CancelledError; a fault of ours costs the message one attempt."""
        arrived = DeliveryHeaders.parse(message.headers)
        now = self.clock.now()
        first_seen = min(arrived.first_seen or now, now)  # nobody has seen it in the future
        try:
            decoded = decode(
                message.body,
                channel=self.channels.get(message.queue, message.queue),
                message_id=message.properties.message_id,
                max_body=self.max_body,
            )
        except MalformedMessage as error:
            headers = replace(arrived, queue=message.queue, first_seen=first_seen)
            return [self._malformed(message, headers, error)]
        self._log_unknown(decoded.unknown_fields)
        headers = replace(arrived, queue=message.queue, first_seen=first_seen, key=decoded.key)
        due = arrived.due if arrived.first_seen else due_time(decoded, first_seen)
        if due is not None and (wait := due - self.clock.now()) > timedelta(0):
            if wait > HOLD:
                waiting = replace(headers, due=due)
                return [RetryCopy(delay=wait, headers=waiting.to_wire(), exact=True)]
            await self.clock.sleep(wait.total_seconds())
        outcome = await self._dispatch(message, decoded, headers)
        self.observer.delivered(message.queue, decoded.notification, outcome)
        return settle(headers, outcome, self.clock.now())

    async def acking(self, message: InboundMessage) -> None:
        """See Watcher: equal messages without an id are told apart by what was acked."""
        claim = self._claims.pop((message.session, message.tag), None)
        if claim is not None:
            await self.dispatcher.insist(lambda: self.dispatcher.ledger.acked(claim))

    async def session_ended(self, session: str) -> None:
        """See Watcher."""
        for name in [name for name in self._claims if name[0] == session]:
            del self._claims[name]
        await self.dispatcher.insist(lambda: self.dispatcher.ledger.session_ended(session))

    async def _dispatch(
        self, message: InboundMessage, decoded: DecodedMessage, headers: DeliveryHeaders
    ) -> Outcome:
        progress = Progress(
            attempts_made=headers.attempt,
            remaining=headers.remaining,
            first_seen=headers.first_seen,
        )
        sight = Sight(
            channel=decoded.notification.channel,
            key=decoded.key,
            fingerprint=content_key(message.body) if decoded.has_id else decoded.key,
            has_id=decoded.has_id,
            session=message.session,
            redelivered=message.redelivered,
            recipients=tuple(r.address for r in progress.owed(decoded.notification)),
        )
        try:
            outcome, claim = await self.dispatcher.dispatch(decoded.notification, progress, sight)
        except Exception as error:
            # A fault of ours must neither lose the message nor loop on it.
            log.exception("unexpected error while dispatching", id=decoded.notification.id)
            return self._after_fault(decoded.notification, progress, error)
        if not decoded.has_id:
            self._claims[message.session, message.tag] = claim
        return outcome

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
        self.observer.malformed(message.queue, key, error)
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

    def _log_unknown(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name not in self._unknown_fields and len(self._unknown_fields) < _MAX_REMEMBERED:
                self._unknown_fields.add(name)
                log.info("message has an unknown field; it is ignored", field=name[:80])
