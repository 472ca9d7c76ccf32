"""Values as producers in other languages write them."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import MalformedMessage
from tests.support.decoding import decode
from tests.unit.message_format.reading import faults, read


@given(st.binary(max_size=300), st.integers(1, 76), st.sampled_from(["\r\n", "\n", " "]))
def test_field_6_2_base64_may_be_in_lines_url_safe_and_unpadded(
    content: bytes, width: int, line_end: str
) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(content).decode()
        lines = line_end.join(text[at : at + width] for at in range(0, len(text), width))
        for written in (text, text.rstrip("="), lines, lines.rstrip("=") + line_end):
            decoded = read(attachments=[{"filename": "a.bin", "content": written}])
            assert decoded.notifications[0].attachments[0].content == content


@pytest.mark.parametrize("text", ["%%%", "Q", "QQ=Q", "QUI=QUI=", "=QQ", "QQ\0", "é"])
def test_field_6_2_what_is_no_base64_is_still_refused_by_name(text: str) -> None:
    assert faults(attachments=[{"filename": "a", "content": text}]) == (
        "attachments[0].content: must be base64",
    )


@pytest.mark.parametrize(
    ("locale", "tag"),
    [
        *(("en_US.UTF-8", "en-US"), ("C", None), ("POSIX", None), ("C.UTF-8", None)),
        *(("de_DE@euro", "de-DE"), ("de_DE.ISO8859-15@euro", "de-DE"), ("it", "it"), ("", None)),
        *(("sr_Latn_RS", "sr-Latn-RS"), ("it-IT", "it-IT")),
    ],
)
def test_field_7_10_a_posix_locale_is_a_language_tag(locale: str, tag: str | None) -> None:
    assert read(locale=locale).notifications[0].locale == tag


@pytest.mark.parametrize("locale", ["?", "i", "en_US.", "../x", "en_US.UTF-8/../x", "@euro"])
def test_field_7_10_what_is_no_locale_is_still_refused(locale: str) -> None:
    assert faults(locale=locale) == ("locale: must be a language tag such as it or it-IT",)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 400 + ".5", "1e999999999"])
def test_field_7_10_a_number_beyond_every_float_is_refused(number: str) -> None:
    body = f'{{"to": "a@example.com", "template": "t", "parameters": {{"n": {number}}}}}'

    with pytest.raises(MalformedMessage, match=r"^body: the number -?1.* is out of range$"):
        decode(body.encode(), channel="email")


@pytest.mark.parametrize(
    "text", ["2026-01-31t08:00:00z", "2026-01-31 08:00:00Z", "2026-01-31t09:00:00+01:00"]
)
def test_field_7_10_rfc_3339_may_be_in_lower_case_or_have_a_blank(text: str) -> None:
    eight = datetime(2026, 1, 31, 8, tzinfo=UTC)

    notification = read(send_at=text, expires_at=text).notifications[0]

    assert (notification.send_at, notification.expires_at) == (eight, eight)


def test_field_7_10_a_leap_second_is_the_second_after() -> None:
    notification = read(send_at="2016-12-31T23:59:60Z").notifications[0]

    assert notification.send_at == datetime(2017, 1, 1, tzinfo=UTC)


def test_field_7_15_the_empty_list_of_php_is_an_empty_object() -> None:
    notification = read(parameters=[], headers=[], metadata=[]).notifications[0]

    assert (notification.parameters, notification.headers, notification.metadata) == ({}, (), {})
    assert faults(parameters=["x"]) == ("parameters: must be an object",)


def test_field_7_15_null_is_not_given_wherever_a_field_is_optional() -> None:
    names = ["from", "reply_to", "subject", "parameters", "id", "channel", "channels", "fallback"]
    names += ["cc", "bcc", "individually", "locale", "timezone", "send_at", "delay", "expires_at"]
    names += ["priority", "attachments", "headers", "metadata", "envelope_from"]

    assert read(**dict.fromkeys(names)).notifications == (
        read(id=read(**dict.fromkeys(names)).notifications[0].id).notifications
    )
    assert read(headers={"X-A": None, "X-B": "b"}).notifications[0].headers == (("X-B", "b"),)


def test_a_time_zone_is_taken_by_its_iana_name() -> None:
    assert read(timezone="Europe/Rome").notifications[0].timezone == "Europe/Rome"
    for wrong in ("Europe/Nowhere", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 5000):
        assert faults(timezone=wrong) == (
            "timezone: must be the name of a time zone such as Europe/Rome",
        )
