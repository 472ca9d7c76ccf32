"""Which limit of the relay a refusal is about: rate, connections, session, recipients.

The words are those of Postfix, Exim, OpenSMTPD, Sendmail, Exchange, Gmail, Amazon SES, Stalwart
and of the large providers. Codes alone do not say it: Postfix answers 450 4.7.1 to a client that
is too fast, and most greylisting servers answer 450 4.7.1 too.
"""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Final

from adapters.channels.email.smtp_reply import SmtpReply
from domain.errors import DeliveryError, Throttled, Unavailable

Answers = list[DeliveryError | None]

UNNAMED_WAIT: Final = timedelta(seconds=10)


class Phase(StrEnum):
    """Which command was answered. The value names it in an error."""

    GREETING = "the connection"
    SENDER = "MAIL"
    RECIPIENT = "RCPT"
    DATA = "DATA"
    FINAL = "the mail"


class Limit(StrEnum):
    """The limit that was exceeded. With less of it, or later, the same mail is accepted."""

    RATE = "rate"
    """Mails within a time: send more slowly."""
    SESSION = "session"
    """Mails over one connection: open another."""
    RECIPIENTS = "recipients"
    """Recipients of one mail: send to the rest in a further transaction."""
    CONNECTIONS = "connections"
    """Connections at once, or new ones within a time: keep fewer."""


# 4.7.28 of Gmail, and 4.7.n of Exchange Online: it takes less from this host for a while, as in
# "Server busy".
_RATE_DETAILS: Final = frozenset({28, *range(500, 700)})

# A reply of several lines repeats its enhanced code on each.
_BETWEEN_WORDS = re.compile(rb"(?:\n[245]\.\d{1,3}\.\d{1,3}(?=\s)|\s)+")

_MAIL = rb"(?:mails?|e-?mails?|messages?|msgs?|transactions?|deliveries|requests?)"
_PER_TIME = (
    rb"(?:(?:per|an?|each|every|this|in one|within an?) (?:second|sec|minute|min|hour)s?\b"
    rb"|/ ?(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b)"
)

GREYLISTED: Final = rb"gr[ae]y-?list"
_TABLE: Final = (
    (
        None,
        re.compile(
            GREYLISTED + rb"|"
            rb"\b(?:user|recipient|mailbox|account|address)\b[^.;]{0,60}"
            rb"\breceiv(?:ing|ed) (?:mail|e-?mails?|messages?|too)"
            rb"|too many " + _MAIL + rb" (?:for|to) th(?:is|e) (?:recipient|user|mailbox)"
            rb"|\brecipient (?:has |is )?(?:exceed|over)"
        ),
    ),
    (
        Limit.SESSION,
        re.compile(
            _MAIL + rb" (?:\([^)]*\) )?(?:sent )?(?:in|on|per|over|for|during|within) "
            rb"(?:this |one |a |the |a single |single |same )?(?:smtp )?(?:session|connection)"
            rb"|(?:session|connection)(?:'s)? (?:(?:message|mail) (?:count|limit|quota)|quota)"
            rb"|too many (?:smtp |mail )?transactions\b(?! " + _PER_TIME + rb")"
            rb"|" + _MAIL + rb"[^.;]{0,40} per (?:smtp )?(?:session|connection)\b"
            rb"|batch limit reached"
            rb"|too many recipients: too many messages sent"
            rb"|^4\.5\.3 too many " + _MAIL + rb"\b(?! " + _PER_TIME + rb")"
            rb"|" + _MAIL + rb" (?:count|limit|quota)[^.;]{0,30}"
            rb" (?:in|on|per|over|for|of) (?:this |the |an? |each )?(?:session|connection)"
            rb"|(?<!concurrent )(?<!simultaneous )\bsession(?:'s)? limit"
            rb"|(?<!daily )(?<!hourly )(?<!monthly )\btransactions? limit"
            rb"|(?:open|use|start|make|try|with|on|over) (?:a new|another|a fresh|a different)"
            rb" (?:smtp )?(?:session|connection)"
        ),
    ),
    (
        Limit.CONNECTIONS,
        re.compile(
            rb"too many (?:[a-z-]+ ){0,4}(?:connections?|sessions|connects|connection attempts)\b"
            rb"|too many auth commands"
            rb"|concurren(?:t|cy) (?:[a-z]+ ){0,3}limit"
            rb"|maximum (?:number of )?(?:concurrent|simultaneous|open) (?:[a-z]+ ){0,3}"
            rb"(?:connection|session)"
            rb"|(?:connections?|sender thread)s? (?:count |rate |frequency |number )?"
            rb"(?:limit|limited\b|exceeded)"
            rb"|(?:max|maximum)(?: number of)? (?:smtp )?connections"
            rb"|trop de connexions"
        ),
    ),
)
_RECIPIENTS = re.compile(
    rb"too many (?:recipients|rcpts|rcpt to|rcpt commands|addresses)\b"
    rb"|(?:no more than|at most|only|max(?:imum)?(?: of)?) \d+ (?:recipients|rcpts?)\b"
    rb"(?! ?(?:" + _PER_TIME + rb"|per day|a day|daily|today))"
    rb"|(?:recipients?|rcpt) (?:count |number )?(?:limit|exceed)"
    rb"|maximum (?:number of )?recipients"
    rb"|multiple destination domains per transaction"
    rb"|recipient in a separate transaction"
)
_RECIPIENTS_IN_TIME = re.compile(
    rb"too many (?:recipients|rcpts) (?:from\b|received|sent|" + _PER_TIME + rb")"
    rb"|recipients? rate"
)
_RATE = re.compile(
    rb"rate[ -]?limit"
    rb"|(?:sending|submission|delivery|message|mail|recipients?|sender) rate\b"
    rb"|(?:too many )?" + _MAIL + rb" ?" + _PER_TIME
)
_TEMPORARY_RATE = re.compile(
    rb"throttl(?:ed|ing)\b"
    rb"|too (?:many " + _MAIL + rb"|much mail|fast|quickly|frequent|frequently)\b|slow(?:ing)? down"
    rb"|too many recipients (?:from\b|received|sent|" + _PER_TIME + rb")"
    rb"|unusual rate|(?:unexpected|excessive|high) volume"
    rb"|(?:relay|hourly|frequency) limit|frequency limited|limit " + _PER_TIME
)
# No mail has gone over a connection that is greeted: its words are about how many there are.
_AT_ONCE = re.compile(rb"\b(?:concurren(?:t|cy)|simultaneous)")
_QUOTA = re.compile(rb"\bdaily\b|\bper day\b|\ba day\b|\btoday\b|\b24[ -]?h|credits|quota")


