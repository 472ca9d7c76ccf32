"""Refusals of one mail, one recipient or one connection, in words that look like more."""

import pytest

from adapters.channels.email.about_us import AboutUs, about_us
from adapters.channels.email.limits import Limit, Phase, limit_of
from adapters.channels.email.smtp_reply import SmtpReply


def reply(text: str) -> SmtpReply:
    return SmtpReply(int(text[:3]), text[4:].encode())


@pytest.mark.parametrize(
    "text",
    [
        "554 5.7.1 Blocked as spam",
        "550 5.7.1 Blocked: message looks like spam",
        "552 5.7.0 Message contains 1 blocked attachment",
        "550 Message id 12345 blocked by policy",
        "552 5.2.2 User has exceeded account quota",
        "552 5.2.2 account limit reached",
        "552 5.2.2 Account has too many messages",
        "452 4.2.2 user has exceeded his account quota",
        "552 5.3.4 message limit exceeded",
        "550 account closed",
        "550 Account expired",
        "550 5.0.0 account inactive",
        "550 5.2.0 Account closed",
        "550 5.1.0 <a@b.example> account has been closed",
        "550 RCPT TO:<a@b.example> User unknown, account is closed",
        "550 mail not accepted from domain shop.example",
        "550 5.7.1 message rejected, no credit card data allowed",
        "550 invalid mailbox. Local mailbox a@b.example is unavailable: account is disabled",
        "554 delivery error: dd This account has been disabled or discontinued",
    ],
)
def test_field_5_1_a_refusal_of_a_mail_or_a_recipient_is_not_about_us(text: str) -> None:
    assert about_us(reply(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "550 Your sending IP [192.0.2.4] is blocked",
        "550 5.7.1 sending host is blocked",
        "421 4.7.0 192.0.2.4 temporarily deferred",
        "554 5.7.1 [192.0.2.4] has been blocked",
        "554 5.7.1 2001:db8::1 is blocked",
    ],
)
def test_field_5_14_a_blocked_host_is_no_used_up_quota(text: str) -> None:
    assert about_us(reply(text)) is AboutUs.CLIENT


@pytest.mark.parametrize(
    ("text", "phase", "limit"),
    [
        ("421 4.7.0 Concurrent SMTP session limit exceeded", Phase.GREETING, Limit.CONNECTIONS),
        (
            "421 4.3.2 Too many connections, try another connection later",
            Phase.GREETING,
            Limit.CONNECTIONS,
        ),
        (
            "421 Too many concurrent sessions: session limit is 10",
            Phase.SENDER,
            Limit.CONNECTIONS,
        ),
        ("550 Daily transaction limit exceeded", Phase.SENDER, None),
        ("452 4.3.1 Message limit exceeded for this session", Phase.SENDER, Limit.SESSION),
    ],
)
def test_field_5_12_too_many_connections_are_no_used_up_session(
    text: str, phase: Phase, limit: Limit | None
) -> None:
    assert limit_of(reply(text), phase) is limit
