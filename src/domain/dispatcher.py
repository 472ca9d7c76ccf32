"""The use case: one notification in, one outcome out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from domain.breaker import Breaker, Pause, resting, while_in_hand
from domain.content import Content, InDoubtPolicy
from domain.errors import (
    DeliveryError,
    FailureReason,
    NotYet,
    Permanent,
)
from domain.journal import Journal
from domain.notification import Notification, Recipient
from domain.outcome import Outcome, Result, Sent
from domain.ports import Answers, Ask, Clock, Notifier, RenderRequest, TemplateRenderer
from domain.refusals import FaultStreak
from domain.results import Judgement, resumed
from domain.retry_policy import RetryPolicy
from domain.room import AttachmentRoom
from domain.turns import caller_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a delivery has come: tries already made, and who is still to be sent to (None: all).

    `may_hold`: whether it may wait in hand while its channel is paused. One that came by another
    channel's queue may not: it would hold up that channel too. Nor may one that other channels
    are asked for as well: what they could not send would not be stored meanwhile.
    """

    attempts_made: int = 0
    remaining: tuple[Recipient, ...] | None = None
    first_seen: datetime | None = None
    may_hold: bool = True

    def owed(self, notification: Notification) -> tuple[Recipient, ...]:
        """Return the notification's own recipients that are still to be sent to; a remainder that
        names none of them is nonsense and read as absent."""
        everybody = notification.recipients
        if self.remaining is None:
            return everybody
        resume = {r.address: r.resume for r in self.remaining}
        owed = (r for r in everybody if r.address in resume)
        return tuple(resumed(r, resume[r.address]) for r in owed) or everybody


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """Renders a notification, sends it on its channel and says what became of each recipient.

    `notifiers` maps channel to notifier. `concurrency` bounds how many of a channel's sends are
    under way at once; None leaves it to the notifier. `on_pause` gets a channel's name with the
    error that paused it, or None when it goes on. `room` bounds the attachments that are under way
    at once.
    """

    renderer: TemplateRenderer
    notifiers: Mapping[str, Notifier]
    retry_policy: RetryPolicy
    clock: Clock
    in_doubt: InDoubtPolicy = InDoubtPolicy.RESEND
    concurrency: int | None = None
    on_pause: Callable[[str, str | None], None] = lambda _channel, _error: None
    room: AttachmentRoom | None = None
    _breakers: dict[str, Breaker] = field(default_factory=dict, init=False)
    _streaks: dict[str, FaultStreak] = field(default_factory=dict, init=False)
    _slots: dict[str, AbstractAsyncContextManager[None]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for channel in self.notifiers:
            streak = self._streaks[channel] = FaultStreak(self.retry_policy.tiers)
            self._breakers[channel] = Breaker(
                self.clock, self._pause_reporter(channel), is_back=streak.is_over
            )
            limit = self.concurrency
            self._slots[channel] = nullcontext() if limit is None else asyncio.Semaphore(limit)

    def _room_for(self, notification: Notification) -> AbstractAsyncContextManager[None]:
        if self.room is None or not notification.attachments:
            return nullcontext()
        return self.room.for_files(notification.attachments)

    def _pause_reporter(self, channel: str) -> Callable[[str | None], None]:
        return lambda error: self.on_pause(channel, error)

    def pauses(self) -> Mapping[str, Pause]:
        """The channels that are paused now."""
        found = {name: breaker.pause for name, breaker in self._breakers.items()}
        return {name: pause for name, pause in found.items() if pause is not None}

    async def dispatch(
        self,
        notification: Notification,
        progress: Progress | None = None,
        journal: Journal | None = None,
    ) -> Outcome:
        """Try to deliver to all recipients that are still to be sent to.

        Never raises DeliveryError: each failure becomes a result. While the channel's provider is
        away this waits, spending no attempt; cancel it to give up waiting.
        """
        progress, journal = progress or Progress(), journal or Journal()
        send = partial(self._notify_all, progress=progress, journal=journal)
        return await self._serve(notification, progress, send, journal.sent)

    async def foresee(self, notification: Notification, progress: Progress) -> Outcome:
        """Return the outcome of `dispatch` as it is if the provider takes all that it is asked to
        take. The provider is not asked, nothing is sent, and no pause is waited for."""

        async def check(one: Notification, content: Content, group: Sequence[Recipient]) -> Answers:
            return await self.notifiers[one.channel].check(one, content, group)

        return await self._serve(notification, progress, check, Journal().sent)

    async def _serve(
        self,
        notification: Notification,
        progress: Progress,
        ask: Ask,
        sent: Callable[[Sequence[Recipient]], Awaitable[None]],
    ) -> Outcome:
        attempt = progress.attempts_made + 1
        owed = progress.owed(notification)
        if notification.channel not in self.notifiers:
            error = f"channel {notification.channel!r} is not configured at this worker"
            return Outcome.all_rejected(owed, FailureReason.CHANNEL_UNKNOWN, error, attempt=attempt)
        results: list[Result] = []
        alone = self._is_alone(notification)
        for one_mail, group in notification.mails(owed, alone=alone):
            made = await self._deliver(one_mail, group, attempt, progress, ask)
            results += made
            if alone:
                await sent([r.recipient for r in made if isinstance(r, Sent)])
        return Outcome(attempt=attempt, results=tuple(results))

    def rehearse(self, notification: Notification, progress: Progress) -> None:
        """Render what `dispatch` would send, and send nothing. Raises Permanent, also where it is
        too late."""
        self._refuse_expired(notification, progress)
        owed = progress.owed(notification)
        for one_mail, _group in notification.mails(owed, alone=self._is_alone(notification)):
            self._render(one_mail)

    def _is_alone(self, notification: Notification) -> bool:
        notifier = self.notifiers.get(notification.channel)
        return notification.individually or (notifier is not None and notifier.one_by_one)

    async def _deliver(
        self,
        notification: Notification,
        recipients: Sequence[Recipient],
        attempt: int,
        progress: Progress,
        ask: Ask,
    ) -> list[Result]:
        try:
            self._refuse_expired(notification, progress)
            content = self._render(notification)
            answers = await ask(notification, content, recipients)
        except DeliveryError as error:
            answers = dict.fromkeys(recipients, error)
        policy = self.in_doubt_policy(notification.template)
        judgement = Judgement(attempt, policy, self.retry_policy)
        return [judgement.of(r, answers[r]) for r in recipients]

    def in_doubt_policy(self, template: str) -> InDoubtPolicy:
        """What is to be done with this template's notifications when a send is in doubt."""
        return self.renderer.envelope_of(template).in_doubt or self.in_doubt

    def _render(self, notification: Notification) -> Content:
        everybody = notification.recipients
        return self.renderer.render(
            RenderRequest(
                template=notification.template,
                channel=notification.channel,
                parameters=notification.parameters,
                subject=notification.subject,
                recipient=everybody[0].address if len(everybody) == 1 else None,
                locale=notification.locale,
                now=self.clock.now(),
            )
        )

    async def _notify_all(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        progress: Progress,
        journal: Journal,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """In as many messages as the provider wants; each leaves fewer for the next."""
        answers = await self._notify(notification, content, recipients, progress, journal)
        asked, rest = recipients, _not_yet(recipients, answers)
        while rest and len(rest) < len(asked):
            await journal.sent([r for r in asked if answers[r] is None])
            try:
                found = await self._notify(notification, content, rest, progress, journal)
            except DeliveryError as error:
                found = dict.fromkeys(rest, error)
            answers = {**answers, **found}
            asked, rest = rest, _not_yet(rest, answers)
        return answers

    async def _notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        progress: Progress,
        journal: Journal,
    ) -> Mapping[Recipient, DeliveryError | None]:
        channel = notification.channel
        streak = self._streaks[channel]
        caller = partial(caller_of, notification)

        async def about_to_send(concerned: Sequence[Recipient] | None = None) -> None:
            await journal.about_to_send(recipients if concerned is None else concerned)

        async def send() -> Mapping[Recipient, DeliveryError | None]:
            async with self._slots[channel], self._room_for(notification):
                began = streak.begin()
                try:
                    answers = await self.notifiers[channel].notify(
                        notification, content, recipients, about_to_send
                    )
                except DeliveryError as error:
                    journal.answered([error])
                    with resting(error.resume):
                        [verdict] = streak.judge(caller, began, [error])
                        if verdict is error or verdict is None:
                            raise
                    verdict.resume = error.resume
                    raise verdict from None
            given = list(answers.values())
            journal.answered(given)
            judged = streak.judge(caller, began, given)
            return answers if judged is given else dict(zip(answers, judged, strict=True))

        # An outage may outlast the notification.
        return await while_in_hand(
            lambda: self._breakers[channel].call(
                send,
                check=lambda: self._refuse_expired(notification, progress),
                may_hold=progress.may_hold,
                caller=caller,
            )
        )

    def _refuse_expired(self, notification: Notification, progress: Progress) -> None:
        ends = [notification.expires_at] if notification.expires_at is not None else []
        after = self.renderer.envelope_of(notification.template).expires_after
        if after is not None and progress.first_seen is not None:
            ends.append(progress.first_seen + after)
        now = self.clock.now()
        for end in ends:
            if end <= now:
                raise Permanent(f"expired at {end.isoformat()}", reason=FailureReason.EXPIRED)


def _not_yet(
    recipients: Sequence[Recipient], answers: Mapping[Recipient, DeliveryError | None]
) -> list[Recipient]:
    return [r for r in recipients if isinstance(answers[r], NotYet)]
