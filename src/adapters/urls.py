"""URLs of servers, read strictly and shown without secrets.

A password with an unencoded `@`, `/`, `?` or `#` moves the end of the host name: a lenient parser
takes half the password for a host, connects to it and prints it. So a URL is read here in one way
only or not at all, and no text raised here holds a piece of it.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote

from domain.value_object import value_object

MASK = "***"

PERCENT_ENCODE = (
    "percent-encode these characters in a user name, password or path:"
    " @ %40, / %2F, ? %3F, # %23, : %3A, comma %2C, % %25"
)

_FILES = ("sqlite:///", "maildir:")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^:@/?#\[\]]*)(?::(?P<password>[^@/?#\[\]]*))?@)?"
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[\w.-]*))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^@?#]*)?"
    r"(?:\?(?P<query>[^@#]*))?"
)
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\\]|%(?![0-9A-Fa-f]{2})")
_OPTION = re.compile(r"\w{1,40}", re.ASCII)
_LAST_PORT = 65535


@value_object(kw_only=True)
class ServerUrl:
    """The parts of a URL. User and password are decoded, the path is as it was written."""

    scheme: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    host: str = ""
    port: int | None = None
    path: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        """The URL without its secrets: no password, no options. A user without a password is
        masked as well, since some write a password there."""
        return self.origin + self.path

    @property
    def origin(self) -> str:
        """The same without the path."""
        login = f"{self.user}:{MASK}@" if self.password is not None else f"{MASK}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{'' if self.user is None else login}{host}{port}"

    @property
    def location(self) -> str:
        """Host and port."""
        return self.origin.rpartition("@")[2].rpartition("//")[2]


def parse_url(url: str, form: str, *, needs_host: bool = True) -> ServerUrl:
    """Read one URL. `form` is what the error says is expected. Raises ValueError, whose text
    never holds a piece of the URL."""
    match = _URL.fullmatch(url)
    if match is None or _FORBIDDEN.search(url) or url.count("://") > 1:
        raise ValueError(f"must be {form}; {PERCENT_ENCODE}")
    host = match["v6"] or match["host"]
    port = int(match["port"]) if match["port"] else None
    if needs_host and not host:
        raise ValueError(f"must be {form}: it names no host")
    if port is not None and not 0 < port <= _LAST_PORT:
        raise ValueError(f"must be {form}, the port from 1 to {_LAST_PORT}; {PERCENT_ENCODE}")
    try:
        (match["host"] or "").encode("idna")  # as the resolver will
    except UnicodeError:
        raise ValueError(f"must name a host that can be one; {PERCENT_ENCODE}") from None
    return ServerUrl(
        scheme=match["scheme"].lower(),
        user=_decoded(match["user"]),
        password=_decoded(match["password"]),
        host=host,
        port=port,
        path=match["path"] or "",
        options=_options(match["query"] or ""),
    )


def split_urls(text: str, form: str) -> tuple[str, ...]:
    """The URLs of a comma-separated list. Raises ValueError, without a piece of them."""
    urls = tuple(url.strip() for url in text.split(","))
    if not all(url.count("://") == 1 for url in urls):
        raise ValueError(f"must be {form}, with a comma between two of them; {PERCENT_ENCODE}")
    return urls


def redacted(text: str) -> str:
    """A URL, or a list of them, without passwords and options; `***` where one cannot be read,
    since the comma may be a password's."""
    if text.startswith(_FILES) or text == "memory:":
        return text
    try:
        urls = [parse_url(url.strip(), "a URL", needs_host=False) for url in text.split(",")]
    except ValueError:
        return MASK
    return ",".join(map(str, urls))


def without_path(url: str) -> str:
    """Scheme, host and port: a path or a user may be as secret as a password."""
    try:
        parts = parse_url(url, "a URL")
    except ValueError:
        return MASK
    return f"{parts.scheme}://{parts.location}"


def option_name(name: str) -> str:
    """An option of a URL as an error names it; what cannot be a name is not shown."""
    return repr(name) if _OPTION.fullmatch(name) else MASK


def _decoded(text: str | None) -> str | None:
    if text is None:
        return None
    decoded = unquote(text)
    if any(ord(character) < ord(" ") or character == "\x7f" for character in decoded):
        raise ValueError("must not have a control character in its user name or password")
    return decoded


def _options(query: str) -> Mapping[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    names = [name for name, _value in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"option {option_name(name)} must not be given twice")
    return MappingProxyType(dict(pairs))
