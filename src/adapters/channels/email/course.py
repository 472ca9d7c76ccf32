"""Send one mail, over one connection after another, until the server has accepted it."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from adapters.channels.email.headers import needs_extension, not_carried
from adapters.channels.email.limits import (
    Answers,
    Limit,
    LostBeforePayload,
    NothingSent,
    OutOfLine,
    Phase,
    PipeliningBroken,
    RateRefused,
    limit_of,
)
from adapters.channels.email.outgoing_mail import OutgoingMail
from adapters.channels.email.session import Session
from adapters.channels.email.smtp_reply import SmtpReply
from adapters.channels.email.transaction import (
    GO_AHEAD,
    SmtpEnvelope,
    Timeouts,
    ask_one_by_one,
    final_failure,
    hand_over,
)
from domain.errors import (
    DeliveryError,
    FailureReason,
    NotYet,
    Permanent,
    Transient,
    Unavailable,
)
from domain.notification import Recipient
from domain.ports import AboutToSend

# Connections that end without any progress, one after another. Each had served before.
_MOST_TURNS = 10

_OK = 250
_OUT_OF_ORDER = {500, 503}
_rcpt = "RCPT TO:<{}>\r\n".format

log = structlog.get_logger()


class Course:
    """What is known of each address that the mail goes to. `asked`: those that the present
    transaction is for. `most_recipients`: see `SmtpEnvelope`, of the last transaction.

    A server may end a connection because of too many unknown recipients. Those that it refused have
    their answer. Those that it had accepted by then are the next to be asked for, alone: no further
    refusal can come between.
    """

    def __init__(
        self,
        mail: OutgoingMail,
        about_to_send: AboutToSend,
        timeouts: Timeouts,
        share: Callable[[Session], None],
    ) -> None:
        """`about_to_send` is awaited before the mail leaves, `share` is called when it has left."""
        self._mail = mail
        self._about_to_send = about_to_send
        self._timeouts = timeouts
        self._share = share
        self.asked: list[str] = []
        self.most_recipients: int | None = None
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
        left = list(self._served)
        if self._refused:
            left = [address for address in left if address not in self._refused]
            left = [address for address in left if address in self._accepted] or left
        self.asked = left[:most]
        return self.asked

    async def send(self, session: Session, payload: bytes) -> Answers:
        """One transaction: one answer for each that is asked, in order; None is accepted for good.
        If the connection ends while the mail leaves, those accepted are InDoubt.

        Raises what `SmtpEnvelope.answers` raises. The session may be closed afterwards.
        """
        times, self.most_recipients = self._timeouts, None
        if session.unasked:
            farewell = session.unasked[0]
            text = f"{session.server} said {farewell} unasked"
            raise LostBeforePayload(text, [], frozenset(), limit_of(farewell, Phase.SENDER))
        sender = f"MAIL FROM:<{self._mail.envelope_from.wire}>{self._parameters(session, payload)}"
        commands = [f"{sender}\r\n", *map(_rcpt, self.asked), "DATA\r\n"]
        answers: Answers = [None] * len(self.asked)
        if not session.pipelining:
            if session.is_answering:
                raise OutOfLine(f"{session.server} gets one command at a time by now")
            replies = await ask_one_by_one(session, commands, times.command)
            answers = await self._judged(session, replies)
        else:
            answers = await self._ask_together(session, commands)
        if None not in answers:
            return answers
        try:
            await self._leaves_for(answers)
        except BaseException:
            session.abort()
            raise
        said, is_whole = await hand_over(session, payload, times, self._share)
        if not (is_whole and said and said[0].code < 300):
            count = answers.count(None)
            failure = final_failure(session, said, count, is_whole=is_whole)
            answers = [failure if answer is None else answer for answer in answers]
        session.mails_sent += 1
        return answers

    async def _ask_together(self, session: Session, commands: list[str]) -> Answers:
        """The whole group at once (RFC 2920), perhaps with another mail before it."""
        times, is_second = self._timeouts, session.is_answering
        group, later = "".join(commands).encode(), min(times.group, times.command)
        replies = await session.ask(group, times.command, len(commands), later)
        codes = [reply.code for reply in replies]
        if codes == [*[_OK] * (len(commands) - 1), GO_AHEAD] and session.is_open:
            return [None] * len(self.asked)
        if not replies and (session.lost is None or (session.was_second and session.was_silent)):
            raise OutOfLine(f"{session.server} was silent to commands sent with another mail")
        if len(replies) < len(commands) and session.broke_off(replies):
            some = f"{len(replies)} of {len(commands)} commands sent together"
            raise PipeliningBroken(f"{session.server} answered {some}")
        if is_second and session.lost is None and (session.unasked or replies[-1].accepted):
            session.abort()
            raise OutOfLine(f"{session.server} gave more than one answer to another mail")
        answers = await self._judged(session, replies)
        is_odd = not (replies[0].accepted and _OUT_OF_ORDER.isdisjoint(codes[1:-1]))
        if is_second and is_odd and not isinstance(answers[0], RateRefused):
            self.most_recipients = None
            raise OutOfLine(f"{session.server} refused commands sent with another mail")
        return answers

    def _parameters(self, session: Session, payload: bytes) -> str:
        """Those of MAIL. Raises Permanent where the mail is too big."""
        parameters, limit = "", session.extensions.get("size")
        if limit is not None:  # RFC 1870
            if limit.isdigit() and 0 < int(limit) < len(payload):
                raise Permanent(
                    f"the mail has {len(payload)} bytes, {session.server} takes {limit} at most",
                    reason=FailureReason.CONTENT_REFUSED,
                )
            parameters = f" SIZE={len(payload)}"
        is_ascii = payload.isascii()
        if not is_ascii and "8bitmime" in session.extensions:
            parameters += " BODY=8BITMIME"
        # Names and subjects are encoded, so headers hold only what RFC 6531 is for: addresses.
        is_ascii = is_ascii or payload[: payload.index(b"\r\n\r\n")].isascii()
        addresses = (self._mail.envelope_from.wire, *self.asked)
        return parameters if is_ascii and "".join(addresses).isascii() else f"{parameters} SMTPUTF8"

    async def _judged(self, session: Session, replies: Sequence[SmtpReply | None]) -> Answers:
        missing = len(self.asked) + 2 - len(replies)
        envelope = SmtpEnvelope(session, [*replies, *[None] * missing])
        try:
            return await envelope.answers(self._timeouts.connect)
        finally:
            self.most_recipients = envelope.most_recipients

    def _leaves_for(self, answers: Answers) -> Awaitable[None]:
        """Names the recipients only where the mail leaves for a part of them."""
        if len(self.asked) == len(self._served) and not any(isinstance(a, NotYet) for a in answers):
            return self._about_to_send(None, self._mail.message_id)
        accepted = [one for one, answer in zip(self.asked, answers, strict=True) if answer is None]
        people = [r for address in accepted for r in self._served[address]]
        return self._about_to_send(people, self._mail.message_id)

    def goes_on(self, session: Session, nothing: NothingSent) -> bool:
        """Whether another transaction makes sense after one that came to nothing."""
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
        is_nearer = refused or self.most_recipients or nothing.limit is Limit.RECIPIENTS
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
        results = self._mail.refused | self._not_carried
        known = dict(zip(self.asked, answers, strict=True)) | self._refused
        for address, group in self._served.items():
            if address in known:
                answer = known[address]
            else:
                answer = NotYet(f"{session.server} takes {len(self.asked)} recipients of one mail")
            results |= dict.fromkeys(group, answer)
        return results
