"""How far one mail has come, over one connection after another, before any of it is sent."""

from collections.abc import Awaitable

import structlog

from adapters.channels.email.headers import needs_extension, not_carried
from adapters.channels.email.limits import (
    Answers,
    Limit,
    LostBeforePayload,
    NothingSent,
    PipeliningBroken,
)
from adapters.channels.email.outgoing_mail import OutgoingMail
from adapters.channels.email.session import Session
from domain.errors import DeliveryError, FailureReason, NotYet, Transient, Unavailable
from domain.notification import Recipient
from domain.ports import AboutToSend

_MOST_TURNS = 10
"""Connections that end without any progress, one after another. Each had served before."""

log = structlog.get_logger()


class Course:
    """What is known of each address that the mail goes to. `asked`: those that the present
    transaction is for.

    A server may end a connection because of too many unknown recipients. Those that it refused have
    their answer. Those that it had accepted by then are the next to be asked for, alone: no further
    refusal can come between.
    """

    def __init__(self, mail: OutgoingMail, about_to_send: AboutToSend) -> None:
        self._mail = mail
        self._about_to_send = about_to_send
        self.asked: list[str] = []
        self._served: dict[str, list[Recipient]] = {}
        self._not_carried: dict[Recipient, DeliveryError | None] = {}
        self._refused: dict[str, DeliveryError] = {}
        self._accepted: frozenset[str] = frozenset()
        self._turns = 0

    def choose(self, session: Session, most: int) -> list[str]:
        """Whom the next transaction is for: at most `most` of those whom this server can be asked
        for. Raises Permanent where it cannot carry the sender."""
        mail, utf8 = self._mail, "smtputf8" in session.extensions
        self._served, self._not_carried = {}, {}
        for field, address in (
            ("from", mail.sender_address),
            ("envelope_from", mail.envelope_from),
        ):
            if address.needs_smtputf8 and not utf8:
                raise not_carried(session.server, field, FailureReason.SENDER_REFUSED)
        for recipient, address in mail.addressees:
            if utf8 or not address.needs_smtputf8:
                self._served.setdefault(address.wire, []).append(recipient)
            else:
                self._not_carried[recipient] = not_carried(
                    session.server, recipient.address, FailureReason.RECIPIENT_INVALID
                )
        if mail.unshown_replies and self._served and not utf8:
            log.warning(
                "reply address left out",
                id=mail.notification.id,
                template=mail.notification.template,
                detail=f"reply_to: {needs_extension(session.server)}",
            )
        left = [address for address in self._served if address not in self._refused]
        self.asked = ([one for one in left if one in self._accepted] or left)[:most]
        return self.asked

    def about_to_send(self, answers: Answers) -> Awaitable[None]:
        """The mail leaves. Names the recipients only where it leaves for a part of them."""
        if len(self.asked) == len(self._served) and not any(isinstance(a, NotYet) for a in answers):
            return self._about_to_send()
        accepted = [one for one, answer in zip(self.asked, answers, strict=True) if answer is None]
        return self._about_to_send([r for address in accepted for r in self._served[address]])

    def goes_on(self, session: Session, nothing: NothingSent, most_recipients: int | None) -> bool:
        """Whether another transaction makes sense after one that came to nothing.
        `most_recipients`: what it showed the server to take."""
        refused = {}
        if isinstance(nothing, LostBeforePayload):
            refused = {
                address: answer
                for address, answer in zip(self.asked, nothing.answers, strict=False)
                if answer is not None and not isinstance(answer, NotYet)
            }
            if refused:
                self._refused |= refused
                self._accepted = frozenset(self.asked[number] for number in nothing.accepted)
        is_nearer = refused or most_recipients is not None or nothing.limit is Limit.RECIPIENTS
        self._turns = 0 if is_nearer or isinstance(nothing, PipeliningBroken) else self._turns + 1
        if self._refused.keys() >= self._served.keys():
            return False
        # A server may close all connections at once, and with them one just opened: so one farewell
        # before the first command says nothing about the next connection.
        was_asked = not isinstance(nothing, LostBeforePayload) or nothing.answers
        most = 0 if not session.reused else _MOST_TURNS
        return self._turns <= (most if was_asked else max(most, 1))

    def give_up(self, nothing: NothingSent) -> DeliveryError:
        """Return the error of the recipients without an answer. Raises it where that is every
        recipient."""
        if self._refused:
            return Transient(str(nothing), safe_to_repeat=True)
        if isinstance(nothing, LostBeforePayload) and not nothing.answers:
            raise Unavailable(str(nothing), safe_to_repeat=True)
        is_relay = nothing.limit is not Limit.RECIPIENTS
        raise Transient(
            str(nothing), safe_to_repeat=True, provider_fault=is_relay, is_certain=is_relay
        )

    def results(self, session: Session, answers: Answers) -> dict[Recipient, DeliveryError | None]:
        """What became of each recipient; `answers` are those of the addresses asked for."""
        results = self._not_carried
        known = dict(zip(self.asked, answers, strict=True)) | self._refused
        for address, group in self._served.items():
            if address in known:
                answer = known[address]
            else:
                answer = NotYet(f"{session.server} takes {len(self.asked)} recipients of one mail")
            results |= dict.fromkeys(group, answer)
        return results
