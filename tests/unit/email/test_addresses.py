import pytest

from adapters.channels.email.headers import InvalidAddress, parse_address


@pytest.mark.parametrize(
    ("text", "wire", "domain"),
    [
        ("ann@example.com", "ann@example.com", "example.com"),
        ("Ann.O+tag@Example.COM", "Ann.O+tag@example.com", "example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("root@localhost", "root@localhost", "localhost"),
        ("ann@mail.test", "ann@mail.test", "mail.test"),
        ("ann@host.local", "ann@host.local", "host.local"),
        ('"ann b"@example.com', '"ann b"@example.com', "example.com"),
        ("o'neill@example.com", "o'neill@example.com", "example.com"),
    ],
)
def test_an_address_is_written_in_ascii_on_the_wire(text: str, wire: str, domain: str) -> None:
    address = parse_address(text)

    assert (address.wire, address.domain, address.needs_smtputf8) == (wire, domain, False)


@pytest.mark.parametrize("local", ["a..b", ".a", "a.", "..", "a.b..c"])
def test_field_7_10_stray_dots_are_sent_in_the_quoted_form(local: str) -> None:
    address = parse_address(f"{local}@Carrier.example")

    assert address.wire == f'"{local}"@carrier.example'
    assert parse_address(address.wire) == address


def test_a_local_part_outside_ascii_needs_smtputf8() -> None:
    address = parse_address("jürgen@bücher.example")

    assert address.needs_smtputf8
    assert address.wire == "jürgen@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "text",
    [
        "not-an-address",
        "@example.com",
        "ann@",
        "a b@example.com",
        "ann@exa mple.com",
        "ann@example..com",
        "ann@nowhere.invalid",
        "Ann <ann@example.com>",
        "ann@example.com, bob@example.com",
        "ann@" + "x" * 250 + ".com",
        "a" * 65 + "@example.com",
        "a" * 60 + "@" + ".".join(["b" * 60] * 4),
        "ann>\r\nRCPT TO:<eve@example.com",
        "ann@example.com\0",
        "\udcff@example.com",
    ],
)
def test_what_is_no_address_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        parse_address(text)

    assert repr(text)[1:20] in str(caught.value)
    assert str(caught.value).isprintable()
