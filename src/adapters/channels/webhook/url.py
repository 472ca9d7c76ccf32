"""Which URLs a webhook may be posted to."""

import re
from ipaddress import IPv4Address, IPv6Address

import httpx2

from domain.errors import FailureReason, Permanent

_PORTS = {"https": 443, "http": 80}
_LAST_PORT = 65535
_HOST = re.compile(r"(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?", re.ASCII)  # RFC 1035 2.3.1, and `_`
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[\w.~-]", re.ASCII)  # RFC 3986 2.3


def url_of(address: str) -> httpx2.URL:
    """The URL in a recipient's address. Raises Permanent; the URL may hold a token, so no error
    repeats it."""
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        raise _invalid("a webhook's recipient must be a URL") from None
    if url.scheme not in _PORTS or not url.raw_host:
        raise _invalid("a webhook's recipient must be an https:// or http:// URL")
    host = url.raw_host.decode("ascii")
    if ":" not in host and not _HOST.fullmatch(host):
        raise _invalid("a webhook's recipient must be a URL whose host is a name or an address")
    if url.userinfo:
        raise _invalid(f"{host}: a webhook's URL must hold no password")
    if not 0 < port_of(url) <= _LAST_PORT:
        raise _invalid(f"{host}: there is no such port")
    return url


def canonical_url(address: str) -> str:
    """The URL in the one form that all URLs of the same place share (RFC 3986 6.2.2 and 6.2.3).
    Raises Permanent."""
    # An escaped dot is a dot, so dot segments are removed again after it.
    url = url_of(_ESCAPE.sub(_as_short_as_can_be, str(url_of(address))))
    port = None if url.port == _PORTS[url.scheme] else url.port
    host = url.raw_host.decode("ascii").rstrip(".")
    whole = url.copy_with(host=host, port=port, raw_path=url.raw_path, fragment=None)
    return str(whole)


def _as_short_as_can_be(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def port_of(url: httpx2.URL) -> int:
    """The port that the URL names, else its scheme's."""
    return _PORTS[url.scheme] if url.port is None else url.port


def name_of(url: httpx2.URL) -> str:
    """Host and port as an error names them; the path may hold a token."""
    return url.netloc.decode("ascii")


def _invalid(text: str) -> Permanent:
    return Permanent(text, reason=FailureReason.RECIPIENT_INVALID)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is a public address: no private network, no group, and no IPv6 address that
    stands for an IPv4 one (mapped and NAT64 are reserved, RFC 4291 section 4)."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return True
    # From Python 3.14 a mapped address is as global as the one in it.
    return not (address.is_site_local or address.sixtofour or address.ipv4_mapped)
