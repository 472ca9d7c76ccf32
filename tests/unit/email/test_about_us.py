"""Whom a refusal is about, in the words of the servers that say it."""

import pytest

from adapters.channels.email.about_us import AboutUs, about_us
from adapters.channels.email.limits import Phase
from adapters.channels.email.smtp_reply import SmtpReply
from adapters.channels.email.verdicts import verdict
from domain.errors import FailureReason, Permanent, Transient, Unavailable

OURS = [
    (550, "5.7.0 The number of messages you can send today has been used up", AboutUs.QUOTA),
    (501, "5.5.4 Helo/Ehlo requires fully qualified domain name", AboutUs.HELO),
    (550, "HELO should be a FQDN or address literal (See RFC 2821 4.1.1.1)", AboutUs.HELO),
    (503, "AUTH first (#5.5.1)", AboutUs.SIGN_IN),
    (503, "5.5.1 Error: send AUTH command first", AboutUs.SIGN_IN),
    (553, "5.7.1 <a@b.example>: Sender address rejected: not logged in", AboutUs.SIGN_IN),
    (550, "Please turn on SMTP Authentication in your mail client.", AboutUs.SIGN_IN),
    (550, "5.4.5 Daily user sending limit exceeded.", AboutUs.QUOTA),
    (550, "5.4.5 Daily user sending quota exceeded. o65sm25351206pga.71 - gsmtp", AboutUs.QUOTA),
    (550, "5.4.6 Sender Hourly Quota Exceeded - [account=a]", AboutUs.QUOTA),
    (
        552,
        "Message would take you over your relay quota of 500 Current quota used: 487",
        AboutUs.QUOTA,
    ),
    (
        554,
        "5.7.1 <a@b.example>: Recipient address rejected: You have exceeded your Outmail quota.",
        AboutUs.QUOTA,
    ),
    (
        550,
        "5.1.90 Your message can't be sent because you've reached your daily limit",
        AboutUs.QUOTA,
    ),
    (554, "5.2.2 submission quota exceeded; STOREDRV.Submission", AboutUs.QUOTA),
    (
        550,
        "Domain a.example has exceeded the max emails per hour (201/200 (100%)) allowed.",
        AboutUs.QUOTA,
    ),
    (550, "User me@a.example has exceeded its 24-hour sending limit", AboutUs.QUOTA),
    (550, "5.7.1 <DATA>: Data command rejected: only 10 messages per day", AboutUs.QUOTA),
    (451, "Authentication failed: Maximum credits exceeded", AboutUs.QUOTA),
    (550, "You have exceeded your messaging limits", AboutUs.QUOTA),
    (554, "Sending is paused for this account.", AboutUs.QUOTA),
    (454, "4.7.0 Throttling failure: Daily message quota exceeded.", AboutUs.QUOTA),
    (
        504,
        "5.5.2 <25aea30808b2>: Helo command rejected: need fully-qualified hostname",
        AboutUs.HELO,
    ),
    (450, "4.7.1 <box>: Helo command rejected: Host not found", AboutUs.HELO),
    (501, "Syntactically invalid HELO argument(s)", AboutUs.HELO),
    (550, "5.7.1 EHLO name does not resolve", AboutUs.HELO),
    (554, "5.7.1 <bob@other.example>: Relay access denied", AboutUs.RELAY),
    (
        550,
        "5.7.1 <bob@other.example>... Relaying denied. Proper authentication required.",
        AboutUs.RELAY,
    ),
    (550, "relay not permitted", AboutUs.RELAY),
    (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", AboutUs.RELAY),
    (553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", AboutUs.RELAY),
    (550, "5.7.64 TenantAttribution; Relay Access Denied", AboutUs.RELAY),
    (554, "5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", AboutUs.CLIENT),
    (550, "5.4.6 Unusual sending activity detected. Please try later", AboutUs.CLIENT),  # Zoho
    (
        554,
        "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        AboutUs.CLIENT,
    ),
    (450, "4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]", AboutUs.CLIENT),
    (550, "5.7.606 Access denied, banned sending IP [192.0.2.1]", AboutUs.CLIENT),
    (550, "5.7.705 Access denied, tenant has exceeded threshold", AboutUs.CLIENT),
    (
        554,
        "Access denied: User `arn:aws:x' is not authorized to perform `ses:SendRawEmail'",
        AboutUs.CLIENT,
    ),
    (550, "authentication required", AboutUs.SIGN_IN),
    (550, "5.7.57 Client not authenticated to send mail.", AboutUs.SIGN_IN),
    (553, "5.7.1 Sorry, you must be authenticated to send from here", AboutUs.SIGN_IN),
    (530, "5.7.0 Authentication required", AboutUs.SIGN_IN),
    (530, "5.7.0 Must issue a STARTTLS command first", AboutUs.TLS),
    (550, "5.7.11 Encryption required", AboutUs.TLS),
    (535, "5.7.8 Error: authentication failed", AboutUs.PASSWORD),
    (553, "5.7.1 <a@b.example>: Sender address rejected: not owned by user shop", AboutUs.SENDER),
    (550, "5.7.60 SMTP; Client does not have permissions to send as this sender", AboutUs.SENDER),
    (554, "Message rejected: Email address is not verified.", AboutUs.SENDER),
    (
        550,
        "5.7.1 Domain sandbox.example is not allowed to send: Free accounts are for test",
        AboutUs.SENDER,
    ),
]

THEIRS = [
    (550, "5.1.1 <bob@other.example>: Recipient address rejected: User unknown in local table"),
    (550, "5.7.1 user not allowed to receive"),
    (552, "5.2.2 mailbox full"),
    (552, "5.2.2 <bob@other.example>: Recipient's mailbox quota exceeded"),
    (552, "5.2.2 The email account that you tried to reach is over quota."),
    (452, "4.2.2 The recipient's inbox is out of storage space"),
    (550, "5.2.1 The user you are trying to contact is receiving mail at a rate that is too high"),
    (550, "5.7.1 RESOLVER.RST.AuthRequired; authentication required"),
    (
        550,
        "5.7.133 authentication required; sender was not authenticated when sending to this group",
    ),
    (552, "5.3.4 Message size exceeds fixed limit"),
    (552, "Message size limit exceeded"),
    (554, "5.4.6 Hop count limit exceeded"),
    (500, "5.5.2 line limit exceeded"),
    (554, "5.7.1 The mail has a URL that is blocked using uribl.example"),
    (554, "5.7.1 Spam message rejected"),
    (554, "5.6.0 no"),
    (550, "5.1.1 <client host rejected@x.example>: no such user"),
    (450, "4.7.1 Client host rejected: Greylisted, try again"),
    (450, "4.2.1 mailbox busy"),
    (451, "4.4.5 Mail system congestion"),
    (550, "no such user"),
    (501, "5.1.3 Bad recipient address syntax"),
    (450, "4.2.0 <bob@other.example>: Recipient address rejected: Greylisted"),
    (550, "5.2.1 The email account that you tried to reach is disabled."),  # Gmail
    (550, "5.2.1 This account has been disabled or discontinued"),  # Yahoo
    (550, "5.1.1 Account has been suspended"),
    (550, "5.7.1 The recipient's account is blocked"),
    (550, "5.7.1 You have been blocked by the recipient"),
    (552, "5.2.2 user over quota"),
    (452, "4.2.2 The recipient's mailbox is over quota"),
    (550, "5.2.2 <bob@other.example>: user is over quota"),
    (550, "Requested action not taken: mailbox unavailable"),
    (451, "4.5.1 The recipient has exceeded their message limit"),  # Yandex
    (552, "5.3.4 Your message exceeded the limit of 25 MB"),
    (552, "5.2.3 Message size limit reached"),
    (550, "5.7.1 Message rejected: the link in it is blocked, 192.0.2.1"),
    (550, "5.7.1 Sending of SPAM is not permitted!"),  # Strato
    (550, "5.7.1 Policy rejection on the target address"),  # Yandex
    (554, "5.7.1 You are not allowed to send to this group"),
    (550, "5.7.1 RESOLVER.RST.NotAuthorized; not authorized"),  # Exchange: a group
    (550, "5.7.1 the message's attachment limit is exceeded"),
    (550, "5.4.1 Recipient address rejected: Access denied"),  # Exchange Online
    (571, "5.7.1 Delivery not authorized, message refused"),
]


@pytest.mark.parametrize(("code", "text", "kind"), OURS)
def test_field_5_14_a_refusal_about_us_is_known_by_its_words(
    code: int, text: str, kind: AboutUs
) -> None:
    assert about_us(SmtpReply(code, text.encode())) is kind


@pytest.mark.parametrize(("code", "text"), THEIRS)
def test_a_refusal_of_a_recipient_or_a_mail_is_not_about_us(code: int, text: str) -> None:
    assert about_us(SmtpReply(code, text.encode())) is None


@pytest.mark.parametrize("phase", [Phase.SENDER, Phase.RECIPIENT, Phase.DATA, Phase.FINAL])
@pytest.mark.parametrize(("code", "text", "kind"), OURS)
def test_what_is_about_us_waits_for_a_verdict_at_any_phase(
    code: int, text: str, kind: AboutUs, phase: Phase
) -> None:
    error = verdict(SmtpReply(code, text.encode()), phase, "relay:25")

    assert isinstance(error, Unavailable | Permanent | Transient)
    assert isinstance(error, Unavailable) or error.provider_fault
    if isinstance(error, Permanent):
        assert error.is_certain is (kind not in {AboutUs.RELAY, AboutUs.SENDER})
        assert str(kind) in str(error)


@pytest.mark.parametrize("phase", [Phase.RECIPIENT, Phase.FINAL])
@pytest.mark.parametrize(("code", "text"), THEIRS)
def test_what_is_about_a_message_is_judged_by_itself(code: int, text: str, phase: Phase) -> None:
    error = verdict(SmtpReply(code, text.encode()), phase, "relay:25")

    assert isinstance(error, Permanent | Transient)
    assert not error.provider_fault or b"4.4.5" in text.encode()  # the relay's own congestion


@pytest.mark.parametrize(
    ("text", "phase", "reason"),
    [
        (
            "504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname",
            "RCPT",
            "recipient",
        ),
        ("554 5.7.1 <b@x.example>: Relay access denied", "RCPT", "recipient"),
        ("550 5.4.5 Daily user sending limit exceeded.", "the mail", "content"),
        ("553 5.7.1 <a@x.example>: Sender address rejected: not owned by user b", "RCPT", "sender"),
        ("554 Message rejected: Email address is not verified.", "the mail", "sender"),
        ("504 5.5.2 unknown parameter", "MAIL", "content"),
        ("552 5.3.4 too large", "MAIL", "content"),
    ],
)
def test_what_comes_alone_has_the_reason_of_what_was_refused(
    text: str, phase: str, reason: str
) -> None:
    error = verdict(SmtpReply(int(text[:3]), text[4:].encode()), Phase(phase), "relay:25")

    assert isinstance(error, Permanent)
    assert error.reason is FailureReason(f"{reason}_refused")


@pytest.mark.parametrize(
    ("reply", "advice"),
    [
        ("530 Must issue a STARTTLS command first", "smtp+starttls://"),
        ("530 5.7.0 Must issue a STARTTLS command first. abc - gsmtp", "smtp+starttls://"),
        ("538 5.7.11 Encryption required", "smtp+starttls://"),
        ("530 5.7.0 Authentication required", "set the user name and password"),
        ("535 5.7.8 authentication failed", "check the user name and password"),
    ],
)
def test_field_5_9_what_the_relay_wants_is_what_the_error_advises(reply: str, advice: str) -> None:
    error = verdict(SmtpReply(int(reply[:3]), reply[4:].encode()), Phase.SENDER, "relay:25")

    assert isinstance(error, Unavailable)
    assert advice in str(error)
    assert reply in str(error)
    assert ("user name" in str(error)) is ("user name" in advice)


def test_field_5_2_a_refused_helo_name_says_which_setting_names_it() -> None:
    text = b"5.5.2 <25aea30808b2>: Helo command rejected: need fully-qualified hostname"

    error = verdict(SmtpReply(504, text), Phase.RECIPIENT, "relay:25")

    assert "DISPATCHER_EMAIL_EHLO" in str(error)
