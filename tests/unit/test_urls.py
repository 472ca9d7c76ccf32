"""URLs are read in one way only or not at all, and shown without secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.urls import parse_url, redacted, split_urls, without_path

FORM = "http://host"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://user:secret@broker:5672/vhost?heartbeat=30", "amqp://user:***@broker:5672/vhost"),
        ("amqp://user:secret@[::1]/", "amqp://user:***@[::1]/"),
        ("redis://secret@host/0", "redis://***@host/0"),
        ("redis://:secret@host", "redis://:***@host"),
        ("amqp://a:b@one/v,amqp://c:d@two/", "amqp://a:***@one/v,amqp://c:***@two/"),
        ("amqp://a:b@one/,two:secret@host", "***"),
        ("redis://app:7391,secret@host/", "***"),
        ("redis://:12,34,secret@host", "***"),
        ("redis+sentinel://:secret@one,two:7/shop", "***"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("sqlite:///var/queue.db", "sqlite:///var/queue.db"),
        ("maildir:var/mail", "maildir:var/mail"),
        ("memory:", "memory:"),
        ("amqp://app:Tr@ns/port@rabbit/", "***"),
        ("amqp://us@er:p@:/%#@host:45672/", "***"),
        ("amqp://user:12/34@host/", "***"),
        ("amqp://user:12?34@host/", "***"),
        ("amqp://user:12#34@host/", "***"),
        ("amqp://user:[12@host/", "***"),
        ("amqp://user:100%@host/", "***"),
        ("amqp://user:a\\b@host/", "***"),
        ("amqp://user:a\tb@host/", "***"),
        ("no url at all", "***"),
        ("", "***"),
    ],
)
def test_field_7_14_a_url_is_shown_without_its_secrets_or_not_at_all(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_without_a_path_scheme_host_and_port_are_left() -> None:
    assert without_path("https://user:secret@host:8443/secret?x=secret") == "https://host:8443"
    assert without_path("https://user:sec/ret@host/") == "***"


@given(
    user=st.text(st.characters(min_codepoint=33), min_size=1, max_size=8),
    password=st.text(st.characters(min_codepoint=33), max_size=12),
)
def test_what_is_percent_encoded_is_read_back(user: str, password: str) -> None:
    from urllib.parse import quote

    if any(character.isspace() or not character.isprintable() for character in user + password):
        return
    url = parse_url(f"http://{quote(user, safe='')}:{quote(password, safe='')}@host:1/p?a=b", FORM)

    assert (url.user, url.password, url.host, url.port) == (user, password, "host", 1)
    assert dict(url.options) == {"a": "b"}


@given(st.text("ab1@/?#:,%[]\\;&=<>\"' \t\nä", max_size=14))
def test_a_url_is_never_read_in_a_way_that_moves_the_host(password: str) -> None:
    try:
        url = parse_url(f"http://user:{password}@host:1/", FORM)
    except ValueError:
        return
    assert (url.user, url.host, url.port) == ("user", "host", 1)


def test_a_list_is_split_at_commas_between_urls_alone() -> None:
    assert split_urls("a://b, c://d", FORM) == ("a://b", "c://d")
    for text in ("a://b,", "a://b,c", "a://b;c://d", ""):
        with pytest.raises(ValueError, match="percent-encode"):
            split_urls(text, FORM)
