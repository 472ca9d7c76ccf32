"""The name that we give a relay in EHLO: a domain or an address literal (RFC 5321, 4.1.3)."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST = 255
_NO_NAME = re.compile(r"localhost(\..*)?|.*\.(localhost|localdomain|in-addr\.arpa|ip6\.arpa)", re.I)


def parse_ehlo(text: str) -> str:
    """A domain, its international letters encoded, or an address literal. Raises ValueError."""
    form = "must be a domain such as mail.example.com, or an address such as [192.0.2.1]"
    if text.startswith("["):
        inner = text[1:-1].removeprefix("IPv6:")
        try:
            address = ip_address(inner)
        except ValueError:
            raise ValueError(form) from None
        if not text.endswith("]") or "%" in inner:
            raise ValueError(form)
        return address_literal(address)
    try:
        name = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(form) from None
    if len(name) > _LONGEST or not _DOMAIN.fullmatch(name):
        raise ValueError(form)
    return name


def address_literal(address: IPv4Address | IPv6Address) -> str:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]`."""
    return f"[{'IPv6:' if address.version == 6 else ''}{address}]"


def own_name(host_name: str, address: str) -> str:
    """The name to give where DISPATCHER_EMAIL_EHLO is not set: the host's full name. A host with
    no full name gives the address of its end of the connection, which relays take where they
    refuse a name without a dot."""
    if "." in host_name and not _NO_NAME.fullmatch(host_name):
        try:
            return parse_ehlo(host_name)
        except ValueError:
            pass
    try:
        return address_literal(ip_address(address.partition("%")[0]))
    except ValueError:
        return "[127.0.0.1]"
