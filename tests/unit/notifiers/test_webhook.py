"""What of the webhook channel needs no connection: signatures, addresses, verdicts."""

import json
from datetime import timedelta
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.shared.http import HttpReply
from adapters.channels.webhook.notifier import WebhookNotifier, payload, verdict
from adapters.channels.webhook.signature import signature, signing_key, webhook_id
from adapters.channels.webhook.url import is_public, url_of
from domain.content import Content
from domain.errors import FailureReason, Permanent, Throttled, Transient
from domain.notification import Attachment
from tests.fakes import a_notification


def test_a_signature_is_the_one_of_the_public_test_vector() -> None:
    """The vector of the reference libraries' own tests."""
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_without_the_prefix_is_its_own_key() -> None:
    assert signing_key("sécret") == "sécret".encode()


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_no base64"])
def test_a_secret_that_is_none_is_refused_at_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^DISPATCHER_WEBHOOK_SECRET: ") as caught:
        WebhookNotifier(lambda: secret)

    assert "no base64" not in str(caught.value)


def test_the_id_is_the_same_at_every_try_and_another_for_another_recipient_or_message() -> None:
    ids = [
        webhook_id("n-1", "https://a.example/"),
        webhook_id("n-1", "https://b.example/"),
        webhook_id("n-2", "https://a.example/"),
    ]

    assert webhook_id("n-1", "https://a.example/") == ids[0]
    assert len(set(ids)) == 3
    assert not any("." in one for one in ids)


def test_the_body_is_the_documented_object() -> None:
    notification = a_notification(id="n-1", metadata={"order": 7, "who": "Zoë"})

    body = payload(notification, Content(subject="Hello", parts={"text": "Hi Zoë"}))

    assert json.loads(body) == {
        "id": "n-1",
        "template": "welcome",
        "subject": "Hello",
        "text": "Hi Zoë",
        "metadata": {"order": 7, "who": "Zoë"},
    }


def test_a_message_with_files_is_refused_rather_than_sent_without_them() -> None:
    notification = a_notification(attachments=(Attachment(filename="a.pdf", content=b"%PDF"),))

    with pytest.raises(Permanent, match="attachments") as caught:
        payload(notification, Content(parts={"text": "see the file"}))

    assert caught.value.reason is FailureReason.CONTENT_REFUSED


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ann@example.com", "must be a"),
        ("ftp://example.com/", "must be an https:// or http:// URL"),
        ("https:///path", "must be an https:// or http:// URL"),
        ("//example.com/", "must be an https:// or http:// URL"),
        ("https://[::1/", "must be a URL"),
        ("https://ann:t0ken@example.com/", "must hold no password"),
        ("https://t0ken@example.com/", "must hold no password"),
        ("https://example.com:99999/", "no such port"),
        ("https://example.com:0/t0ken", "no such port"),
        ("http://a b/", "host is a name"),
        ("http://a..b/t0ken", "host is a name"),
        ("https://*.example.com/", "host is a name"),
    ],
)
def test_a_recipient_that_is_no_url_to_post_to_is_invalid(address: str, says: str) -> None:
    with pytest.raises(Permanent, match=says) as caught:
        url_of(address)

    assert caught.value.reason is FailureReason.RECIPIENT_INVALID
    assert "t0ken" not in str(caught.value)


@given(
    st.sampled_from(["", "http://", "https://", "https://ann@", "http://[", "HTTPS:"]),
    st.text(max_size=40),
)
def test_whatever_is_named_is_a_url_to_post_to_or_invalid(start: str, rest: str) -> None:
    url, reason = None, None
    try:
        url = url_of(start + rest)
    except Permanent as error:
        reason = error.reason

    if url is None:
        assert reason is FailureReason.RECIPIENT_INVALID
        return
    assert url.scheme in {"http", "https"}
    assert url.raw_host
    assert not url.userinfo


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "::1"),  # loopback
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1", "fec0::1"),  # private
        *("169.254.169.254", "fe80::1", "fe80::1%eth0"),  # link-local, and a cloud's metadata
        *("100.64.0.1", "198.18.0.1", "192.0.2.1", "2001:db8::1"),  # carriers, tests, examples
        *("224.0.0.1", "239.1.1.1", "ff02::1", "255.255.255.255"),  # groups
        *("0.0.0.0", "::", "240.0.0.1"),  # nobody
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1"),  # IPv4 in IPv6
        *("64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::"),  # NAT64, 6to4, Teredo
    ],
)
def test_an_address_that_is_not_anybodys_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        *((status, FailureReason.RECIPIENT_REFUSED) for status in (301, 302, 307, 308)),
        *((status, FailureReason.RECIPIENT_REFUSED) for status in (401, 403, 404, 405, 410, 414)),
        *((status, FailureReason.CONTENT_REFUSED) for status in (400, 406, 413, 415, 418, 422)),
    ],
)
def test_a_refusal_is_permanent_with_its_reason(status: int, reason: FailureReason) -> None:
    error = verdict(HttpReply(status, {"retry-after": "5"}, b""), "example.com")

    assert isinstance(error, Permanent)
    assert error.reason is reason
    assert not error.provider_fault
    assert f"example.com answered {status}" in str(error)


@pytest.mark.parametrize("status", [408, 409, 423, 425, 429, 500, 502, 503, 504, 599, 101])
def test_a_passing_refusal_goes_to_the_retry_delays_and_pauses_nobody_else(status: int) -> None:
    error = verdict(HttpReply(status, {}, b""), "example.com")

    assert isinstance(error, Transient)
    assert not error.provider_fault
    assert error.retry_after is None


@pytest.mark.parametrize("status", [408, 425, 429])
def test_a_named_wait_is_obeyed_and_costs_no_attempt(status: int) -> None:
    error = verdict(HttpReply(status, {"retry-after": "5"}, b""), "example.com")

    assert isinstance(error, Throttled)
    assert error.retry_after == timedelta(seconds=5)


def test_a_wait_of_nothing_costs_an_attempt_lest_it_be_asked_for_ever() -> None:
    assert isinstance(verdict(HttpReply(429, {"retry-after": "0"}, b""), "example.com"), Transient)


@pytest.mark.parametrize("text", ["soon", "-5", "1e9", "Fri, 31 Dec 9999 23:59:59 -2359"])
def test_a_wait_that_makes_no_sense_is_none(text: str) -> None:
    assert isinstance(verdict(HttpReply(429, {"retry-after": text}, b""), "example.com"), Transient)


@pytest.mark.parametrize("text", ["9" * 20, "9" * 5000])
def test_a_wait_beyond_all_sense_is_bounded(text: str) -> None:
    error = verdict(HttpReply(429, {"retry-after": text}, b""), "example.com")

    assert isinstance(error, Throttled)
    assert error.retry_after < timedelta(days=3660)


def test_a_server_that_is_down_until_a_time_is_tried_then() -> None:
    error = verdict(HttpReply(503, {"retry-after": "90"}, b""), "example.com")

    assert isinstance(error, Transient)
    assert error.retry_after == timedelta(seconds=90)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_success_is_one(status: int) -> None:
    assert verdict(HttpReply(status, {}, b""), "example.com") is None
