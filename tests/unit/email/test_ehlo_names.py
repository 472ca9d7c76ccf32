import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.url import own_name, parse_ehlo


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mail.example.com", "mail.example.com"),
        ("relayhost", "relayhost"),
        ("müller.example", "xn--mller-kva.example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
        ("[2001:db8::1]", "[IPv6:2001:db8::1]"),
    ],
)
def test_a_name_is_a_domain_or_an_address(text: str, name: str) -> None:
    assert parse_ehlo(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mail example.com",
        "mail.example.com\r\nMAIL FROM:<x@y>",
        "mail.example.com\n",
        "-mail.example.com",
        "mail..example.com",
        "my_host.example.com",
        "[not an address]",
        "[192.0.2.1",
        "[fe80::1%eth0]",
        "a" * 64 + ".com",
        "example.com ",
    ],
)
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a domain"):
        parse_ehlo(text)


@given(st.text(max_size=40))
def test_a_name_that_is_taken_never_breaks_the_command(text: str) -> None:
    try:
        name = parse_ehlo(text)
    except ValueError:
        return
    assert name.isascii()
    assert name.isprintable()
    assert " " not in name


@pytest.mark.parametrize(
    ("host", "address", "name"),
    [
        ("web1.example.com", "192.0.2.1", "web1.example.com"),
        ("25aea30808b2", "172.17.0.2", "[172.17.0.2]"),
        ("localhost", "127.0.0.1", "[127.0.0.1]"),
        ("localhost.localdomain", "10.0.0.1", "[10.0.0.1]"),
        ("1.0.0.127.in-addr.arpa", "10.0.0.1", "[10.0.0.1]"),
        ("my_host.example.com", "10.0.0.1", "[10.0.0.1]"),
        ("web1", "fe80::1%eth0", "[IPv6:fe80::1]"),
        ("web1", "", "[127.0.0.1]"),
    ],
)
def test_a_host_without_a_full_name_gives_its_address(host: str, address: str, name: str) -> None:
    assert own_name(host, address) == name
