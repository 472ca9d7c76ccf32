"""The pace of a relay: mails go through as fast as it takes them."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from adapters.channels.email.limits import RateRefused
from adapters.channels.email.relay_pace import Permit, RelayPace
from adapters.channels.email.relay_turns import Place, RelayTurns
from domain.content import Content
from domain.errors import DeliveryError, Throttled
from domain.events import TurnAwaited
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, EventSink, NoObserver, Notifier, proceed

_Mail = tuple[Notification, Content, Sequence[Recipient], AboutToSend]


class PacedNotifier:
    """Lets mails through as fast as the relay takes them. While it takes all, nothing is asked."""

    def __init__(
        self,
        notifier: Notifier,
        pace: RelayPace,
        *,
        connections: int,
        more: int = 0,
        admit: Callable[[Notification], None] | None = None,
        blip_wait: float | None = None,
        events: EventSink | None = None,
    ) -> None:
        """`connections`: how many mails are under way at once; those that wait for a connection can
        still be slowed. `more`: mails that wait for one already, while the pace is not limited.
        `admit` is called when a mail's turn has come; what it raises ends the
        call. `blip_wait`: seconds until what failed before anything was sent is tried again; None
        leaves that to the caller. `events` gets how long a mail waited for its turn."""
        self._notifier = notifier
        self.one_by_one, self.check, self.close = (
            notifier.one_by_one,
            notifier.check,
            notifier.close,
        )
        self._pace = pace
        self._slots = asyncio.Semaphore(connections)
        self._free_slots = asyncio.Semaphore(connections + more)
        self._turns = RelayTurns(pace, self._slots)
        self._admit = admit
        self._blip_wait = blip_wait
        self._events = events or NoObserver()
        pace.learned.sharers.append(pace.refresh)

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        """See `Notifier.notify`. Raises Throttled, to be called again at once, where the relay
        refused the mail because of its rate: the mail keeps its place."""
        pace, turns = self._pace, self._turns
        mail = (notification, content, recipients, about_to_send)
        place = turns.kept.pop(notification.id, None) if turns.kept else None
        while True:
            permit = pace.free
            if pace.is_limited:
                place = place or turns.place()
                permit = await self._turn(notification.channel, place)
            async with self._slots if permit.turn else self._free_slots:
                if permit.episode == pace.now.episode and (permit.turn or not pace.is_limited):
                    began = time.monotonic()
                    try:
                        if self._admit is not None:
                            self._admit(notification)
                        try:
                            answers = await self._notifier.notify(*mail)
                        except DeliveryError as error:
                            answers = await self._repeat(error, mail, began)
                    except RateRefused as error:
                        answers = dict.fromkeys(recipients, error)
                    except BaseException:
                        await pace.ended(permit)
                        raise
                    if not any(answers.values()) and permit.turn is None:
                        pace.accepted.append(pace.rules.clock())
                        return answers
                    await pace.learn(permit, answers.values())
                    self._keep_place(notification, place, answers)
                    return answers
            await pace.ended(permit)  # another was refused while this one waited for a connection

    async def _turn(self, channel: str, place: Place) -> Permit:
        since = self._pace.rules.clock()
        permit = await self._turns.turn(place)
        self._events.emit(TurnAwaited(channel, self._pace.rules.clock() - since))
        return permit

    def _keep_place(
        self, notification: Notification, place: Place | None, answers: Answers
    ) -> None:
        """Raise Throttled where the rate is the only trouble."""
        refusals = [e for e in answers.values() if isinstance(e, RateRefused)]
        if refusals and len(refusals) == len(answers):
            self._turns.keep(notification.id, place)
            wait = refusals[0].retry_after
            raise Throttled(str(refusals[0]), retry_after=wait, in_hand=True)

    async def _repeat(self, error: DeliveryError, mail: _Mail, began: float) -> Answers:
        if self._blip_wait is None:
            raise error
        from adapters.channels.shared.blips import ride_out

        return await ride_out(error, partial(self._notifier.notify, *mail), began, self._blip_wait)
