"""Refusals that are about us, our account or our host, rather than about a mail or a recipient.

Codes first: those of the registry of RFC 5248
(https://www.iana.org/assignments/smtp-enhanced-status-codes), and those that Exchange Online adds
(https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online).
Then words, each with the server that says them.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from adapters.channels.email.limits import plain
from adapters.channels.email.refusal_words import (
    ABOUT_THE_RECIPIENT,
    DONE,
    OTHER_LIMITS,
    SAYS_WHAT,
    SENDING,
    SHUT,
    pattern,
)
from adapters.channels.email.smtp_reply import SmtpReply

_URL = "DISPATCHER_EMAIL_URL"


class AboutUs(StrEnum):
    """What about us is refused. The value is the advice."""

    TLS = f"the relay wants TLS: write smtp+starttls:// in {_URL}"
    SIGN_IN = f"the relay wants us to sign in: set the user name and password in {_URL}"
    PASSWORD = f"check the user name and password in {_URL}"
    HELO = "set DISPATCHER_EMAIL_EHLO to a full host name that the relay accepts"
    CLIENT = "the relay blocks this host or account: ask the relay's operator"
    QUOTA = "our sending limit is used up: wait, or have it raised"
    RELAY = f"the relay forwards no mail for us: check {_URL}, and whom the relay forwards for"
    SENDER = "check the sender's address, and what the relay lets us send as"

    @property
    def is_certain(self) -> bool:
        """Whether the words name us; the others may as well be about one sender or domain."""
        return self not in {AboutUs.RELAY, AboutUs.SENDER}


# Severity left off. Where a code has several meanings the words decide.
_CODES: Final = {
    # x.7.n of Exchange Online: banned senders, addresses and tenants.
    **{(7, n): AboutUs.CLIENT for n in (*range(501, 513), *range(606, 650), 705, 708, 750)},
    **{(7, n): AboutUs.QUOTA for n in (232, 233, 236)},  # Exchange Online: limits of a tenant
    (1, 90): AboutUs.QUOTA,  # Exchange Online: daily limit of message recipients
    (4, 5): AboutUs.QUOTA,  # Gmail: https://support.google.com/a/answer/3726730
    (7, 8): AboutUs.PASSWORD,  # RFC 4954
    (7, 9): AboutUs.PASSWORD,  # RFC 4954: mechanism too weak
    (7, 10): AboutUs.TLS,  # RFC 5248: encryption needed
    (7, 13): AboutUs.CLIENT,  # RFC 5248: user account disabled
    (7, 11): AboutUs.TLS,  # RFC 4954
    (7, 25): AboutUs.CLIENT,  # RFC 7372: reverse DNS
    (7, 57): AboutUs.SIGN_IN,  # Exchange: not authenticated to send anonymous mail
    (7, 60): AboutUs.SENDER,  # Exchange: may not send as this sender
    (7, 64): AboutUs.RELAY,  # Exchange Online: TenantAttribution
    (7, 139): AboutUs.PASSWORD,  # Exchange Online
}


_TABLE: Final[Mapping[AboutUs, tuple[re.Pattern[bytes], ...]]] = {
    # What it is, its words, and the words that make it something else.
    AboutUs.TLS: (
        pattern(
            rb"must issue a? ?starttls",  # RFC 3207; Postfix, Gmail, Sendmail
            rb"(?:starttls|tls|encryption|secure connection)[^.;]{0,30}\b(?:required|needed|first)",
            rb"(?:require|need)s?[^.;]{0,20}\b(?:starttls|tls|encryption)",
        ),
    ),
    AboutUs.QUOTA: (
        pattern(
            # Gmail, Exchange, Zoho, Outmail, hosters
            SENDING + rb"[^.;]{0,40}\b(?:quota|limits?|allowance)\b[^.;]{0,40}" + DONE,
            rb"(?:exceed|reach|exhaust|used up|take you over|over)(?:ed|s|ing)?\b[^.;]{0,30}"
            + SENDING
            + rb"[^.;]{0,40}\b(?:quota|limits?|allowance|per (?:hour|day|month))",
            rb"exceeded the max(?:imum)? (?:e-?mails|defers)",  # cPanel's Exim
            rb"maximum credits exceeded|exceeded your messaging limits",  # SendGrid
            rb"number (?:of )?(?:messages|recipients) per (?:hour|day) exceeded",  # postfwd
            rb"only \d+ (?:messages|e?mails|recipients) (?:per|a) (?:hour|day)",  # Postfix policies
            rb"(?:messages|mails|recipients)[^.;]{0,30}\b(?:today|per day|a day|per month)\b"
            rb"[^.;]{0,30}(?:exceed|reach|used|exhaust)",
            rb"sending (?:(?:is|are|was|has|have|been|privileges|[a-z]+ly) ){0,3}"
            rb"(?:paused|suspended|disabled|blocked)",  # Amazon SES, Zoho
            # Mailtrap, GMX and IONOS
            rb"\b(?:e-?mail|mail|message|recipient|plan|account|hour|send) ?-?limit\b[^.;]{0,40}"
            + DONE,
            rb"(?:exceed|reach)(?:ed|s)?\b[^.;]{0,20}\b(?:e-?mail|message|plan|hour|account)(?:'s)?"
            rb" (?:limit|quota)|limit of (?:your|the) (?:plan|account)",
            rb"upgrade your (?:plan|account)|trial [^.;]{0,20}(?:expired|ended|over\b)",
            rb"(?:no|out of|not enough|insufficient)(?: [a-z-]+)? credits?\b(?! card)",
            # policyd and iRedAPD; what the policy (x.7.n) limits is sending
            rb"policy rejection\b.{0,60}quota exceeded|quota exceeded \(number of",
            rb"^[45]\.7\.\d+ .{0,120}\bquota (?:is |has been )?(?:exceeded|reached|exhausted)",
            rb"submission ?quota ?exceed|frequency (?:is |has been )?limited",  # Exchange, QQ
            rb"too many (?:messages|e-?mails|mails)\b(?! (?:for|to|in) th)",  # OVH, in a 5xx
        ),
        OTHER_LIMITS,
    ),
    AboutUs.HELO: (
        pattern(
            rb"helo command rejected",  # Postfix
            rb"\b(?:helo|ehlo)\b[^.;]{0,40}(?:reject|refus|denied|mismatch|forged|bogus|invalid"
            rb"|unknown|not (?:an? )?(?:valid|allowed|accept|found|fully|fqdn|resolv|legal)"
            rb"|does(?: not|n't)|unresolv|(?:must|should) be|requires|with an? (?:valid|full))",
            rb"(?:invalid|bad|bogus|forged|unacceptable|fully[- ]qualified|unknown) (?:helo|ehlo)",
        ),
    ),
    AboutUs.SENDER: (
        pattern(
            rb"sender (?:address |domain )?(?:rejected|refused|denied|not allowed|blocked|invalid)",
            rb"not owned by user|sender login mismatch",  # Postfix
            rb"send as this sender|sendasdenied|bad outbound sender|banned sender\b",  # Exchange
            rb"sender verif(?:y|ication) failed",  # Exim
            rb"meet the required authentication level",  # Outlook.com
            rb"address is not verified|from (?:address|domain)[^.;]{0,60}"
            rb"(?:not (?:verified|allowed|authori[sz]ed|match)|does not match)",  # SES, SendGrid
            rb"domain (?:\S+ )?is (?:not allowed to send|disabled)",  # Mailgun
            rb"unconfigured sending domain|is not one of your addresses",  # SparkPost, iCloud
            rb"(?:not (?:allowed|permitted|authori[sz]ed)|no permissions?) to (?:send|use)"
            rb"[^.;]{0,30}\b(?:as|from|sender|this address)\b",
        ),
        pattern(rb"not logged in"),  # Postfix: reject_unauthenticated_sender_login_mismatch
    ),
    AboutUs.RELAY: (
        pattern(
            # Postfix, Sendmail, Domino, CommuniGate, Zoho
            rb"relay(?:ing)?(?: access| operation| mail)?(?: (?:to|for|from) \S+)? (?:is |was )?"
            rb"(?:denied|prohibited|rejected|refused|disallowed|forbidden|disabled|blocked)",
            rb"relay(?:ing)?(?: mail)?(?: (?:to|for|from) \S+)? (?:is )?"
            rb"not (?:permitted|allowed|authori[sz]ed)",  # Exim, qmail
            rb"invalid credentials for relay",  # Google Workspace
            rb"(?:unable|not (?:permitted|allowed|authori[sz]ed|configured)|refus\w+) to relay",
            rb"(?:do(?:es)? not|cannot|we don't) relay|no relay(?:ing)?\b|not an? (?:open )?relay",
            rb"allowed to be relayed",
            rb"isn't in my list of allowed rcpthosts|not in my rcpthosts",  # qmail
        ),
    ),
    AboutUs.SIGN_IN: (
        pattern(
            rb"auth(?:entication)? (?:is )?(?:required|needed)",  # Exim, Postfix, Exchange
            rb"(?:must|need to|have to) (?:first |be )*(?:authenticat|log(?:ged)? ?in|sign ?in)",
            rb"(?:not|wasn't|isn't) (?:properly )?authenticated",
            rb"please (?:authenticate|log ?in)|(?:authenticate|log ?in) first|login required",
            rb"\bauth\w*(?: command)? (?:must|should|has to|needs to) be (?:\S+ )?(?:first|before)",
            rb"(?:requires|needs) (?:smtp )?auth(?:entication)?\b",
            rb"\bauth(?: command)? first\b|not logged in",  # qmail, Postfix
            rb"turn on smtp auth",  # cPanel's Exim
        ),
    ),
    AboutUs.CLIENT: (
        pattern(
            rb"client host (?:\S+ )?(?:rejected|blocked)",  # Postfix
            rb"access denied[^.;]{0,30}\b(?:ip|host)\b",
            rb"blocked using|block ?list|black ?list|\bdns-?[bw]l\b|\brbl\b|spamhaus|spamcop",
            rb"\bblocked\b[^;]{0,80}(?:\bip=|ipcheck|\b\d{1,3}(?:\.\d{1,3}){3}\b)",  # Proofpoint
            rb"(?:(?:your|sending|client|source) (?:host|server|mta)|\bip)\b[^;]{0,80}"
            rb"(?:block|denied|reject|refus|banned|listed|unauthori[sz]ed"
            rb"|not (?:allowed|authori[sz]ed|permitted|accepted|registered))",
            rb"unauthori[sz]ed ip\b|spam ip\b|banned sending ip",  # Brevo, QQ, Exchange Online
            # After an address, not after an enhanced code.
            rb"(?:(?:\.\d{1,3}){3}|(?::[\da-f]{0,4}){2,7})[\])]? (?:will be|is|was|has been)? ?"
            rb"(?:permanently |temporarily )?"
            rb"(?:deferred|blocked|banned|block-?listed)",  # Yahoo
            rb"connections? [^.;]{0,20}not (?:be )?accepted from",  # AT&T, Yahoo
            rb"not allowed to connect",
            rb"(?:poor|bad|low) reputation|reputation of (?:the|your) (?:sending )?ip",  # Cisco
            rb"reverse (?:dns|hostname|lookup)|\bptr\b|cannot find your (?:reverse )?hostname",
            rb"not authori[sz]ed to (?:perform|send mail)",  # Amazon SES, SendGrid
            rb"(?:unusual|suspicious) (?:sending |account |outgoing )?activity",  # Zoho
            rb"outgoing (?:mail |e-?mail )?(?:is |has been )?blocked",  # Zoho
            rb"\byour (?:[a-z0-9]+ ){0,3}account\b[^.;]{0,60}\b" + SHUT,  # Amazon SES, OVH
            rb"\baccount(?: for)?(?: \S+)? (?:is |was |has been )?(?:[a-z]+ly |been )?"
            rb"(?:paused|suspended|disabled|blocked|locked|banned|restricted|frozen"
            rb"|on (?:hold|probation)|under review)",
            rb"\baccount\b[^.;]{0,30}\b(?:not (?:yet )?(?:been )?(?:activated|active|approved"
            rb"|enabled|verified|allowed|authori[sz]ed)|pending approval)",  # Brevo, Mailgun
            rb"(?:activate|verify|confirm) your [^.;]{0,20}account",
        ),
        # A block list of links is about what the mail says.
        pattern(
            rb"\burls?\b|\buris?\b|\blinks?\b|\bbody\b|\bcontent\b|uribl|surbl",
            rb"^[45]\.(?:1\.[0-6]|2\.\d{1,3}) |delivery error|user unknown",
            rb"(?:invalid|local) mailbox|attachment|(?:user|mailbox)(?:'s)? account",
            rb"you (?:tried|are trying) to reach",
        ),
    ),
}

# What stands there is the message's, not the relay's word.
_ADDRESS = re.compile(rb"<[^<>]{0,320}>|\S{1,320}@[\w.-]+")

AUTHENTICATION_CODES: Final = frozenset({530, 534, 535, 538})  # RFC 4954 section 6
_WANTS_AUTHENTICATION = 530
_WANTS_ENCRYPTION = 538


def about_us(reply: SmtpReply) -> AboutUs | None:
    """Return what about us `reply` refuses; None where it says nothing of the kind."""
    text = _words(reply)
    if ABOUT_THE_RECIPIENT.search(text):
        return None
    if reply.code in AUTHENTICATION_CODES:
        return sign_in_advice(reply)
    _, subject, detail = reply.enhanced or (0, 0, 0)
    # 4.4.5 is RFC 3463's congestion of the relay, which no quota is.
    is_congestion = (subject, detail, reply.code // 100) == (4, 5, 4)
    kind = None if is_congestion else _CODES.get((subject, detail))
    return kind or _by_words(text)


def sign_in_advice(reply: SmtpReply) -> AboutUs:
    """What to do about a refusal that has to do with signing in."""
    if reply.code == _WANTS_ENCRYPTION or _by_words(_words(reply)) is AboutUs.TLS:
        return AboutUs.TLS
    return AboutUs.SIGN_IN if reply.code == _WANTS_AUTHENTICATION else AboutUs.PASSWORD


def says_what_about(reply: SmtpReply) -> bool:
    """Whether a refusal speaks of a recipient or of the mail. Others may be about us, in words that
    we do not know."""
    _, subject, detail = reply.enhanced or (0, 0, 0)
    # RFC 3463: x.1 is an address, x.2 a mailbox, x.6 the content, x.3.4 the size.
    is_coded = subject in {1, 2, 6} or (subject, detail) == (3, 4)
    return is_coded or SAYS_WHAT.search(_words(reply)) is not None


def _words(reply: SmtpReply) -> bytes:
    return _ADDRESS.sub(b"<>", plain(reply))


def _by_words(text: bytes) -> AboutUs | None:
    for kind, (words, *others) in _TABLE.items():
        if words.search(text) and not any(other.search(text) for other in others):
            return kind
    return None
