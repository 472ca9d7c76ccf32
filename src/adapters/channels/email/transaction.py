"""One mail over one connection: MAIL, RCPT and DATA, with the phase of every failure known."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from adapters.channels.email.limits import (
    Answers,
    Limit,
    LostBeforePayload,
    Phase,
    PipeliningBroken,
    SessionUsedUp,
    limit_of,
)
from adapters.channels.email.session import FAREWELL, Session, SmtpReply
from adapters.channels.email.verdicts import refusal, refusal_of_one, verdict
from domain.errors import DeliveryError, InDoubt, NotYet, Unavailable

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


class Transaction:
    """Sends one mailing over `session`. `most_recipients`: how many recipients of one mail the
    server turned out to take, if it refused more."""

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
        # The replies to the commands; None where none came.
        self._sender: SmtpReply | None = None
        self._recipients: list[SmtpReply | None] = []
        self._data: SmtpReply | None = None

    async def run(self) -> Answers:
        """One answer for each of the mailing's recipients, in order; None is accepted for good,
        NotYet is one more recipient than the server takes in one mail.

        Raises NothingSent when the connection ends before the mail has begun, or the server wants
        it over another connection or to fewer recipients; RateRefused where it ends because of
        our rate; Unavailable where we are not signed in. If the connection ends later, those
        accepted are InDoubt. The session may be closed afterwards.
        """
        session, times, commands = self._session, self._timeouts, self._mailing.commands()
        if session.unasked:
            farewell = session.unasked[0]
            text = f"{session.server} said {farewell} unasked"
            raise LostBeforePayload(text, [], frozenset(), limit_of(farewell, Phase.SENDER))
        if session.pipelining:  # RFC 2920: the whole group at once
            count, later = len(commands), min(times.group, times.command)
            replies = await session.ask(b"".join(commands), times.command, count, later)
            self._take(replies, count)
        else:
            await self._ask_one_by_one(commands)
        try:
            answers = self._judge()
        except SessionUsedUp:
            if self._is_awaited():
                session.abort()
            raise
        if None not in answers:
            await self._leave()
        elif (outcome := await self._send(answers)) is not None:
            answers = [outcome if answer is None else answer for answer in answers]
        for answer in answers:
            if isinstance(answer, Unavailable):
                raise answer
        return answers

    def _take(self, replies: list[SmtpReply], count: int) -> None:
        """Take note of the replies to a group of so many commands."""
        if len(replies) < count and self._session.broke_off(replies):
            some = f"{len(replies)} of {count}"
            raise PipeliningBroken(f"{self._session.server} answered {some} commands sent together")
        padded: list[SmtpReply | None] = [*replies, *[None] * (count - len(replies))]
        self._sender, *self._recipients, self._data = padded

    async def _ask_one_by_one(self, commands: list[bytes]) -> None:
        mail, *recipients, data = commands
        self._recipients = [None] * len(recipients)
        self._sender = await self._ask(mail)
        if self._sender is None or not self._sender.accepted:
            return
        for number, command in enumerate(recipients):
            self._recipients[number] = reply = await self._ask(command)
            if reply is None or limit_of(reply, Phase.RECIPIENT) is Limit.RECIPIENTS:
                break  # nor does it take the others now
        if any(reply and reply.accepted for reply in self._recipients):
            self._data = await self._ask(data)

    async def _ask(self, command: bytes, timeout: float | None = None) -> SmtpReply | None:
        replies = await self._session.ask(command, timeout or self._timeouts.command)
        return replies[0] if replies else None

    def _is_awaited(self) -> bool:
        """Whether the server waits for the mail, which it must get whole or never."""
        return self._data is not None and self._data.code == _GO_AHEAD

    def _judge(self) -> Answers:
        """What the replies mean for each recipient; None: accepted, or there is no reply."""
        sender = self._sender
        is_over = sender is not None and sender.code == FAREWELL
        if sender is not None and not sender.accepted and not is_over:
            return [refusal(sender, Phase.SENDER, self._session)] * len(self._recipients)
        answers: Answers = []
        for reply in self._recipients:
            # The rest of a group is refused because of a farewell, as with "503 need MAIL first".
            is_over = is_over or (reply is not None and reply.code == FAREWELL)
            if is_over or reply is None or reply.accepted:
                answers.append(None)
            else:
                answers.append(refusal_of_one(reply, self._session))
        if any(isinstance(answer, NotYet) for answer in answers):
            self._note_limit(answers)
        if self._session.lost is not None:
            self._refuse_if_undecided(answers)
        elif all(isinstance(answer, NotYet) for answer in answers):
            reply = next(filter(None, self._recipients))
            return [refusal(reply, Phase.RECIPIENT, self._session)] * len(answers)
        return answers

    def _note_limit(self, answers: Answers) -> None:
        """Where the refusals begin is the limit, unless others follow that are accepted."""
        first = next(n for n, answer in enumerate(answers) if isinstance(answer, NotYet))
        for number, reply in enumerate(self._recipients[first:], first):
            if reply is None and self._session.lost is None:
                answers[number] = answers[first]  # not asked
            elif reply and reply.code != FAREWELL and not isinstance(answers[number], NotYet):
                return
        self.most_recipients = first or None

    def _refuse_if_undecided(self, answers: Answers) -> None:
        """Raise unless every reply had come before the connection went."""
        said = filter(None, (self._sender, *self._recipients, self._data))
        farewell = next((reply for reply in said if reply.code == FAREWELL), None)
        limit = limit_of(farewell, Phase.SENDER) if farewell else None
        if farewell is not None and limit is Limit.RATE:
            raise verdict(farewell, Phase.SENDER, self._session.server)
        is_decided = None not in answers or (self._data is not None and not self._is_awaited())
        if farewell or not is_decided:
            accepted = frozenset(n for n, r in enumerate(self._recipients) if r and r.accepted)
            text = f"{self._session.server}: {self._session.lost}"
            raise LostBeforePayload(text, answers, accepted, limit)

    async def _leave(self) -> None:
        """End a transaction in which nothing is sent, so that the connection can serve again."""
        if self._is_awaited():
            # RFC 2920 section 3.1: DATA was let through with no recipient; end it empty, and a
            # server that accepts even that must not be trusted with another mail.
            end = await self._ask(_LONE_DOT, self._timeouts.connect)
            if end is None or end.accepted:
                self._session.abort()
                return
        if self._sender is not None and not self._sender.accepted:
            return  # nothing has begun, and servers count idle commands
        reset = await self._ask(b"RSET\r\n", self._timeouts.connect)
        if reset is None or not reset.accepted:
            self._session.abort()

    async def _send(self, answers: Answers) -> DeliveryError | None:
        """Send the mail to those whose answer is None; None once the server has taken it."""
        session, times, count = self._session, self._timeouts, answers.count(None)
        if not self._is_awaited():
            assert self._data is not None  # noqa: S101 - else the connection was lost
            try:
                return refusal(self._data, Phase.DATA, session, count)
            finally:
                await self._leave()
        try:
            await self._about_to_send(answers)
        except BaseException:
            session.abort()
            raise
        is_whole = await session.write_all(stuff(self._mailing.payload), times.command)
        said = await session.ask(b"", times.final) if is_whole else session.unasked[:1]
        outcome = None
        if not (is_whole and said and said[0].accepted):
            outcome = self._failure(said, count, is_whole=is_whole)
        session.mails_sent += 1
        return outcome

    def _failure(self, said: list[SmtpReply], count: int, *, is_whole: bool) -> DeliveryError:
        """What it means that the mail was not accepted, or not before it had left as a whole."""
        session = self._session
        is_refused = bool(said) and 400 <= said[0].code <= 599
        if not (is_whole and is_refused):
            session.abort()
        if is_refused:
            return refusal(said[0], Phase.FINAL, session, count)
        if said:
            return InDoubt(f"{session.server} answered the mail with {said[0]}")
        return InDoubt(f"{session.server}: {session.lost} while the mail was on its way")


def stuff(payload: bytes) -> bytes:
    """The mail as it follows DATA: dots doubled at line starts (RFC 5321 4.5.2), the end marked.

    `payload` has CRLF line ends only, and ends with one.
    """
    if payload.startswith(b"."):
        payload = b"." + payload
    return payload.replace(b"\r\n.", b"\r\n..") + _LONE_DOT
