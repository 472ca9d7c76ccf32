"""One mail over one connection: MAIL, RCPT and DATA, with the phase of every failure known."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from adapters.channels.email.endings import (
    Answers,
    LostBeforePayload,
    PipeliningBroken,
    SessionUsedUp,
    TooManyRecipients,
)
from adapters.channels.email.limits import Limit, limit_of
from adapters.channels.email.phase import Phase
from adapters.channels.email.replies import FAREWELL, SmtpReply, before_farewell
from adapters.channels.email.session import Session
from adapters.channels.email.verdicts import verdict
from domain.errors import DeliveryError, InDoubt, NotYet, Transient

_GO_AHEAD = 354
_DATA = b"DATA\r\n"
_LONE_DOT = b".\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait, as RFC 5321 4.5.3.2 asks. 10 minutes after the final dot: a client that
    leaves earlier sends again what was accepted.

    `connect`: for the connection and its TLS handshake. `late`: for the greeting, before a second
    connection is tried; the first goes on waiting until `greeting`. `group`: for each but the first
    answer to commands sent together.
    """

    connect: float = 30.0
    late: float = 10.0
    greeting: float = 300.0
    command: float = 300.0
    group: float = 10.0
    final: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """What goes over the wire: addresses as they stand in the envelope, and the mail's bytes."""

    sender: str
    recipients: Sequence[str]
    payload: bytes
    parameters: str = ""

    def commands(self) -> list[bytes]:
        return [
            f"MAIL FROM:<{self.sender}>{self.parameters}\r\n".encode(),
            *(f"RCPT TO:<{address}>\r\n".encode() for address in self.recipients),
            _DATA,
        ]


@dataclass(slots=True)
class _Envelope:
    """The replies of the envelope's commands; None where none came."""

    sender: SmtpReply | None = None
    recipients: list[SmtpReply | None] = field(default_factory=list)
    data: SmtpReply | None = None


