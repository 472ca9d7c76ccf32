"""One mail over one connection: MAIL, RCPT and DATA, with the phase of every failure known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.notifiers.email.limits import Limit, limit_of
from adapters.notifiers.email.phase import Phase
from adapters.notifiers.email.replies import Reply
from adapters.notifiers.email.session import Session
from adapters.notifiers.email.verdicts import verdict
from domain.errors import DeliveryError, InDoubt
from domain.ports import AboutToSend, proceed

_GO_AHEAD = 354
_FAREWELL = 421
_DATA = b"DATA\r\n"
_LONE_DOT = b".\r\n"

Answers = list[DeliveryError | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait, as RFC 5321 4.5.3.2 asks. 10 minutes after the final dot: a client that
    leaves earlier sends again what was accepted.

    `connect`: for the connection and its TLS handshake. `late`: for the greeting, before a second
    connection is tried; the first goes on waiting until `greeting`.
    """

    connect: float = 30.0
    late: float = 10.0
    greeting: float = 300.0
    command: float = 300.0
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


class LostBeforePayload(Exception):
    """The connection ended before any of the mail had left: certainly nobody has it.

    `answers` has what had been said about each recipient by then, and is empty if the server took
    its leave before it was asked anything.
    """

    def __init__(self, text: str, answers: Answers) -> None:
        super().__init__(text)
        self.answers = answers


@dataclass(slots=True)
class _Envelope:
    """The replies of the envelope's commands; None where none came."""

    sender: Reply | None = None
    recipients: list[Reply | None] = field(default_factory=list)
    data: Reply | None = None


class Transaction:
    """Sends one mailing over `session`."""

    def __init__(
        self,
        session: Session,
        mailing: Mailing,
        timeouts: Timeouts,
        about_to_send: AboutToSend = proceed,
    ) -> None:
        self._about_to_send = about_to_send
        self._session = session
        self._mailing = mailing
        self._timeouts = timeouts

    async def run(self) -> Answers:
        """One answer for each of the mailing's recipients, in order; None is accepted for good.

        Raises LostBeforePayload when the connection ends before the mail has begun, or RateRefused
        where the server said that it ends because of our rate. If it ends later, those accepted
        are InDoubt. The session may be closed afterwards.
        """
        if unasked := self._session.unasked:
            raise LostBeforePayload(f"{self._session.server} said {unasked} unasked", [])
        pipelining = self._session.pipelining
        envelope = await (self._in_one_write() if pipelining else self._one_by_one())
        answers = self._judge(envelope)
        if not any(answer is None for answer in answers):
            await self._leave(envelope)
            return answers
        if envelope.data is None or envelope.data.code != _GO_AHEAD:
            await self._leave(envelope)
            return self._for_accepted(answers, self._data_verdict(envelope))
        try:
            await self._about_to_send()
        except BaseException:
            self._session.abort()  # the server waits for a mail that will not come
            raise
        outcome = await self._payload()
        self._session.mails_sent += 1
        return self._for_accepted(answers, outcome)

    async def _in_one_write(self) -> _Envelope:
        """RFC 2920: the whole group at once, then as many replies as commands."""
        commands = self._mailing.commands()
        self._session.write(b"".join(commands))
        replies = await self._session.replies(len(commands), self._timeouts.command)
        padded: list[Reply | None] = [*replies, *[None] * (len(commands) - len(replies))]
        return _Envelope(padded[0], padded[1:-1], padded[-1])

    async def _one_by_one(self) -> _Envelope:
        mail, *recipients, data = self._mailing.commands()
        envelope = _Envelope(recipients=[None] * len(recipients))
        envelope.sender = await self._ask(mail)
        if envelope.sender is None or not envelope.sender.accepted:
            return envelope
        for number, command in enumerate(recipients):
            envelope.recipients[number] = await self._ask(command)
        if any(reply and reply.accepted for reply in envelope.recipients):
            envelope.data = await self._ask(data)
        return envelope

    async def _ask(self, command: bytes) -> Reply | None:
        self._session.write(command)
        replies = await self._session.replies(1, self._timeouts.command)
        return replies[0] if replies else None

    def _judge(self, envelope: _Envelope) -> Answers:
        server = self._session.server
        sender = envelope.sender
        if sender is not None and not sender.accepted and sender.code != _FAREWELL:
            return [verdict(sender, Phase.SENDER, server)] * len(envelope.recipients)
        answers = [
            None if reply is None or reply.accepted else verdict(reply, Phase.RECIPIENT, server)
            for reply in envelope.recipients
        ]
        if self._session.lost is not None:
            self._refuse_if_undecided(envelope, answers)
        return answers

    def _refuse_if_undecided(self, envelope: _Envelope, answers: Answers) -> None:
        """Raise unless every reply had come before the connection went."""
        said = [r for r in (envelope.sender, *envelope.recipients, envelope.data) if r is not None]
        farewell = next((reply for reply in said if reply.code == _FAREWELL), None)
        data_decided = envelope.data is not None and envelope.data.code != _GO_AHEAD
        all_refused = None not in answers
        if farewell is not None and limit_of(farewell, Phase.SENDER) is Limit.RATE:
            raise verdict(farewell, Phase.SENDER, self._session.server)
        if farewell or not (data_decided or all_refused):
            raise LostBeforePayload(f"{self._session.server}: {self._session.lost}", answers)

    def _data_verdict(self, envelope: _Envelope) -> DeliveryError:
        assert envelope.data is not None  # noqa: S101 - else the connection was lost
        return verdict(envelope.data, Phase.DATA, self._session.server)

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
        self._session.write(b"RSET\r\n")
        replies = await self._session.replies(1, short)
        if not replies or not replies[0].accepted:
            self._session.abort()

    async def _payload(self) -> DeliveryError | None:
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
        return verdict(final[0], Phase.FINAL, session.server)

    @staticmethod
    def _for_accepted(answers: Answers, outcome: DeliveryError | None) -> Answers:
        return [outcome if answer is None else answer for answer in answers]


def stuff(payload: bytes) -> bytes:
    """The mail as it follows DATA: dots doubled at line starts (RFC 5321 4.5.2), the end marked.

    `payload` has CRLF line ends only, and ends with one.
    """
    if payload.startswith(b"."):
        payload = b"." + payload
    return payload.replace(b"\r\n.", b"\r\n..") + _LONE_DOT