def limit_of(reply: SmtpReply, phase: Phase) -> Limit | None:
    """Return which limit a refusal is about; None where it is about something else.

    None as well for greylisting, for what one recipient may receive, and for the quota of a day,
    which no slower pace can keep to.
    """
    if not 400 <= reply.code <= 599:
        return None
    text = plain(reply)
    for limit, pattern in _TABLE:
        if pattern.search(text):
            is_at_once = phase is Phase.GREETING or _AT_ONCE.search(text)
            return Limit.CONNECTIONS if limit is Limit.SESSION and is_at_once else limit
    if _is_rate(reply, text):
        return Limit.RATE
    return Limit.RECIPIENTS if _is_about_recipients(reply, text, phase) else None


def plain(reply: SmtpReply) -> bytes:
    """The words in lower case, on one line."""
    return _BETWEEN_WORDS.sub(b" ", reply.text).lower()


def _is_rate(reply: SmtpReply, text: bytes) -> bool:
    is_temporary = reply.code < 500
    _, subject, detail = reply.enhanced or (0, 0, 0)
    if is_temporary and subject == 7 and detail in _RATE_DETAILS:
        return True
    if _QUOTA.search(text) and not re.search(_PER_TIME, text):
        return False
    if _RECIPIENTS_IN_TIME.search(text):
        return is_temporary
    if _RATE.search(text):
        # 5xx for "25 mails an hour" means the hour's are used up: no pace helps for a while.
        return is_temporary or b"hour" not in text
    return is_temporary and _TEMPORARY_RATE.search(text) is not None


def _is_about_recipients(reply: SmtpReply, text: bytes, phase: Phase) -> bool:
    if phase in {Phase.GREETING, Phase.SENDER}:
        return False
    enhanced = reply.enhanced
    if phase is Phase.RECIPIENT and enhanced is None and reply.code == 552:
        return b"too many" in text  # RFC 5321 4.5.3.1.10: to be read as 452
    is_named = enhanced is not None and enhanced[1:] == (5, 3)  # RFC 3463
    return is_named or _RECIPIENTS.search(text) is not None


class RateRefused(Throttled):
    """The relay refused a mail because it gets too many in the time. Nothing is wrong with it.
    `named`: the wait in the reply's words, if any."""

    def __init__(self, message: str, named: timedelta | None = None) -> None:
        super().__init__(message, retry_after=named or UNNAMED_WAIT)
        self.named = named


class Crowded(Unavailable):
    """The relay serves as many connections as it can, ours or others'. One may end any moment."""


class NothingSent(Exception):
    """Nothing was sent; another transaction may succeed. `limit`: the one that the server named."""

    def __init__(self, text: str, limit: Limit | None = None) -> None:
        super().__init__(text)
        self.limit = limit


class LostBeforePayload(NothingSent):
    """The connection ended before any of the mail had left.

    `answers` has the refusal of each recipient that was refused by then, and is empty if the server
    took its leave before it was asked anything. `accepted` are the places of those accepted.
    """

    def __init__(
        self, text: str, answers: Answers, accepted: frozenset[int], limit: Limit | None
    ) -> None:
        super().__init__(text, limit)
        self.answers = answers
        self.accepted = accepted


class SessionUsedUp(NothingSent):
    """The server takes no more mails over this connection, which has served before."""


class PipeliningBroken(NothingSent):
    """Of commands sent together only the first were answered: the server waits as we do, or has
    closed a new connection."""


class OutOfLine(NothingSent):
    """Commands that were sent before the answer to another mail, over the same connection, came to
    nothing: that answer has not come, or the server does not take commands so early."""


class TooManyRecipients(NothingSent):
    """The server refused the mail because it has so many recipients: `count`, more than one."""

    def __init__(self, text: str, count: int) -> None:
        super().__init__(text, Limit.RECIPIENTS)
        self.count = count
