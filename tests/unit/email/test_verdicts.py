"""What a refusal means beyond its code: the wait it names, and whose fault it is."""

from datetime import timedelta

import pytest

from adapters.channels.email.about_us import AboutUs
from adapters.channels.email.limits import Phase
from adapters.channels.email.smtp_reply import SmtpReply
from adapters.channels.email.verdicts import verdict
from domain.errors import Permanent, Transient

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        (b"4.7.1 Greylisted, please try again in 300 seconds", 300 * SECOND),
        (b"4.2.0 Greylisted for 5 minutes", 300 * SECOND),
        (b"4.3.2 retry after 90s", 90 * SECOND),
        (b"4.7.0 come back in 2 hours", 7200 * SECOND),
        (b"4.2.1 try again later", None),
        (b"4.2.1 wait in 99999 hours", None),
        (b"4.2.1 in 3 steps", None),
    ],
)
def test_a_wait_in_words_becomes_the_delay(text: bytes, wait: timedelta | None) -> None:
    error = verdict(SmtpReply(450, text), Phase.RECIPIENT, "relay:25")

    assert isinstance(error, Transient)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("code", "text", "phase", "is_fault"),
    [
        (421, b"4.3.2 closing", Phase.SENDER, True),
        (421, b"busy", Phase.RECIPIENT, True),
        (451, b"4.3.0 mail system down", Phase.SENDER, True),
        (451, b"4.4.3 no route", Phase.DATA, True),
        (452, b"4.3.1 Insufficient system storage", Phase.SENDER, True),
        (452, b"4.3.1 Insufficient disk space; try again later", Phase.SENDER, True),
        (451, b"4.3.5 Server configuration problem", Phase.RECIPIENT, True),
        (452, b"Insufficient system storage", Phase.SENDER, True),
        (452, b"space shortage, please try later", Phase.SENDER, True),  # Exim
        (452, b"4.3.4 Message too big for the system", Phase.SENDER, False),
        (452, b"4.2.2 Insufficient system storage in the mailbox", Phase.RECIPIENT, False),
        (450, b"4.2.1 mailbox full", Phase.RECIPIENT, False),
        (550, b"5.7.1 sender not allowed", Phase.SENDER, True),
        (550, b"5.1.1 no such user", Phase.RECIPIENT, False),
        (554, b"5.6.0 spam", Phase.FINAL, False),
    ],
)
def test_the_server_s_own_trouble_is_told_from_the_message_s(
    code: int, text: bytes, phase: Phase, is_fault: bool
) -> None:
    error = verdict(SmtpReply(code, text), phase, "relay:25")

    assert isinstance(error, Transient | Permanent)
    assert error.provider_fault is is_fault


@pytest.mark.parametrize(
    ("code", "text", "phase", "kind"),
    [
        (450, b"4.7.1 <box>: Helo command rejected: Host not found", Phase.RECIPIENT, AboutUs.HELO),
        (454, b"4.7.1 <ann@example.com>: Relay access denied", Phase.RECIPIENT, AboutUs.RELAY),
        (451, b"sending quota exceeded", Phase.FINAL, AboutUs.QUOTA),
        (
            450,
            b"4.7.1 Client host rejected: cannot find your hostname",
            Phase.SENDER,
            AboutUs.CLIENT,
        ),
    ],
)
def test_field_5_2_a_temporary_refusal_about_us_says_what_to_do(
    code: int, text: bytes, phase: Phase, kind: AboutUs
) -> None:
    error = verdict(SmtpReply(code, text), phase, "relay:25")

    assert isinstance(error, Transient)
    assert str(error).endswith(kind)
    assert error.is_certain


@pytest.mark.parametrize(
    "text",
    [
        b"4.3.1 Insufficient system storage",
        b"4.3.5 Server configuration problem",
        b"Insufficient system storage",
    ],
)
def test_field_5_1_a_relay_that_is_full_or_broken_speaks_of_itself(text: bytes) -> None:
    error = verdict(SmtpReply(452, text), Phase.SENDER, "relay:25")

    assert isinstance(error, Transient)
    assert error.is_certain
    assert error.provider_fault