class Transaction:
    """Sends one mailing over `session`.

    `most_recipients`: how many recipients of one mail the server turned out to take, if it refused
    more.
    """

    most_recipients: int | None = None

    def __init__(
        self,
        session: Session,
        mailing: Mailing,
        timeouts: Timeouts,
        about_to_send: Callable[[Answers], Awaitable[None]],
    ) -> None:
        """`about_to_send` is awaited before the mail leaves for those whose answer is None."""
        self._about_to_send = about_to_send
        self._session = session
        self._mailing = mailing
        self._timeouts = timeouts

    async def run(self) -> Answers:
        """One answer for each of the mailing's recipients, in order; None is accepted for good,
        NotYet is one more recipient than the server takes in one mail.

        Raises NothingSent when the connection ends before the mail has begun, or the server wants
        it over another connection or to fewer recipients; RateRefused where it ends because of
        our rate. If the connection ends later, those accepted are InDoubt. The session may be
        closed afterwards.
        """
        if unasked := self._session.unasked:
            text = f"{self._session.server} said {unasked} unasked"
            raise LostBeforePayload(text, [], frozenset(), limit_of(unasked, Phase.SENDER))
        pipelining = self._session.pipelining
        envelope = await (self._in_one_write() if pipelining else self._one_by_one())
        try:
            answers = self._judge(envelope)
        except SessionUsedUp:
            if envelope.data is not None and envelope.data.code == _GO_AHEAD:
                self._session.abort()  # it waits for a mail that will not come
            raise
        if not any(answer is None for answer in answers):
            await self._leave(envelope)
            return answers
        count = answers.count(None)
        if envelope.data is None or envelope.data.code != _GO_AHEAD:
            assert envelope.data is not None  # noqa: S101 - else the connection was lost
            try:
                refusal = self._refusal(envelope.data, Phase.DATA, count)
            finally:
                await self._leave(envelope)
            return self._for_accepted(answers, refusal)
        try:
            await self._about_to_send(answers)
        except BaseException:
            self._session.abort()  # the server waits for a mail that will not come
            raise
        outcome = await self._payload(count)
        self._session.mails_sent += 1
        return self._for_accepted(answers, outcome)

    async def _in_one_write(self) -> _Envelope:
        """RFC 2920: the whole group at once, then as many replies as commands."""
        session, times, commands = self._session, self._timeouts, self._mailing.commands()
        session.write(b"".join(commands))
        replies = await session.replies(1, times.command)
        replies += await session.replies(len(commands) - 1, min(times.group, times.command))
        if len(replies) < len(commands) and session.broke_off(replies):
            count = f"{len(replies)} of {len(commands)}"
            raise PipeliningBroken(f"{session.server} answered {count} commands sent together")
        padded: list[SmtpReply | None] = [*replies, *[None] * (len(commands) - len(replies))]
        return _Envelope(padded[0], padded[1:-1], padded[-1])

    async def _one_by_one(self) -> _Envelope:
        mail, *recipients, data = self._mailing.commands()
        envelope = _Envelope(recipients=[None] * len(recipients))
        envelope.sender = await self._ask(mail)
        if envelope.sender is None or not envelope.sender.accepted:
            return envelope
        for number, command in enumerate(recipients):
            envelope.recipients[number] = reply = await self._ask(command)
            if reply is None or limit_of(reply, Phase.RECIPIENT) is Limit.RECIPIENTS:
                break  # nor does it take the others now
        if any(reply and reply.accepted for reply in envelope.recipients):
            envelope.data = await self._ask(data)
        return envelope

    async def _ask(self, command: bytes) -> SmtpReply | None:
        self._session.write(command)
        replies = await self._session.replies(1, self._timeouts.command)
        return replies[0] if replies else None

    def _judge(self, envelope: _Envelope) -> Answers:
        sender = envelope.sender
        if sender is not None and not sender.accepted and sender.code != FAREWELL:
            return [self._refusal(sender, Phase.SENDER)] * len(envelope.recipients)
        answers = [
            None if reply is None or reply.accepted else self._answer(reply)
            for reply in before_farewell(sender, envelope.recipients)
        ]
        if any(isinstance(answer, NotYet) for answer in answers):
            self._note_limit(envelope, answers)
        if self._session.lost is not None:
            self._refuse_if_undecided(envelope, answers)
        elif all(isinstance(answer, NotYet) for answer in answers):
            reply = next(filter(None, envelope.recipients))
            return [self._refusal(reply, Phase.RECIPIENT)] * len(answers)
        return answers

    def _answer(self, reply: SmtpReply) -> DeliveryError | None:
        """What a refusal of one recipient means for that one; None: it says nothing about it."""
        if reply.code == FAREWELL:
            return None
        if limit_of(reply, Phase.RECIPIENT) is Limit.RECIPIENTS:
            return NotYet(self._text(reply, Phase.RECIPIENT))
        return self._refusal(reply, Phase.RECIPIENT)

    def _refusal(self, reply: SmtpReply, phase: Phase, count: int = 1) -> DeliveryError:
        """The error of `count` recipients that a reply refuses together."""
        limit = limit_of(reply, phase)
        if limit is None or limit is Limit.RATE:
            return verdict(reply, phase, self._session.server)
        text = self._text(reply, phase)
        if limit is Limit.RECIPIENTS and count > 1:
            raise TooManyRecipients(text, count)
        if self._session.mails_sent:
            raise SessionUsedUp(text, limit)
        is_relay = limit is not Limit.RECIPIENTS
        return Transient(text, provider_fault=is_relay, is_certain=is_relay)

    def _text(self, reply: SmtpReply, phase: Phase) -> str:
        return f"{self._session.server} answered {phase} with {reply}"

    def _note_limit(self, envelope: _Envelope, answers: Answers) -> None:
        """Where the refusals begin is the limit, unless others follow that are accepted."""
        first = next(n for n, answer in enumerate(answers) if isinstance(answer, NotYet))
        for number, reply in enumerate(envelope.recipients[first:], first):
            if reply is None and self._session.lost is None:
                answers[number] = answers[first]  # not asked
            elif reply is not None and _is_of_another_kind(reply, answers[number]):
                return
        self.most_recipients = first or None

    def _refuse_if_undecided(self, envelope: _Envelope, answers: Answers) -> None:
        """Raise unless every reply had come before the connection went."""
        said = [r for r in (envelope.sender, *envelope.recipients, envelope.data) if r is not None]
        farewell = next((reply for reply in said if reply.code == FAREWELL), None)
        data_decided = envelope.data is not None and envelope.data.code != _GO_AHEAD
        all_refused = None not in answers
        if farewell is not None and limit_of(farewell, Phase.SENDER) is Limit.RATE:
            raise verdict(farewell, Phase.SENDER, self._session.server)
        if farewell or not (data_decided or all_refused):
            accepted = frozenset(n for n, r in enumerate(envelope.recipients) if r and r.accepted)
            limit = limit_of(farewell, Phase.SENDER) if farewell else None
            text = f"{self._session.server}: {self._session.lost}"
            raise LostBeforePayload(text, answers, accepted, limit)

    async def _leave(self, envelope: _Envelope) -> None:
        """End a transaction in which nothing is sent, so that the connection can serve again."""
        short = self._timeouts.connect
        if envelope.data is not None and envelope.data.code == _GO_AHEAD:
            # RFC 2920 section 3.1: DATA was let through with no recipient; end it empty, and a
            # server that accepts even that must not be trusted with another mail.
            self._session.write(_LONE_DOT)
            replies = await self._session.replies(1, short)
            if not replies or replies[0].accepted:
                self._session.abort()
                return
        if envelope.sender is not None and not envelope.sender.accepted:
            return  # nothing has begun, and servers count idle commands
        self._session.write(b"RSET\r\n")
        replies = await self._session.replies(1, short)
        if not replies or not replies[0].accepted:
            self._session.abort()

    async def _payload(self, count: int) -> DeliveryError | None:
        """Send the mail itself; None once the server has taken it."""
        session = self._session
        stuffed = stuff(self._mailing.payload)
        complete = await session.write_all(stuffed, self._timeouts.command)
        final = await session.replies(1, self._timeouts.final) if complete else []
        if not complete:
            final = await session.replies(1, 0) if session.unasked else []
            session.abort()
        if not final:
            return InDoubt(f"{session.server}: {session.lost} while the mail was on its way")
        if final[0].accepted and complete:
            return None
        if not 400 <= final[0].code <= 599:
            session.abort()
            return InDoubt(f"{session.server} answered the mail with {final[0]}")
        return self._refusal(final[0], Phase.FINAL, count)

    @staticmethod
    def _for_accepted(answers: Answers, outcome: DeliveryError | None) -> Answers:
        return [outcome if answer is None else answer for answer in answers]


def _is_of_another_kind(reply: SmtpReply, answer: DeliveryError | None) -> bool:
    """Whether it is about this recipient, and not about there being too many."""
    return reply.code != FAREWELL and not isinstance(answer, NotYet)


def stuff(payload: bytes) -> bytes:
    """The mail as it follows DATA: dots doubled at line starts (RFC 5321 4.5.2), the end marked.

    `payload` has CRLF line ends only, and ends with one.
    """
    if payload.startswith(b"."):
        payload = b"." + payload
    return payload.replace(b"\r\n.", b"\r\n..") + _LONE_DOT
