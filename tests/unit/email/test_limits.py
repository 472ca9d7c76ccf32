"""Which limit a refusal is about, in the words of the servers that are out there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.limits import Limit, Phase, limit_of
from adapters.channels.email.smtp_reply import SmtpReply

S, R, D, F, G = Phase.SENDER, Phase.RECIPIENT, Phase.DATA, Phase.FINAL, Phase.GREETING

RATE = [
    (450, "requests per second limit exceeded", (S, F)),
    (429, "Too many requests", (S,)),
    (421, "4.7.0 You exceeded your rate. Sending limit: 14 mails/second", (S,)),
    (454, "Throttling failure: Maximum sending rate exceeded.", (D, F)),  # Amazon SES
    (450, "4.7.1 Error: too much mail from 192.0.2.1", (S,)),  # Postfix
    (450, "4.7.1 Error: too many recipients from 192.0.2.1", (R,)),  # Postfix
    (421, "4.7.0 Error: message rate limit exceeded", (S, R, D, F)),
    (421, "4.4.2 Message submission rate for this client has exceeded the configured limit", (S,)),
    (451, "4.4.5 Rate limit exceeded, try again later.", (S, R)),  # Stalwart
    (450, "4.7.1 rate limited, try again later", (S, R, D, F)),
    (452, "4.5.3 Too many messages per minute", (S,)),
    (451, "4.7.1 Ratelimit 'user' exceeded", (F,)),  # Rspamd
    (451, "4.7.1 too many messages, slow down", (S, F)),
    (450, "4.2.1 Peak SMTP relay limit exceeded for customer.", (F,)),  # Google's relay
    (452, "4.2.1 you are sending mail at a rate that prevents it; sending rate too high", (F,)),
    (421, "4.7.28 Our system has detected an unusual rate of\n4.7.28 unsolicited mail", (F,)),
    (421, "4.7.0 [TSS04] Messages deferred due to unexpected volume", (S,)),  # Yahoo
    (452, "Too many recipients received this hour (throttled)", (R,)),
    (550, "5.7.0 Requested action not taken: too many emails per second", (D, F)),  # Mailtrap
    (550, "5.7.1 Message rate limit exceeded for this account", (F,)),
    (451, "4.7.651 The mail server has been temporarily rate limited", (S,)),  # Outlook
    (451, "4.3.0 quota of 100 messages per minute reached", (S,)),
    (451, "4.7.500 Server busy. Please try again later from [192.0.2.1].", (S, R, F)),  # Exchange
    (451, "4.7.501 Server busy. Please try again later", (S, F)),
    (421, "4.7.500 Server busy", (S, F)),
    (450, "4.7.550 Access denied, please try again later", (S,)),
]
CONNECTIONS = [
    (421, "4.7.0 mail.example Error: too many connections from 192.0.2.1", (G, S)),  # Postfix
    (421, "mail.example: Too many concurrent SMTP connections; please try again later.", (G,)),
    (421, "Too many concurrent SMTP connections from this IP address; try again later.", (G,)),
    (432, "4.3.2 Concurrent connections limit exceeded", (F,)),  # Exchange Online
    (432, "4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", (F,)),
    (421, "4.3.2 The maximum number of concurrent connections has exceeded a limit", (G,)),
    (421, "4.3.2 The maximum number of concurrent server connections has exceeded a limit", (G,)),
    (421, "4.3.2 concurrent session limit exceeded", (G,)),
    (421, "4.3.2 Connection rate limit exceeded.", (G, S)),  # Sendmail
    (421, "4.3.2 Too many open connections.", (G,)),  # Sendmail
    (421, "Connection refused, too many sessions from 192.0.2.1", (G,)),  # GoDaddy
    (421, "4.4.5 Service unavailable, concurrency limit reached", (G,)),  # Momentum
    (421, "4.7.0 Error: too many new TLS sessions from 192.0.2.1", (G,)),
    (421, "4.7.0 too many AUTH commands from 192.0.2.1", (G,)),
    (550, "Too many connections, try later", (G,)),
    (421, "4.7.0 Trop de connexions, veuillez verifier votre configuration", (G,)),
]
SESSION = [
    (452, "4.3.2 too many transactions", (S,)),
    (450, "4.7.1 connection's message quota exceeded, open a new connection", (S,)),
    (552, "Session quota exceeded", (S,)),
    (452, "4.4.5 Maximum number of messages per session exceeded.", (S, D)),  # Stalwart
    (451, "4.4.5 Maximum number of messages per session exceeded.", (D,)),
    (550, "5.5.0 too many messages in this session", (S,)),
    (421, "too many messages in this connection", (S,)),  # Exim, Amazon SES
    (452, "4.5.3 Too many recipients: Too many messages sent", (S,)),  # OpenSMTPD
    (452, "4.5.3 Service unavailable, batch limit reached", (S,)),  # Momentum
    (421, "4.7.0 Too many emails per connection", (S,)),
    (421, "4.3.2 Maximum number of messages for this session reached", (S, F)),
    (452, "4.3.1 Message limit exceeded for this session", (S,)),
    (450, "4.5.0 Session limit exceeded", (S,)),
    (452, "4.5.3 Too many messages, please open a new connection", (S, F)),
    (452, "4.5.3 Too many messages", (S,)),
    (451, "Requested action aborted\nMails per session limit", (S, D)),  # IONOS
    (451, "4.3.0 please try again over another connection", (S,)),
    (452, "4.3.2 transaction limit reached", (S,)),
]
RECIPIENTS = [
    (452, "4.3.0 no more than 50 recipients please", (R,)),
    (451, "4.7.1 too many RCPT commands in one transaction", (R,)),
    (550, "max 50 recipients per message", (R,)),
    (452, "4.5.3 Error: too many recipients", (R, D, F)),  # Postfix
    (452, "too many recipients", (R,)),
    (552, "too many recipients", (R,)),
    (552, "too many", (R,)),
    (550, "5.5.3 recipients", (R, F)),
    (452, "4.5.3 Your message has too many recipients.", (F,)),  # Gmail
    (452, "4.5.3 Domain policy size exceeded, try this recipient in a separate transaction.", (R,)),
    (451, "4.3.0 Multiple destination domains per transaction is unsupported.", (R,)),
    (452, "4.3.2 maximum number of recipients reached", (R,)),
]  # fmt: skip
OTHER = [
    (450, "4.2.1 The user you are trying to contact is receiving\n4.2.1 mail at a rate that", (R,)),
    (450, "4.2.1 The user you are trying to contact is receiving mail too quickly.", (R,)),
    (450, "4.2.1 Too many messages for this recipient at the moment", (R,)),
    (451, "4.5.1 The recipient has exceeded message rate limit. Try again later.", (R,)),  # Yandex
    (450, "4.2.0 Greylisted: message rate of new senders is limited", (R,)),
    (451, "4.7.1 Greylisting in action, please come back later", (R,)),
    (451, "4.7.1 Try again later", (R,)),
    (450, "4.7.1 Client host rejected: cannot find your hostname", (R,)),
    (454, "Throttling failure: Daily message quota exceeded.", (F,)),
    (550, "5.4.5 Daily user sending limit exceeded.", (F,)),
    (550, "5.7.1 Daily SMTP relay limit exceeded for customer.", (F,)),
    (550, "Domain example.com has exceeded the max emails per hour (25/25 (100%)) allowed.", (R,)),
    (550, "5.2.254 Sender throttled due to continuous too many recipients errors.", (S,)),
    (421, "4.7.66 TLS 1.0 and 1.1 are not supported.", (G, S)),
    (421, "4.4.5 Server busy, try again later.", (G, S)),
    (421, "4.7.0 Error: too many errors", (R,)),
    (454, "4.7.0 Too many login attempts, please try again later.", (G,)),
    (452, "4.2.2 The email account that you tried to reach is over quota.", (R,)),
    (452, "4.3.1 Insufficient system storage", (S, F)),
    (550, "5.1.1 no such user", (R,)),
    (554, "5.7.1 Relay access denied", (R,)),
    (554, "5.6.0 Message contains moderate spam", (F,)),
    (550, "5.7.1 we take no messages as old as a second ago", (F,)),
    (250, "2.0.0 rate limit not reached", (F,)),
    (354, "too many messages in this session", (D,)),
]  # fmt: skip


def _cases(table: list[tuple[int, str, tuple[Phase, ...]]]) -> list[tuple[int, str, Phase]]:
    return [(code, text, phase) for code, text, phases in table for phase in phases]


@pytest.mark.parametrize(("code", "text", "phase"), _cases(RATE))
def test_a_throttle_is_a_rate_limit(code: int, text: str, phase: Phase) -> None:
    assert limit_of(SmtpReply(code, text.encode()), phase) is Limit.RATE


@pytest.mark.parametrize(("code", "text", "phase"), _cases(CONNECTIONS))
def test_too_many_connections_are_a_limit_of_their_own(code: int, text: str, phase: Phase) -> None:
    assert limit_of(SmtpReply(code, text.encode()), phase) is Limit.CONNECTIONS


@pytest.mark.parametrize(("code", "text", "phase"), _cases(SESSION))
def test_a_used_up_session_is_a_limit_of_its_own(code: int, text: str, phase: Phase) -> None:
    assert limit_of(SmtpReply(code, text.encode()), phase) is Limit.SESSION


@pytest.mark.parametrize(("code", "text", "phase"), _cases(RECIPIENTS))
def test_too_many_recipients_are_a_limit_of_their_own(code: int, text: str, phase: Phase) -> None:
    assert limit_of(SmtpReply(code, text.encode()), phase) is Limit.RECIPIENTS


@pytest.mark.parametrize(("code", "text", "phase"), _cases(OTHER))
def test_what_is_about_something_else_is_no_limit(code: int, text: str, phase: Phase) -> None:
    assert limit_of(SmtpReply(code, text.encode()), phase) is None


@given(st.integers(200, 599), st.binary(max_size=300), st.sampled_from(Phase))
def test_any_reply_is_judged(code: int, text: bytes, phase: Phase) -> None:
    limit = limit_of(SmtpReply(code, text), phase)

    assert limit is None or code >= 400


@given(st.sampled_from(_cases(RATE + CONNECTIONS + SESSION + RECIPIENTS)))
def test_the_case_of_letters_does_not_matter(case: tuple[int, str, Phase]) -> None:
    code, text, phase = case

    expected = limit_of(SmtpReply(code, text.encode()), phase)

    assert limit_of(SmtpReply(code, text.upper().encode()), phase) is expected
