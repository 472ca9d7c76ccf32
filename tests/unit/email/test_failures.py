"""What a relay repeats of our credentials is in no error."""

from base64 import b64encode

import pytest

from adapters.channels.email.failures import Failures
from adapters.channels.email.smtp_reply import SmtpReply
from adapters.channels.email.url import SmtpSettings

PASSWORD, TOKEN = "hunter2-secret", "ya29.A0ARrdaM-token"


def sent(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize("kept", [1000, 40, 12], ids=["whole", "cut off", "its beginning"])
@pytest.mark.parametrize(
    "form",
    [
        sent(f"\0ann\0{PASSWORD}"),
        sent(PASSWORD),
        sent(f"user=ann\x01auth=Bearer {TOKEN}\x01\x01"),
        sent(f"n,a=ann,\x01host=relay\x01port=587\x01auth=Bearer {TOKEN}\x01\x01"),
        sent(TOKEN),
    ],
)
def test_what_we_sent_in_base64_is_masked_even_where_the_echo_is_cut_off(
    form: str, kept: int
) -> None:
    settings = SmtpSettings(host="relay", port=587, username="ann", password=PASSWORD)
    reply = SmtpReply(535, f"5.5.2 bad command AUTH X {form[:kept]} here".encode())

    error = str(Failures(settings, TOKEN).not_served(reply))

    assert "AUTH X *** here" in error


def test_what_was_not_sent_is_shown() -> None:
    settings = SmtpSettings(host="relay", port=587, username="ann", password=PASSWORD)

    error = Failures(settings).not_served(SmtpReply(454, b"4.7.0 TLS not available dXNlcg=="))

    assert "TLS not available dXNlcg==" in str(error)
