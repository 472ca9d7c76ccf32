from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.url import (
    Auth,
    Security,
    SmtpSettings,
    parse_email_urls,
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
        ("maildir:./var/mail", Path("var/mail")),
        ("maildir:/srv/mail", Path("/srv/mail")),
        ("maildir:///srv/mail", Path("/srv/mail")),
    ],
)
def test_a_url_names_where_mail_goes(url: str, expected: SmtpSettings | Path) -> None:
    assert parse_email_urls(url) == (expected if isinstance(expected, Path) else (expected,))


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://ann:hunter2@mail", "must begin with"),
        ("mail.example.com:25", "must begin with"),
        ("smtp://", "names no host"),
        ("smtp://mail..example.com", "a host that can be one"),
        ("smtp://ann:hunter2@mail:port", "must be smtp://"),
        ("smtp://ann:hunter2@mail:99999", "must be smtp://"),
        ("smtp://mail:0", "from 1 to 65535"),
        ("smtp://ann:hunter2@relay.example.com", "in clear"),
        ("smtps://:hunter2@mail", "without a user name"),
        ("smtps://ann:hunter2@mail/inbox", "nothing after the port"),
        ("smtps://ann:hunter2@mail?tls=no", "must not have the option 'tls'"),
        ("smtps://ann:hunter2@mail?insecure=yes", "0 or 1"),
        ("smtps://ann:hunter2%0d@mail", "control character"),
        ("smtps://ann:hun#ter2@mail", "must be smtp://"),
        ("maildir:", "needs a folder"),
    ],
)
def test_a_faulty_url_is_refused_without_its_password(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_email_urls(url)

    assert "hunter2" not in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_the_password_is_not_in_the_settings_repr() -> None:
    assert "hunter2" not in repr(parse_email_urls("smtps://ann:hunter2@mail"))


def test_options_of_a_url_are_read() -> None:
    places = parse_email_urls("smtps://ann@relay?auth=xoauth2&pipelining=off&8bitmime=off")

    assert isinstance(places, tuple)
    [place] = places
    assert place.auth is Auth.XOAUTH2
    assert place.wants_token
    assert not place.pipelining
    assert not place.eight_bit


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("smtp://relay?pipelining=no", "pipelining must be on or off"),
        ("smtp://relay?8bitmime=1", "8bitmime must be on or off"),
        ("smtps://ann:hunter2@relay?auth=digest", "auth must be plain or login"),
        ("smtps://relay?auth=xoauth2", "must have a user name"),
        ("smtps://ann:hunter2@relay?auth=xoauth2", "must not have a password"),
        ("smtp://ann@relay.example.com?auth=xoauth2", "the access token to relay.example.com"),
        ("smtp://ann@relay.example.com?auth=oauthbearer", "the access token"),
        ("smtps://ann:x@relay?hunter2@host=1", "must be smtp://"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_email_urls(url)

    assert "hunter2" not in str(caught.value)


def test_field_5_10_a_list_names_relays_in_the_order_of_their_use() -> None:
    places = parse_email_urls(
        "smtp://a.example.com, smtps://ann:x%2Cy@b.example.com?pipelining=off,smtp://c:2525"
    )

    assert isinstance(places, tuple)
    assert [place.server for place in places] == ["a.example.com:25", "b.example.com:465", "c:2525"]
    assert [place.password for place in places] == [None, "x,y", None]
    assert [place.pipelining for place in places] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("smtp://a,maildir:/srv/mail", "must not be maildir: in a list"),
        ("maildir:/srv/mail,maildir:/srv/other", "must not be maildir: in a list"),
        ("smtp://a,b", "URL 2 of 2: must begin with"),
        ("smtp://a,", "URL 2 of 2: must begin with"),
        ("smtp://a,smtp://a:25", "must not name one relay twice"),
        ("smtp://a,smtps://ann:hunter2@b?tls=no", "URL 2 of 2: must not have the option 'tls'"),
    ],
)
def test_field_5_10_a_list_that_cannot_be_used_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_email_urls(text)

    assert "hunter2" not in str(caught.value)


@given(
    st.text(min_size=1, max_size=12),
    st.text(min_size=1, max_size=12),
    st.sampled_from(["{0}@h", "{0}:{1}@h", "a:{0}@h:{1}", "a:{0}@h,smtp://b:{1}@i"]),
)
def test_no_error_repeats_a_piece_of_a_url_that_cannot_be_read(
    first: str, second: str, form: str
) -> None:
    marks = [f"S3NT{first}1NEL", f"S3NT{second}1NEL"]
    fault = ""
    try:
        parse_email_urls("smtps://" + form.format(*marks))
    except ValueError as error:
        fault = str(error)
    assert "S3NT" not in fault
    assert "1NEL" not in fault
