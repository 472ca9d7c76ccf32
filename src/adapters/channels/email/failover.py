"""Several relays: the next one takes the mail while the first is away."""

from collections.abc import Sequence

import structlog

from adapters.channels.email.relay import Answers, Declined, Relay, Sending, is_ledgers
from domain.content import Content
from domain.errors import RefusedInARow, Unavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, proceed

log = structlog.get_logger()


class FailoverNotifier:
    """Sends over the first relay that is there. A mail that may have been accepted goes to no
    other."""

    one_by_one = False

    def __init__(self, relays: Sequence[Relay]) -> None:
        """`relays` in the order of their use."""
        self._relays = tuple(relays)
        self.check = relays[0].notifier.check  # before a relay is asked, each of them judges alike

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        """See `Notifier.notify`. Raises Unavailable with all causes where no relay is there."""
        sending = Sending(notification, content, recipients, about_to_send)
        tried = [relay for relay in self._relays if relay.may_try()]
        answers = await self._first(tried, sending)
        if answers is None and sending.refused is None:
            answers = await self._last_resort(tried, sending)
        answers = answers or sending.refused
        if answers is None:
            raise self._all_away()
        return answers

    async def _last_resort(self, tried: Sequence[Relay], sending: Sending) -> Answers | None:
        """The channel is about to pause, or probes: one that rests may be back by now."""
        resting = [one for one in self._relays if one not in tried and not _is_login(one)]
        answers = await self._first(resting, sending)
        for relay in self._relays if answers is None and sending.refused is None else ():
            if relay.is_late:
                with relay.patiently():
                    answers = await self._try(relay, sending)
                if answers is not None:
                    break
        return answers

    async def _first(self, relays: Sequence[Relay], sending: Sending) -> Answers | None:
        """The answers of the first that takes the mail or refuses it for good; None: none does."""
        for relay in relays:
            if (answers := await self._try(relay, sending)) is not None:
                return answers
        return None

    async def close(self) -> None:
        """See `Notifier.close`."""
        for relay in self._relays:
            await relay.notifier.close()

    async def _try(self, relay: Relay, sending: Sending) -> Answers | None:
        """The answers; None where the next relay may take the mail."""
        try:
            return await relay.send(sending)
        except Declined as declined:
            mail = sending.notification.id
            log.info("relay declines a mail", relay=relay.name, id=mail, error=str(declined))
            sending.decline(declined.verdicts)
            return None
        except Unavailable as error:
            if is_ledgers(error):
                raise
            return None

    def _all_away(self) -> Unavailable:
        causes = [relay.cause for relay in self._relays if relay.cause is not None]
        text = "no relay is there: " + "; ".join(map(str, causes))
        if any(isinstance(cause, RefusedInARow) for cause in causes):
            return RefusedInARow(text)
        return Unavailable(
            text,
            is_login=bool(causes) and all(cause.is_login for cause in causes),
            changed=lambda: any(cause.changed() for cause in causes),
        )


def _is_login(relay: Relay) -> bool:
    return relay.cause is not None and relay.cause.is_login
