"""The email channel at the pace that its relay takes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from adapters.channels.email.limits import RateRefused
from adapters.channels.email.pacer import Pacer
from adapters.channels.email.permit import PaceRules, Permit, RelayPlace
from adapters.channels.shared.learned import Learned
from domain.content import Content
from domain.errors import DeliveryError, InDoubt, Throttled, Unavailable
from domain.ledger import LedgerUnavailable
from domain.notification import Notification, Recipient
from domain.pace import PaceStore
from domain.ports import AboutToSend, Notifier, proceed

_MOST_PLACES = 10_000


class PacedNotifier:
    """Lets mails through as fast as the relay takes them. While it takes all, nothing is asked."""

    def __init__(
        self,
        notifier: Notifier,
        *,
        relay: Callable[[], str],
        store: PaceStore,
        learned: Learned,
        connections: int,
        rules: PaceRules | None = None,
        admit: Callable[[Notification], None] = lambda _notification: None,
    ) -> None:
        """`relay` gives host and port of the relay that the next mail goes to. `connections`: how
        many mails are under way at once; those that wait for a connection can still be slowed.
        `admit` is called when a mail's turn has come; what it raises ends the call."""
        self._notifier = notifier
        self._relay = relay
        self._store = store
        self._learned = learned
        self._rules = rules or PaceRules()
        self._admit = admit
        self._slots = asyncio.Semaphore(connections)
        self._pacers: dict[str, Pacer] = {}
        self._places: dict[str, RelayPlace] = {}
        learned.shared_by(self.refresh)

    @property
    def inner(self) -> Notifier:
        """The notifier that is paced."""
        return self._notifier

    @property
    def one_by_one(self) -> bool:
        """See `Notifier.one_by_one`."""
        return self._notifier.one_by_one

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.notify`. Raises Throttled, to be called again at once, where the relay
        refused the mail because of its rate: the mail keeps its place."""
        pacer = self._pacer(self._relay())
        place = self._places.pop(notification.id, None) if self._places else None
        while True:
            permit = pacer.unlimited()
            if pacer.is_limited:
                place = place or pacer.place()
                permit = await self._turn(pacer, place)
            async with self._slots:
                if pacer.is_current(permit):
                    answers = await self._send(
                        pacer, permit, notification, content, recipients, about_to_send
                    )
                    break
            # Another was refused while this one waited for a connection.
            await pacer.ended(permit)
        refusals = [e for e in answers.values() if isinstance(e, RateRefused)]
        if refusals and len(refusals) == len(answers):
            self._keep(notification, place or pacer.place())
            wait = refusals[0].retry_after
            raise Throttled(str(refusals[0]), retry_after=wait, in_hand=True)
        return answers

    async def _send(
        self,
        pacer: Pacer,
        permit: Permit,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend,
    ) -> Mapping[Recipient, DeliveryError | None]:
        try:
            self._admit(notification)
            answers = await self._notifier.notify(notification, content, recipients, about_to_send)
        except RateRefused as error:
            answers = dict.fromkeys(recipients, error)
        except BaseException:
            await pacer.ended(permit)
            raise
        for answer in answers.values():
            if isinstance(answer, RateRefused):
                await pacer.refused(permit, answer)
                return answers
        if not any(answer is None or isinstance(answer, InDoubt) for answer in answers.values()):
            await pacer.ended(permit)
            return answers
        pacer.accepted()
        if permit.is_probe:
            await pacer.passed(permit)
        return answers

    async def refresh(self) -> None:
        """Take over what other processes have learned. Raises LedgerUnavailable."""
        for pacer in (self._pacer(self._relay()), *self._pacers.values()):
            await pacer.refresh()

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.check`."""
        return await self._notifier.check(notification, content, recipients)

    async def close(self) -> None:
        """See `Notifier.close`."""
        await self._notifier.close()

    async def _turn(self, pacer: Pacer, place: RelayPlace) -> Permit:
        try:
            return await pacer.turn(place)
        except LedgerUnavailable as error:
            raise Unavailable(f"the pace is in the ledger: {error}") from error

    def _keep(self, notification: Notification, place: RelayPlace) -> None:
        if len(self._places) >= _MOST_PLACES:
            self._places.clear()  # of mails that never came back
        self._places[notification.id] = place

    def _pacer(self, relay: str) -> Pacer:
        pacer = self._pacers.get(relay)
        if pacer is None:
            pacer = self._pacers[relay] = Pacer(relay, self._store, self._learned, self._rules)
        return pacer
