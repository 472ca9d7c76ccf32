"""The use case: one delivery in, one outcome out."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from domain.breaker import Breaker, Pause
from domain.channel_sender import ChannelSender
from domain.content import Content, InDoubtPolicy
from domain.delivery import Delivery
from domain.errors import DeliveryError, FailureReason, Permanent
from domain.events import LEDGER, SUPPRESSIONS
from domain.ledger import ClaimLost, RecipientState, Start
from domain.ledger_access import LedgerAccess, SendRecord
from domain.notification import Notification, Recipient
from domain.outcome import Outcome, Rejected, Result, Sent, doubted
from domain.ports import Answers, Clock, RenderRequest, TemplateRenderer
from domain.retry_policy import RetryPolicy, result_of_state

if TYPE_CHECKING:
    from domain.suppressions import Listing, Suppression, SuppressionAccess

Mail = tuple[Notification, tuple[Recipient, ...]]
"""One message to the provider, with the recipients it is sent to."""

_AT_ONCE: AbstractAsyncContextManager[None] = nullcontext()
_BEGUN = frozenset({RecipientState.SENT, RecipientState.IN_DOUBT, RecipientState.POISON})


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """Renders a notification, sends it on its channel to the recipients that do not have it yet,
    and returns a result for each recipient.

    `senders`: by channel. `in_doubt`: what to do where it is in doubt whether it was sent and the
    template does not say. `suppressions`: who must not be written to; None: all may be.
    """

    renderer: TemplateRenderer
    senders: Mapping[str, ChannelSender]
    ledger: LedgerAccess
    retry_policy: RetryPolicy
    clock: Clock
    in_doubt: InDoubtPolicy = InDoubtPolicy.RESEND
    suppressions: "SuppressionAccess | None" = None

    async def dispatch(self, delivery: Delivery, start: Start | None = None) -> Outcome:
        """Try to deliver to each remaining recipient. `start`: what `resume` gave for it.

        Never raises DeliveryError: each failure becomes a result. While provider, ledger or list is
        away this waits, and spends no attempt. If it is cancelled while nothing is on its way, it
        leaves no trace; else the ledger has it in doubt. A fault ends the start too.
        """
        while True:
            listing = await self._listing(delivery, start) if self.suppressions else None
            start = start or await self.ledger.start(delivery)  # 1: ask the ledger
            results, mails = self._plan(delivery, start.states, listing and listing.entries)
            if not mails and all(isinstance(result, Sent) for result in results):
                attempt = delivery.attempts_made
                return Outcome(attempt=attempt, results=tuple(results), start=start)
            check = partial(self._moment, delivery)
            record = SendRecord(self.ledger.ledger, start.claim, check, delivery.may_wait)
            try:
                async with self.ledger.one_recovered if start.is_recovered else _AT_ONCE:
                    for mail, people in mails:
                        try:
                            record.since = now = check()
                            content = self._render(mail, now)  # 2: render
                            sender = self.senders[mail.channel]
                            send = listing.through(sender, start.states) if listing else sender.send
                            answers = await send(mail, content, people, record)  # 3: send
                        except DeliveryError as error:
                            answers = dict.fromkeys(people, error)
                        results += self._results(delivery, people, answers)
                        if mail is not delivery.notification:
                            await record.sent([r for r in people if answers[r] is None])
            except ClaimLost:  # we stood still for too long; another process may have it now
                start = None
                continue
            except (Exception, asyncio.CancelledError) as error:
                await self.ledger.abandon(start, error, is_sending=record.is_sending)
                raise
            sent = [r.recipient.address for r in results if isinstance(r, Sent) and not r.earlier]
            await self.ledger.finish(start.claim, sent, doubted(results, start.states))  # 4: record
            attempt, made, ids = delivery.attempts_made + 1, tuple(results), record.message_ids
            return Outcome(attempt=attempt, results=made, start=start, message_ids=ids)

    async def resume(self, delivery: Delivery) -> Start | None:
        """Start the delivery only if an earlier delivery of the same message sent it, or crashed
        while it had it. Returns the start for `dispatch`; None, and nothing is written down, where
        the ledger knows nothing of it."""
        if not (delivery.has_id or delivery.redelivered):
            return None  # such a message is always to be sent
        start = await self.ledger.start(delivery)
        if start.is_recovered or not _BEGUN.isdisjoint(start.states.values()):
            return start
        try:
            await self.ledger.finish(start.claim)
        except asyncio.CancelledError as error:
            await self.ledger.abandon(start, error, is_sending=False)
            raise
        return None

    async def has_begun(self, delivery: Delivery) -> bool:
        """Whether `resume` would start it. Raises LedgerUnavailable."""
        return not _BEGUN.isdisjoint((await self.ledger.ledger.peek(delivery)).values())

    async def foresee(self, delivery: Delivery) -> Outcome:
        """Return what `dispatch` would return if the provider accepted everything. Does not ask the
        provider, sends and writes nothing, and waits for no pause and no quiet hours. Raises
        LedgerUnavailable or SuppressionsUnavailable."""
        listed, states = await self.listed(delivery), await self.ledger.ledger.peek(delivery)
        results, mails = self._plan(delivery, states, listed)
        for mail, people in mails:
            answers: Answers
            try:
                content = self._render(mail, self._moment(delivery, is_sent=False))
                answers = await self.senders[mail.channel].notifier.check(mail, content, people)
            except DeliveryError as error:
                answers = dict.fromkeys(people, error)
            results += self._results(delivery, people, answers)
        return Outcome(attempt=delivery.attempts_made + 1, results=tuple(results))

    async def listed(self, delivery: Delivery) -> "Mapping[str, Suppression]":
        """Return who of the delivery must not be written to, by address. Waits for no list that is
        away. Raises SuppressionsUnavailable."""
        asked, channel = self.suppressions, delivery.notification.channel
        return await asked.among(channel, delivery.addresses, waits=False) if asked else {}

    def rehearse(self, delivery: Delivery) -> None:
        """Render what `dispatch` would send, and send nothing. Raises Permanent, also where it has
        expired."""
        for mail, _recipients in self._mails(delivery.notification, delivery.remaining):
            self._render(mail, self._moment(delivery, is_sent=False))

    def after_fault(self, delivery: Delivery, error: Exception) -> Outcome:
        """Return the outcome where a fault of ours ended the attempt, which is spent."""
        text = f"internal error: {type(error).__name__}"
        attempt = delivery.attempts_made + 1
        results = [self.retry_policy.after(attempt, r, text) for r in delivery.remaining]
        return Outcome(attempt=attempt, results=tuple(results))

    def pauses(self) -> Mapping[str, Pause]:
        """Return what is paused now: channels, ledger and list, by name."""
        return {name: one.pause for name, one in self.breakers().items() if one.is_open}

    def breakers(self) -> Mapping[str, Breaker]:
        """Return the breakers of the channels, the ledger and the list, by name."""
        found = {name: sender.breaker for name, sender in self.senders.items()}
        if self.suppressions is not None:
            found[SUPPRESSIONS.kind] = self.suppressions.breaker
        return {**found, LEDGER.kind: self.ledger.breaker}

    async def _listing(self, delivery: Delivery, start: Start | None) -> "Listing | None":
        """Return what the list says of the delivery's recipients. A start that there is already
        ends where this is cancelled or fails."""
        try:
            return await self.suppressions.ask(delivery) if self.suppressions else None
        except (Exception, asyncio.CancelledError) as error:
            if start is not None:
                await self.ledger.abandon(start, error, is_sending=False)
            raise

    def _plan(
        self,
        delivery: Delivery,
        states: Mapping[str, RecipientState],
        listed: "Mapping[str, Suppression] | None",
    ) -> tuple[list[Result], Sequence[Mail]]:
        """Return the results that are known without sending, and the mails to the others."""
        results: list[Result] = []
        unsent = delivery.remaining
        if any(state is not RecipientState.CLEAR for state in states.values()):
            in_doubt = self._in_doubt(delivery)
            doubts = dict.fromkeys(listed or (), InDoubtPolicy.HOLD)  # they may have it
            known = {
                r: result_of_state(r, states[r.address], doubts.get(r.address, in_doubt))
                for r in unsent
            }
            results = [result for result in known.values() if result is not None]
            unsent = tuple([r for r, result in known.items() if result is None])
        if listed:  # whoever has the message already has it
            results += [listed[r.address].refuse(r) for r in unsent if r.address in listed]
            unsent = tuple([r for r in unsent if r.address not in listed])
        notification = delivery.notification
        if unsent and notification.channel not in self.senders:
            error = f"channel {notification.channel!r} is not configured at this worker"
            reason = FailureReason.CHANNEL_UNKNOWN
            results += [Rejected(recipient=r, reason=reason, error=error) for r in unsent]
            unsent = ()
        return results, self._mails(notification, unsent)

    def _mails(
        self, notification: Notification, recipients: tuple[Recipient, ...]
    ) -> Sequence[Mail]:
        """Make one mail to all, or one to each if the channel or the producer wants it."""
        if not recipients:
            return ()
        sender = self.senders.get(notification.channel)
        if notification.individually or (sender is not None and sender.notifier.one_by_one):
            return [(notification.for_one(recipient), (recipient,)) for recipient in recipients]
        return [(notification, recipients)]

    def _render(self, mail: Notification, now: datetime) -> Content:
        recipients = mail.recipients
        return self.renderer.render(
            RenderRequest(
                template=mail.template,
                channel=mail.channel,
                parameters=mail.parameters,
                subject=mail.subject,
                recipient=recipients[0].address if len(recipients) == 1 else None,
                locale=mail.locale,
                timezone=mail.timezone,
                now=now,
            )
        )

    def _moment(self, delivery: Delivery, *, is_sent: bool = True) -> datetime:
        """Return the current time. Raise Permanent if the delivery has expired by then. Where it
        `is_sent`, raise Throttled in the quiet hours of its template."""
        notification, now = delivery.notification, self.clock.now()
        envelope = self.renderer.envelope_of(notification.template)
        after, seen, quiet = envelope.expires_after, delivery.first_seen, envelope.quiet
        by_template = None if after is None or seen is None else seen + after
        for end in (notification.expires_at, by_template):
            if end is not None and end <= now:
                raise Permanent(f"expired at {end.isoformat()}", reason=FailureReason.EXPIRED)
        if quiet is not None and is_sent:
            quiet.respect(notification, now, envelope.priority, by_template)
        return now

    def _results(
        self, delivery: Delivery, people: Sequence[Recipient], answers: Answers
    ) -> list[Result]:
        attempt, in_doubt = delivery.attempts_made + 1, self._in_doubt(delivery)
        return [self.retry_policy.result_of(r, answers[r], attempt, in_doubt) for r in people]

    def _in_doubt(self, delivery: Delivery) -> InDoubtPolicy:
        """Return what to do if it is in doubt whether this delivery was sent."""
        return self.renderer.envelope_of(delivery.notification.template).in_doubt or self.in_doubt
