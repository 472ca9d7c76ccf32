"""The way of one message: decode, wait until due, dispatch, and return its settlement: what to
store before the message may be acked, one copy for each cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from adapters.inbound.contract import DeadCopy, InboundMessage, RetryCopy, Settlement
from adapters.inbound.deliveries import Tried, after_fault, dispatch_several, explained
from adapters.inbound.identity import identity
from adapters.message_format.headers import NO_HEADERS, DeliveryHeaders
from adapters.message_format.message import DecodedMessage, content_key, decode
from adapters.message_format.rules import MessageRules
from domain.dispatcher import Dispatcher
from domain.errors import FailureReason, MalformedMessage
from domain.events import MessageMalformed, NotificationDispatched
from domain.ledger import Claim
from domain.notification import Notification
from domain.outcome import Deferred, Outcome, Rejected, Sent
from domain.ports import Clock, EventSink
from domain.trace import TRACE, well_formed

HOLD = timedelta(seconds=10)
"""The last stretch of an exact wait is held by the worker: no queue of delay is that fine."""

_MAX_REMEMBERED = 1000

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class MessageHandler:
    """Turns a message into its settlement. `channels`: queue to channel. `rules`: what of
    it is a fault. `is_traced`: whoever calls has set TRACE, to a span of ours."""

    dispatcher: Dispatcher
    channels: Mapping[str, str]
    clock: Clock
    events: EventSink
    rules: MessageRules
    is_traced: bool = False
    _unknown_fields: set[str] = field(default_factory=set, init=False)

    async def handle(self, message: InboundMessage) -> Settlement:
        """Handle one message. Raises only CancelledError; a fault of ours costs one attempt."""
        arrived = DeliveryHeaders.parse(message.headers) if message.headers else NO_HEADERS
        if not self.is_traced:
            TRACE.set(arrived.traceparent and well_formed(arrived.traceparent))
        try:
            decoded, headers = self._decode(message, arrived)
        except MalformedMessage as error:
            dead = malformed(message, arrived, error, self.clock.now(), self.events)
            return Settlement([dead])
        if headers.due is not None and (wait := headers.due - self.clock.now()) > timedelta(0):
            if wait > HOLD:
                priority = self._priority(decoded.notifications[0])
                copy = RetryCopy(
                    delay=wait, headers=headers.to_wire(), exact=True, priority=priority
                )
                return Settlement([copy])
            await self.clock.sleep(wait.total_seconds())
        attempts = decoded.attempts(
            headers,
            session=message.session,
            redelivered=message.redelivered,
            own_channel=self.channels.get(message.queue),
        )
        if decoded.is_multiple:
            tried, claims = await dispatch_several(
                self.dispatcher, attempts, is_fallback=decoded.is_fallback
            )
            return self._settle(message, decoded, tried, claims)
        delivery = attempts[0].delivery
        try:
            outcome = await self.dispatcher.dispatch(delivery)
        except Exception as error:  # noqa: BLE001 - a fault of ours
            outcome = after_fault(self.dispatcher, delivery, error)
        return self._settle(message, decoded, [(attempts[0], outcome)], [outcome.kept_claim])

    def _decode(
        self, message: InboundMessage, arrived: DeliveryHeaders
    ) -> tuple[DecodedMessage, DeliveryHeaders]:
        """What the message says, and its headers completed: `due` is the time to wait for. Raises
        MalformedMessage."""
        decoded = decode(
            message.body,
            channel=self.channels.get(message.queue, message.queue),
            properties=message.properties,
            rules=self.rules,
            seed=arrived.seed,
        )
        if decoded.unknown_fields:
            self._log_unknown(decoded)
        if decoded.is_multiple:
            decoded = decoded.about(arrived.channel)
        now = self.clock.now()
        first_seen = min(arrived.first_seen or now, now)  # it was not seen in the future
        headers = replace(
            arrived,
            queue=message.queue,
            first_seen=first_seen,
            key=decoded.key,
            seed=decoded.notifications[0].seed or None,
            due=arrived.due if arrived.first_seen else decoded.due_time(first_seen),
            traceparent=arrived.traceparent or TRACE.get(),
        )
        return decoded, headers

    def _settle(
        self,
        message: InboundMessage,
        decoded: DecodedMessage,
        tried: Tried,
        claims: Sequence[Claim | None],
    ) -> Settlement:
        """Copies for those not reached, and what the ledger must be given before the ack: that a
        message without an id is about to be acked."""
        copies: list[RetryCopy | DeadCopy] = []
        for attempt, given in tried:
            outcome = explained(given, decoded.meant) if decoded.meant else given
            notification = attempt.delivery.notification
            event = NotificationDispatched(
                message.queue,
                notification,
                outcome,
                message.properties.correlation_id,
                TRACE.get(),
                decoded.waited(message.properties, attempt.headers.first_seen, self.clock.now()),
            )
            self.events.emit(event)
            if any(not isinstance(result, Sent) for result in outcome.results):
                priority = self._priority(notification)
                copies += settle(attempt.headers, outcome, self.clock.now(), priority)
        return Settlement(copies, [claim for claim in claims if claim is not None])

    def _priority(self, notification: Notification) -> int | None:
        if notification.priority is not None:
            return notification.priority
        return self.dispatcher.renderer.envelope_of(notification.template).priority

    def _log_unknown(self, decoded: DecodedMessage) -> None:
        for name in decoded.unknown_fields:
            if name not in self._unknown_fields and len(self._unknown_fields) < _MAX_REMEMBERED:
                self._unknown_fields.add(name)
                event, shown = "message has an unknown field; it is ignored", name[:80]
                if meant := decoded.meant.get(shown):
                    log.warning(event, field=shown, hint=f"did you mean {meant!r}?")
                else:
                    log.info(event, field=shown)


def malformed(
    message: InboundMessage,
    arrived: DeliveryHeaders,
    error: MalformedMessage,
    now: datetime,
    events: EventSink,
) -> DeadCopy:
    """Report a message that cannot be read, and return its dead letter. `arrived`: its headers."""
    key = arrived.key or message.properties.message_id or content_key(message.body)
    about = message.properties.correlation_id, TRACE.get(), message.properties.content_type
    who = message.queue, identity(message)
    events.emit(MessageMalformed(*who, error.reason, str(error), *about))
    dead = replace(
        arrived,
        queue=message.queue,
        first_seen=min(arrived.first_seen or now, now),
        attempt=arrived.attempt + 1,
        reason=error.reason,
        error=str(error),
        failed_at=now,
        key=key,
        due=None,
        traceparent=arrived.traceparent or TRACE.get(),
    )
    return DeadCopy(headers=dead.to_wire())


LONGEST_WAIT = timedelta(days=366)
"""A provider that asks for more is wrong, and its due time might be beyond the calendar."""


def settle(
    headers: DeliveryHeaders, outcome: Outcome, now: datetime, priority: int | None = None
) -> Sequence[RetryCopy | DeadCopy]:
    """Copies for those not reached: one for each wait, one for each reason.

    `headers` are those the message came with; `attempt` in the copies counts tries already made,
    and a try that spent no attempt leaves it as it was. `priority` is that of the copies.
    """
    doubt = headers.in_doubt or outcome.was_in_doubt
    failed = replace(headers, failed_at=now, due=None, in_doubt=doubt)
    waits: dict[tuple[object, ...], list[Deferred]] = {}
    for result in outcome.deferred:
        wait = (result.delay, result.attempt_spent, result.exact)
        waits.setdefault(wait, []).append(result)
    reasons: dict[FailureReason, list[Rejected]] = {}
    for rejected in outcome.rejected:
        reasons.setdefault(rejected.reason, []).append(rejected)
    return [
        *(_retry(failed, group, outcome.attempt, now, priority) for group in waits.values()),
        *(_dead(failed, reasons[one], outcome.attempt, priority) for one in sorted(reasons)),
    ]


def _retry(
    failed: DeliveryHeaders,
    group: list[Deferred],
    attempt: int,
    now: datetime,
    priority: int | None,
) -> RetryCopy:
    first = group[0]
    delay = min(first.delay, LONGEST_WAIT)
    due = now + delay if first.exact else None
    headers = replace(_after(failed, group, attempt), reason=None, due=due)
    return RetryCopy(delay=delay, exact=first.exact, headers=headers.to_wire(), priority=priority)


def _dead(
    failed: DeliveryHeaders, group: list[Rejected], attempt: int, priority: int | None
) -> DeadCopy:
    reason = group[0].reason
    headers = replace(_after(failed, group, attempt), reason=reason)
    if failed.in_doubt and reason is not FailureReason.IN_DOUBT:
        headers = replace(headers, error=f"an earlier attempt may have arrived; {headers.error}")
    return DeadCopy(headers=headers.to_wire(), priority=priority)


def _after(
    failed: DeliveryHeaders, group: Sequence[Deferred] | Sequence[Rejected], attempt: int
) -> DeliveryHeaders:
    return replace(
        failed,
        attempt=attempt if group[0].attempt_spent else failed.attempt,
        in_doubt=failed.in_doubt or any(result.in_doubt for result in group),
        error="; ".join(dict.fromkeys([result.error for result in group])),
        remaining=tuple(r.recipient for r in group),
    )
