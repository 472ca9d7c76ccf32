from pathlib import Path

import pytest

from adapters.notifiers.email.url import (
    MaildirSettings,
    Security,
    SmtpSettings,
    parse_email_url,
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://localhost", SmtpSettings(host="localhost", port=25)),
        ("smtp://mail:2525/", SmtpSettings(host="mail", port=2525)),
        (
            "smtp+starttls://ann:p%40s%2Fs@mail.example.com",
            SmtpSettings(
                host="mail.example.com",
                port=587,
                security=Security.STARTTLS,
                username="ann",
                password="p@s/s",
            ),
        ),
        (
            "smtps://ann%40example.com:x@[2001:db8::1]:4650",
            SmtpSettings(
                host="2001:db8::1",
                port=4650,
                security=Security.TLS,
                username="ann@example.com",
                password="x",
            ),
        ),
        (
            "smtp://ann:x@relay?insecure=1",
            SmtpSettings(host="relay", port=25, username="ann", password="x"),
        ),
        (
            "smtp://ann:x@127.0.0.1",
            SmtpSettings(host="127.0.0.1", port=25, username="ann", password="x"),
        ),
        ("maildir:./var/mail", MaildirSettings(folder=Path("var/mail"))),
        ("maildir:/srv/mail", MaildirSettings(folder=Path("/srv/mail"))),
        ("maildir:///srv/mail", MaildirSettings(folder=Path("/srv/mail"))),
    ],
)
def test_a_url_names_where_mail_goes(url: str, expected: SmtpSettings | MaildirSettings) -> None:
    assert parse_email_url(url) == expected


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://ann:hunter2@mail", "must begin with"),
        ("mail.example.com:25", "must begin with"),
        ("smtp://", "names no host"),
        ("smtp://mail..example.com", "cannot be one"),
        ("smtp://ann:hunter2@mail:port", "is not a URL"),
        ("smtp://ann:hunter2@mail:99999", "is not a URL"),
        ("smtp://mail:0", "between 1 and 65535"),
        ("smtp://ann:hunter2@relay.example.com", "in clear"),
        ("smtps://:hunter2@mail", "no user name"),
        ("smtps://ann:hunter2@mail/inbox", "after the port"),
        ("smtps://ann:hunter2@mail?tls=no", "unknown option 'tls'"),
        ("smtps://ann:hunter2@mail?insecure=yes", "0 or 1"),
        ("smtps://ann:hunter2%0d@mail", "control character"),
        ("smtps://ann:hun#ter2@mail", "after the port|is not a URL"),
        ("maildir:", "needs a folder"),
    ],
)
def test_a_faulty_url_is_refused_without_its_password(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_email_url(url)

    assert "hunter2" not in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_the_password_is_not_in_the_settings_repr() -> None:
    assert "hunter2" not in repr(parse_email_url("smtps://ann:hunter2@mail"))
