"""The use case: one delivery in, one outcome out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domain.breaker import Pause
from domain.channel_sender import ChannelSender, SendRequest
from domain.content import Content, InDoubtPolicy
from domain.delivery import Delivery
from domain.errors import DeliveryError, FailureReason, Permanent
from domain.events import LEDGER
from domain.ledger import ClaimLost, RecipientState, Start
from domain.ledger_access import LedgerAccess, SendRecord
from domain.notification import Notification, Recipient
from domain.outcome import Outcome, Rejected, Result, Sent
from domain.ports import Answers, Clock, RenderRequest, TemplateRenderer
from domain.results import result_of_error, result_of_state
from domain.retry_policy import RetryPolicy

_BEGUN = frozenset({RecipientState.SENT, RecipientState.IN_DOUBT, RecipientState.POISON})


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """Renders a notification, sends it on its channel to those who have not got it yet, and says
    what became of each recipient.

    `senders`: by channel. `in_doubt`: what to do where it is in doubt whether it was sent and the
    template does not say.
    """

    renderer: TemplateRenderer
    senders: Mapping[str, ChannelSender]
    ledger: LedgerAccess
    retry_policy: RetryPolicy
    clock: Clock
    in_doubt: InDoubtPolicy = InDoubtPolicy.RESEND

    async def dispatch(self, delivery: Delivery, start: Start | None = None) -> Outcome:
        """Try to deliver to each remaining recipient. `start`: what `resume` gave for it.

        Never raises DeliveryError: each failure becomes a result. While the channel's provider or
        the ledger is away this waits, and spends no attempt. Cancelled while nothing is on its way,
        it leaves no trace; else the ledger has it in doubt.
        """
        while True:
            start = start or await self.ledger.start(delivery)  # 1: ask the ledger
            results, unsent = self._known(delivery, start.states)
            if not unsent and all(isinstance(result, Sent) for result in results):
                made = delivery.attempts_made
                return Outcome(attempt=made, results=tuple(results), claim=start.claim)
            try:
                async with self.ledger.sending(start) as record:
                    for mail, people in self._mails(delivery, unsent):
                        answers: Answers
                        try:
                            request = self._request(delivery, mail, people, record)  # 2: render
                            answers = await self.senders[mail.channel].send(request)  # 3: send
                        except DeliveryError as error:
                            answers = dict.fromkeys(people, error)
                        results += self._results(delivery, people, answers)
                        if mail is not delivery.notification:
                            await record.sent([r for r in people if answers[r] is None])
            except ClaimLost:  # we stood still for too long; another process may have it now
                start = None
                continue
            sent = [r.recipient.address for r in results if isinstance(r, Sent) and not r.earlier]
            await self.ledger.finish(start.claim, sent)  # 4: write it down
            return Outcome(attempt=delivery.attempt, results=tuple(results), claim=start.claim)

    async def resume(self, delivery: Delivery) -> Start | None:
        """Start it only where an earlier appearance has sent it, or died with it in hand; for
        `dispatch`. None, and nothing is written down, where the ledger knows nothing of it."""
        if not (delivery.has_id or delivery.redelivered):
            return None  # it stands for itself
        start = await self.ledger.start(delivery)
        if start.is_recovered or not _BEGUN.isdisjoint(start.states.values()):
            return start
        await self.ledger.give_back(start.claim)
        return None

    async def has_begun(self, delivery: Delivery) -> bool:
        """Whether `resume` would start it. Raises LedgerUnavailable."""
        return not _BEGUN.isdisjoint((await self.ledger.peek(delivery)).values())

    async def foresee(self, delivery: Delivery) -> Outcome:
        """Return the outcome of `dispatch` as it is if the provider takes all that it is asked to
        take. The provider is not asked, nothing is sent or written down, and no pause is waited
        for. Raises LedgerUnavailable."""
        results, unsent = self._known(delivery, await self.ledger.peek(delivery))
        for mail, recipients in self._mails(delivery, unsent):
            answers: Answers
            try:
                content = self._render(mail, delivery)
                notifier = self.senders[mail.channel].notifier
                answers = await notifier.check(mail, content, recipients)
            except DeliveryError as error:
                answers = dict.fromkeys(recipients, error)
            results += self._results(delivery, recipients, answers)
        return Outcome(attempt=delivery.attempt, results=tuple(results))

    def rehearse(self, delivery: Delivery) -> None:
        """Render what `dispatch` would send, and send nothing. Raises Permanent, also where it is
        too late."""
        for mail, _recipients in self._mails(delivery, delivery.remaining):
            self._render(mail, delivery)

    def after_fault(self, delivery: Delivery, error: Exception) -> Outcome:
        """The outcome where a fault of ours ended the attempt: it costs the attempt."""
        text = f"internal error: {type(error).__name__}"
        results = [self.retry_policy.after(delivery.attempt, r, text) for r in delivery.remaining]
        return Outcome(attempt=delivery.attempt, results=tuple(results))

    def pauses(self) -> Mapping[str, Pause]:
        """What is paused now: channels, and the ledger by its name."""
        found = {name: sender.pause for name, sender in self.senders.items()}
        found[str(LEDGER)] = self.ledger.pause
        return {name: pause for name, pause in found.items() if pause is not None}

    def _known(
        self, delivery: Delivery, states: Mapping[str, RecipientState]
    ) -> tuple[list[Result], tuple[Recipient, ...]]:
        """Results that need no sending, and who is to be sent to."""
        results: list[Result] = []
        unsent = delivery.remaining
        if any(state is not RecipientState.CLEAR for state in states.values()):
            in_doubt = self._in_doubt(delivery)
            known = {r: result_of_state(r, states[r.address], in_doubt) for r in unsent}
            results = [result for result in known.values() if result is not None]
            unsent = tuple([r for r, result in known.items() if result is None])
        channel = delivery.notification.channel
        if unsent and channel not in self.senders:
            error = f"channel {channel!r} is not configured at this worker"
            reason = FailureReason.CHANNEL_UNKNOWN
            results += [Rejected(recipient=r, reason=reason, error=error) for r in unsent]
            unsent = ()
        return results, unsent

    def _mails(
        self, delivery: Delivery, recipients: tuple[Recipient, ...]
    ) -> Sequence[tuple[Notification, tuple[Recipient, ...]]]:
        """One mail to all, or one for each where the channel or the producer wants it so."""
        if not recipients:
            return ()
        notification = delivery.notification
        sender = self.senders.get(notification.channel)
        is_alone = notification.individually or (sender is not None and sender.notifier.one_by_one)
        return notification.mails(recipients, alone=is_alone)

    def _request(
        self,
        delivery: Delivery,
        mail: Notification,
        recipients: tuple[Recipient, ...],
        record: SendRecord,
    ) -> SendRequest:
        return SendRequest(
            notification=mail,
            content=self._render(mail, delivery),
            recipients=recipients,
            record=record,
            check=partial(self._refuse_expired, delivery),
            may_wait=delivery.may_wait,
            since=self.clock.now(),
        )

    def _render(self, mail: Notification, delivery: Delivery) -> Content:
        now = self._refuse_expired(delivery)
        recipients = mail.recipients
        return self.renderer.render(
            RenderRequest(
                template=mail.template,
                channel=mail.channel,
                parameters=mail.parameters,
                subject=mail.subject,
                recipient=recipients[0].address if len(recipients) == 1 else None,
                locale=mail.locale,
                now=now,
            )
        )

    def _refuse_expired(self, delivery: Delivery) -> datetime:
        """Return the current time; raise Permanent where that is too late for the delivery."""
        notification, now = delivery.notification, self.clock.now()
        ends = [notification.expires_at] if notification.expires_at is not None else []
        after = self.renderer.envelope_of(notification.template).expires_after
        if after is not None and delivery.first_seen is not None:
            ends.append(delivery.first_seen + after)
        for end in ends:
            if end <= now:
                raise Permanent(f"expired at {end.isoformat()}", reason=FailureReason.EXPIRED)
        return now

    def _results(
        self, delivery: Delivery, recipients: Sequence[Recipient], answers: Answers
    ) -> list[Result]:
        results: list[Result] = []
        for recipient in recipients:
            error = answers[recipient]
            if error is None:
                results.append(Sent(recipient=recipient))
            else:
                policies = self._in_doubt(delivery), self.retry_policy
                result = result_of_error(recipient, error, delivery.attempt, *policies)
                results.append(result)
        return results

    def _in_doubt(self, delivery: Delivery) -> InDoubtPolicy:
        """What is to be done where it is in doubt whether this delivery was sent."""
        return self.renderer.envelope_of(delivery.notification.template).in_doubt or self.in_doubt
