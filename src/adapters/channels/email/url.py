"""Where mail goes: one URL, or a list of relays; and the name that we give them in EHLO.

No error repeats a piece of a URL that may be a password.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from adapters.paths import parse_path
from adapters.urls import PERCENT_ENCODE, option_name, parse_url

_FORMS = "smtp://, smtp+starttls:// or smtps://user:password@host:port, or maildir:folder"
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "insecure": ("0", "1"),
    "auth": ("plain", "login", "cram-md5", "xoauth2", "oauthbearer"),
    "pipelining": ("on", "off"),
    "8bitmime": ("on", "off"),
}

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST = 255
_NO_NAME = re.compile(r"localhost(\..*)?|.*\.(localhost|localdomain|in-addr\.arpa|ip6\.arpa)", re.I)


class Security(StrEnum):
    """How the connection is protected, by URL scheme. None of them is opportunistic."""

    CLEAR = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


class Auth(StrEnum):
    """How to sign in, as `?auth=` names it."""

    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"


# RFC 5321 4.5.4.2, RFC 6409 and RFC 8314.
_PORTS = {Security.CLEAR: 25, Security.STARTTLS: 587, Security.TLS: 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """One relay: where it is, how the way there is protected, and who we are to it.

    `auth`: the one method to sign in with; None takes what the relay offers for a password.
    `pipelining` and `eight_bit`: use PIPELINING and 8BITMIME where the relay offers them.
    """

    host: str
    port: int
    security: Security = Security.CLEAR
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    auth: Auth | None = None
    pipelining: bool = True
    eight_bit: bool = True

    @property
    def server(self) -> str:
        """Host and port, as errors name the relay."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def wants_token(self) -> bool:
        """Whether an OAuth2 access token signs in, and no password."""
        return self.auth in {Auth.XOAUTH2, Auth.OAUTHBEARER}


@dataclass(frozen=True, slots=True, kw_only=True)
class MaildirSettings:
    """A folder that mail is kept in instead of being sent."""

    folder: Path


def parse_email_urls(text: str) -> tuple[SmtpSettings, ...] | MaildirSettings:
    """Read DISPATCHER_EMAIL_URL: a folder, or relays in the order of their use. Raises ValueError,
    whose text holds nothing that may be a password.

    A password in clear is refused unless the host is this machine or the URL says `?insecure=1`.
    """
    urls = [url.strip() for url in text.split(",")]
    if text.lower().startswith("maildir:") and not any(map(_is_url, urls[1:])):
        return _maildir(text[len("maildir:") :])  # a comma may stand in its folder
    relays = []
    for number, url in enumerate(urls, 1):
        try:
            relays.append(_relay(url))
        except ValueError as error:
            where = f"URL {number} of {len(urls)}: " if len(urls) > 1 else ""
            raise ValueError(f"{where}{error}") from None
    accounts = {(relay.server, relay.username) for relay in relays}
    if len(accounts) < len(relays):
        raise ValueError("must not name one relay twice with the same user name")
    return tuple(relays)


def _is_url(text: str) -> bool:
    return "://" in text or text.lower().startswith("maildir:")


def _relay(url: str) -> SmtpSettings:
    scheme = url.partition(":")[0].lower()
    if scheme == "maildir":
        raise ValueError("must not be maildir: in a list of relays: it would keep mail unsent")
    if scheme not in set(Security):
        raise ValueError(f"must begin with {_FORMS}; {PERCENT_ENCODE}")
    parts = parse_url(url, _FORMS)
    if parts.path.strip("/"):
        raise ValueError(f"must have nothing after the port; {PERCENT_ENCODE}")
    options = _checked(parts.options)
    security = Security(scheme)
    settings = SmtpSettings(
        host=parts.host,
        port=parts.port or _PORTS[security],
        security=security,
        username=parts.user or None,
        password=parts.password or None,
        auth=Auth(options["auth"]) if "auth" in options else None,
        pipelining=options.get("pipelining") != "off",
        eight_bit=options.get("8bitmime") != "off",
    )
    _refuse_contradictions(settings)
    is_in_clear = security is Security.CLEAR and not is_loopback(settings.host)
    if settings.username and is_in_clear and options.get("insecure") != "1":
        what = "access token" if settings.wants_token else "password"
        raise ValueError(
            f"must not send the {what} to {settings.host} in clear; use smtp+starttls:// or"
            " smtps://, or add ?insecure=1 if you mean that"
        )
    return settings


def _maildir(rest: str) -> MaildirSettings:
    folder = rest.removeprefix("//")
    if not folder or "\0" in folder:
        raise ValueError("maildir: needs a folder, such as maildir:/var/lib/dispatcher/mail")
    return MaildirSettings(folder=parse_path(folder))


def _refuse_contradictions(settings: SmtpSettings) -> None:
    if settings.password and not settings.username:
        raise ValueError("must not have a password without a user name")
    if settings.auth is not None and not settings.username:
        raise ValueError("must have a user name for ?auth=")
    if settings.wants_token and settings.password:
        raise ValueError(
            f"must not have a password: ?auth={settings.auth} signs in with an access token"
        )


def _checked(options: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in options.items():
        if name not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            raise ValueError(f"must not have the option {option_name(name)}; there are {known}")
        if value not in _OPTIONS[name]:
            raise ValueError(f"{name} must be {' or '.join(_OPTIONS[name])}")
    return options


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: what is sent there in clear leaves no wire."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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
