"""What a server's replies to MAIL, RCPT and DATA mean, with the phase of every failure known."""

import time
from collections.abc import Callable, Sequence

from adapters.channels.email.limits import (
    Answers,
    Limit,
    LostBeforePayload,
    Phase,
    SessionUsedUp,
    limit_of,
)
from adapters.channels.email.session import Session
from adapters.channels.email.smtp_reply import FAREWELL, SmtpReply
from adapters.channels.email.verdicts import refusal, refusal_of_one, verdict
from domain.errors import DeliveryError, InDoubt, NotYet, Unavailable
from domain.value_object import value_object

GO_AHEAD = 354
# Seconds for the answer to a mail. No other mail is to wait after a slower one.
_SOON = 1.0
LONE_DOT = b".\r\n"


@value_object(kw_only=True)
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


class SmtpEnvelope:
    """The replies to MAIL, to each RCPT, and to DATA; None where none came.

    `most_recipients`: how many recipients of one mail the server turned out to take, if it refused
    more.
    """

    def __init__(self, session: Session, replies: Sequence[SmtpReply | None]) -> None:
        self.most_recipients: int | None = None
        self._session = session
        self._sender, *self._recipients, self._data = replies

    async def answers(self, timeout: float) -> Answers:
        """What the replies mean for each recipient. Where it is None for some, the server waits for
        the mail; else the transaction is over, and the session may be closed. NotYet is one more
        recipient than the server takes in one mail.

        Raises NothingSent when the connection ended before the mail has begun, or the server wants
        it over another connection or to fewer recipients; RateRefused where it ended because of our
        rate; Unavailable where we are not signed in. `timeout`: for each answer, in seconds.
        """
        is_awaited = self._data is not None and self._data.code == GO_AHEAD
        try:
            answers = self._judge(is_awaited=is_awaited)
        except SessionUsedUp:
            if is_awaited:
                self._session.abort()
            raise
        if None in answers and is_awaited:
            return answers
        try:
            if self._data is not None and None in answers:
                failure = refusal(self._data, Phase.DATA, self._session, answers.count(None))
                answers = [failure if answer is None else answer for answer in answers]
        finally:
            await self._leave(timeout, is_awaited=is_awaited)
        for answer in answers:
            if isinstance(answer, Unavailable):
                raise answer
        return answers

    def _judge(self, *, is_awaited: bool) -> Answers:
        """What the replies mean for each recipient; None: accepted, or there is no reply."""
        sender = self._sender
        is_over = sender is not None and sender.code == FAREWELL
        if sender is not None and not sender.accepted and not is_over:
            return [refusal(sender, Phase.SENDER, self._session)] * len(self._recipients)
        answers: Answers = []
        accepted = [n for n, r in enumerate(self._recipients) if r and r.accepted]
        for number, reply in enumerate(self._recipients):
            # The rest of a group is refused because of a farewell, as with "503 need MAIL first".
            is_over = is_over or (reply is not None and reply.code == FAREWELL)
            if is_over or reply is None or reply.accepted:
                answers.append(None)
            else:
                ends_it = bool(accepted) and number > accepted[-1]
                answers.append(refusal_of_one(reply, self._session, ends_it=ends_it))
        self._note_limit(answers)
        if self._session.lost is not None:
            self._refuse_if_undecided(answers, is_awaited=is_awaited)
        elif all(isinstance(answer, NotYet) for answer in answers):
            reply = next(filter(None, self._recipients))
            return [refusal(reply, Phase.RECIPIENT, self._session)] * len(answers)
        return answers

    def _note_limit(self, answers: Answers) -> None:
        """Where the refusals begin is the limit, unless others follow that are accepted."""
        first = next((n for n, answer in enumerate(answers) if isinstance(answer, NotYet)), None)
        if first is None:
            return
        for number, reply in enumerate(self._recipients[first:], first):
            if reply is None and self._session.lost is None:
                answers[number] = answers[first]  # not asked
            elif reply and reply.code != FAREWELL and not isinstance(answers[number], NotYet):
                return
        self.most_recipients = first or None

    def _refuse_if_undecided(self, answers: Answers, *, is_awaited: bool) -> None:
        """Raise unless every reply had come before the connection went."""
        said = filter(None, (self._sender, *self._recipients, self._data))
        farewell = next((reply for reply in said if reply.code == FAREWELL), None)
        accepted = frozenset(n for n, r in enumerate(self._recipients) if r and r.accepted)
        phase = Phase.RECIPIENT if accepted and farewell in self._recipients else Phase.SENDER
        limit = limit_of(farewell, phase) if farewell else None
        if farewell is not None and limit is Limit.RATE:
            raise verdict(farewell, Phase.SENDER, self._session.server)
        is_decided = None not in answers or (self._data is not None and not is_awaited)
        if farewell or not is_decided:
            if limit is Limit.RECIPIENTS:
                self.most_recipients = len(accepted)
            text = f"{self._session.server}: {self._session.lost}"
            raise LostBeforePayload(text, answers, accepted, limit)

    async def _leave(self, timeout: float, *, is_awaited: bool) -> None:
        """End a transaction in which nothing is sent, so that the connection can serve again."""
        session = self._session
        if is_awaited:
            # RFC 2920 section 3.1: DATA was let through with no recipient; end it empty, and a
            # server that accepts even that must not be trusted with another mail.
            end = await session.ask(LONE_DOT, timeout)
            if not end or end[0].accepted:
                session.abort()
                return
        if self._sender is not None and not self._sender.accepted:
            return  # nothing has begun, and servers count idle commands
        reset = await session.ask(b"RSET\r\n", timeout)
        if not reset or not reset[0].accepted:
            session.abort()


async def ask_one_by_one(
    session: Session, commands: Sequence[str], timeout: float
) -> list[SmtpReply | None]:
    """Ask MAIL, each RCPT and DATA no further than makes sense; None stands for what was not
    answered."""
    replies: list[SmtpReply | None] = []
    for command in commands[:-1]:
        said = await session.ask(command.encode(), timeout)
        replies += said or [None]
        if not said or limit_of(said[0], Phase.RECIPIENT) is Limit.RECIPIENTS:
            break  # nor does it take the others now
        if len(replies) == 1 and not said[0].accepted:
            break
    if any(reply and reply.accepted for reply in replies[1:]):
        replies += [None] * (len(commands) - 1 - len(replies))
        replies += await session.ask(commands[-1].encode(), timeout)
    return replies


async def hand_over(
    session: Session, payload: bytes, times: Timeouts, share: Callable[[Session], None]
) -> tuple[list[SmtpReply], bool]:
    """Send the mail. Returns the answer, if any, and whether the mail had left as a whole. `share`
    is called when it has left and the answer is still to come."""
    if not await session.write_all(stuff(payload), times.command):
        return session.unasked[:1], False
    left_at = time.monotonic()
    answer = session.ask(b"", times.final)
    if not answer.done():
        share(session)
    said = await answer
    session.is_quick = time.monotonic() - left_at < _SOON
    return said, True


def final_failure(
    session: Session, said: Sequence[SmtpReply], count: int, *, is_whole: bool
) -> DeliveryError:
    """What it means for `count` recipients that the mail was not accepted, or not before it had
    left as a whole. Raises NothingSent; see `refusal`."""
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
    return payload.replace(b"\r\n.", b"\r\n..") + LONE_DOT
