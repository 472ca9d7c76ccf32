"""What a refusal means for a delivery: RFC 5321 codes and RFC 3463 enhanced ones to our errors."""

import re
from datetime import timedelta

from adapters.channels.email.about_us import (
    AUTHENTICATION_CODES,
    AboutUs,
    about_us,
    says_what_about,
    sign_in_advice,
)
from adapters.channels.email.limits import (
    GREYLISTED,
    Limit,
    Phase,
    RateRefused,
    SessionUsedUp,
    TooManyRecipients,
    limit_of,
)
from adapters.channels.email.session import Session
from adapters.channels.email.smtp_reply import SmtpReply
from domain.errors import DeliveryError, FailureReason, NotYet, Permanent, Transient, Unavailable

GREYLIST_WAIT = timedelta(minutes=5)
_WAIT = re.compile(
    rb"\b(?:in|for|after|within) +(\d{1,5}) *(s|sec|seconds?|m|min|minutes?|hours?)\b", re.I
)
_WAIT_UNITS = {
    b"s": timedelta(seconds=1),
    b"m": timedelta(minutes=1),
    b"h": timedelta(hours=1),
}
_LONGEST_NAMED_WAIT = timedelta(days=1)
_TOO_MANY_RECIPIENTS = 452  # RFC 5321 4.5.3.1.10 names the code alone
_OF_ONE_RECIPIENT = re.compile(
    rb"4\.[12]\.|(?!4\.\d).*(?:mailbox|maildir|inbox|quota|\b(?:user|account)\b|gr[ae]y-?list)",
    re.DOTALL | re.IGNORECASE,
)
_OF_NO_SESSION = re.compile(rb"4\.[17]\.|.*gr[ae]y-?list", re.DOTALL | re.IGNORECASE)
# RFC 3463: the mail system is full (x.3.1) or incorrectly configured (x.3.5), or the words say so.
_RELAY_BROKEN = re.compile(
    rb"4\.3\.[15]\b|(?!4\.[124-7]\.|4\.3\.4\b).*(?:insufficient (?:system|disk|server|queue)"
    rb"|(?:system|disk|server|queue) (?:is )?full|space shortage|no space left|out of disk)",
    re.DOTALL | re.IGNORECASE,
)
_REASONS = {
    Phase.SENDER: FailureReason.SENDER_REFUSED,
    Phase.RECIPIENT: FailureReason.RECIPIENT_REFUSED,
    Phase.DATA: FailureReason.CONTENT_REFUSED,
    Phase.FINAL: FailureReason.CONTENT_REFUSED,
}


def verdict(reply: SmtpReply, phase: Phase, server: str) -> DeliveryError:
    """The error that a reply to `phase` stands for, other than the one hoped for.

    An enhanced code beats the basic one: it says more and servers rewrite the basic one.
    """
    text = f"{server} answered {phase} with {reply}"
    if reply.code in AUTHENTICATION_CODES and phase in {Phase.SENDER, Phase.DATA}:
        return Unavailable(f"{text}; {sign_in_advice(reply)}")
    if limit_of(reply, phase) is Limit.RATE:
        return RateRefused(text, _named_wait(reply))
    severity = reply.enhanced[0] if reply.enhanced else reply.code // 100
    if severity == 5:
        return _final(reply, phase, text)
    if severity == 4:
        return _temporary(reply, text)
    return Transient(f"{text}, which makes no sense there")


def refusal(reply: SmtpReply, phase: Phase, session: Session, count: int = 1) -> DeliveryError:
    """The error of `count` recipients that a reply refuses together. Raises NothingSent where
    another transaction makes sense."""
    limit = limit_of(reply, phase)
    text = f"{session.server} answered {phase} with {reply}"
    is_late = limit is None and phase is Phase.SENDER and session.mails_sent and reply.code < 500
    if is_late and not _OF_NO_SESSION.match(reply.text) and about_us(reply) is None:
        raise SessionUsedUp(text)  # it may be the session's
    if limit is None or limit is Limit.RATE:
        return verdict(reply, phase, session.server)
    if limit is Limit.RECIPIENTS and count > 1:
        raise TooManyRecipients(text, count)
    if session.mails_sent:
        raise SessionUsedUp(text, limit)
    is_relay = limit is not Limit.RECIPIENTS
    return Transient(text, provider_fault=is_relay, is_certain=is_relay)


def refusal_of_one(reply: SmtpReply, session: Session, *, ends_it: bool) -> DeliveryError:
    """What it means that one recipient is refused. `ends_it`: others were accepted before, and
    none after it."""
    limit = limit_of(reply, Phase.RECIPIENT)
    if ends_it and limit is None and reply.code == _TOO_MANY_RECIPIENTS:
        is_other = _OF_ONE_RECIPIENT.match(reply.text) or about_us(reply) is not None
        limit = None if is_other else Limit.RECIPIENTS
    if limit is Limit.RECIPIENTS:
        return NotYet(f"{session.server} answered {Phase.RECIPIENT} with {reply}")
    return refusal(reply, Phase.RECIPIENT, session)


def _temporary(reply: SmtpReply, text: str) -> Transient:
    kind = about_us(reply)
    _, subject, detail = reply.enhanced or (0, 0, 0)
    # RFC 3463: x.3.n is the mail system's own state, but for x.3.4, a mail too large; x.4.n network
    # and routing. RFC 5321: 421 closes the service.
    is_broken = _RELAY_BROKEN.match(reply.text) is not None
    is_trouble = reply.code == 421 or subject == 4 or (subject == 3 and detail != 4)
    is_greylisted = re.search(GREYLISTED, reply.text.lower()) is not None or (
        reply.code in {450, 451} and reply.enhanced == (4, 7, 1)
    )
    return Transient(
        text if kind is None else f"{text}; {kind}",
        at_least=GREYLIST_WAIT if is_greylisted else None,
        retry_after=_named_wait(reply),
        provider_fault=is_trouble or is_broken or kind is not None,
        is_certain=is_broken or kind not in {None, AboutUs.SENDER},
    )


def _named_wait(reply: SmtpReply) -> timedelta | None:
    """The wait in words such as "try again in 300 seconds", which greylisting servers give."""
    match = _WAIT.search(reply.text)
    if match is None:
        return None
    wait = int(match[1]) * _WAIT_UNITS[match[2][:1].lower()]
    return wait if timedelta(0) < wait <= _LONGEST_NAMED_WAIT else None


def _final(reply: SmtpReply, phase: Phase, text: str) -> Permanent:
    kind, reason = about_us(reply), _REASONS[phase]
    if kind is None:
        is_vague = not says_what_about(reply)
        if is_odd := _not_understood(reply):
            text += ": it does not understand the command"
        # RFC 1870 section 6.1: a mail too large is refused at MAIL, with 552.
        is_large = reply.enhanced[1:] == (3, 4) if reply.enhanced else reply.code == 552
        if is_odd or (phase is Phase.SENDER and is_large):
            return Permanent(text, reason=FailureReason.CONTENT_REFUSED, is_vague=is_vague)
        if phase is not Phase.SENDER:
            return Permanent(text, reason=reason, is_vague=is_vague)
        kind = AboutUs.SENDER
    return Permanent(
        f"{text}; {kind}",
        reason=FailureReason.SENDER_REFUSED if kind is AboutUs.SENDER else reason,
        provider_fault=True,
        is_certain=kind.is_certain,
    )


def _not_understood(reply: SmtpReply) -> bool:
    if reply.enhanced is None:
        return 500 <= reply.code <= 504 or reply.code == 555  # 555: RFC 5321 4.1.1.11
    return reply.enhanced[1] == 5
