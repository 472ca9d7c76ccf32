"""Where mail goes: one URL, or a list of relays; and the name that we give them in EHLO.

No error repeats a piece of a URL that may be a password.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from adapters.setting_values import parse_path
from adapters.urls import PERCENT_ENCODE, option_name, parse_url
from domain.value_object import value_object

_FORMS = "smtp://, smtp+starttls:// or smtps://user:password@host:port, or maildir:folder"
_MAILDIR = "maildir:"

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


_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "insecure": ("0", "1"),
    "auth": tuple(Auth),
    "pipelining": ("on", "off"),
    "8bitmime": ("on", "off"),
}
# RFC 5321 4.5.4.2, RFC 6409 and RFC 8314.
_PORTS = {Security.CLEAR: 25, Security.STARTTLS: 587, Security.TLS: 465}


@value_object(kw_only=True)
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


def parse_email_urls(text: str) -> tuple[SmtpSettings, ...] | Path:
    """Read DISPATCHER_EMAIL_URL: relays in the order of their use, or a folder that mail is kept in
    instead of being sent. Raises ValueError, whose text holds nothing that may be a password.

    A password in clear is refused unless the host is this machine or the URL says `?insecure=1`.
    """
    urls = [url.strip() for url in text.split(",")]
    is_list = any("://" in url or url.lower().startswith(_MAILDIR) for url in urls[1:])
    if text.lower().startswith(_MAILDIR) and not is_list:  # a comma may stand in its folder
        folder = text[len(_MAILDIR) :].removeprefix("//")
        if not folder or "\0" in folder:
            raise ValueError("maildir: needs a folder, such as maildir:/var/lib/dispatcher/mail")
        return parse_path(folder)
    relays: dict[tuple[str, str | None], SmtpSettings] = {}
    for number, url in enumerate(urls, 1):
        try:
            relay = _relay(url)
        except ValueError as error:
            where = f"URL {number} of {len(urls)}: " if len(urls) > 1 else ""
            raise ValueError(f"{where}{error}") from None
        relays[relay.server, relay.username] = relay
    if len(relays) < len(urls):
        raise ValueError("must not name one relay twice with the same user name")
    return tuple(relays.values())


def _relay(url: str) -> SmtpSettings:
    scheme = url.partition(":")[0].lower()
    if scheme == "maildir":
        raise ValueError("must not be maildir: in a list of relays: it would keep mail unsent")
    if scheme not in set(Security):
        raise ValueError(f"must begin with {_FORMS}; {PERCENT_ENCODE}")
    parts = parse_url(url, _FORMS)
    if parts.path.strip("/"):
        raise ValueError(f"must have nothing after the port; {PERCENT_ENCODE}")
    options = parts.options
    for name, value in options.items():
        if name not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            raise ValueError(f"must not have the option {option_name(name)}; there are {known}")
        if value not in _OPTIONS[name]:
            raise ValueError(f"{name} must be {' or '.join(_OPTIONS[name])}")
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
    _refuse_contradictions(settings, takes_clear=options.get("insecure") == "1")
    return settings


def _refuse_contradictions(settings: SmtpSettings, *, takes_clear: bool) -> None:
    user, password, host = settings.username, settings.password, settings.host
    is_safe = takes_clear or settings.security is not Security.CLEAR or is_loopback(host)
    what = "access token" if settings.wants_token else "password"
    instead = "use smtp+starttls:// or smtps://, or add ?insecure=1 if you mean that"
    for is_wrong, text in (
        (password and not user, "must not have a password without a user name"),
        (settings.auth and not user, "must have a user name for ?auth="),
        (
            settings.wants_token and password,
            f"must not have a password: ?auth={settings.auth} signs in with an access token",
        ),
        (user and not is_safe, f"must not send the {what} to {host} in clear; {instead}"),
    ):
        if is_wrong:
            raise ValueError(text)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: what is sent there in clear leaves no wire."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def parse_ehlo(text: str) -> str:
    """A domain, its international letters encoded, or an address literal: `[192.0.2.1]` or
    `[IPv6:2001:db8::1]`. Raises ValueError."""
    form = "must be a domain such as mail.example.com, or an address such as [192.0.2.1]"
    try:
        if text.startswith("[") and text.endswith("]") and "%" not in text:
            address = ip_address(text[1:-1].removeprefix("IPv6:"))
            return f"[{'IPv6:' if address.version == 6 else ''}{address}]"
        name = text if text.isascii() else text.encode("idna").decode("ascii")
    except ValueError:
        raise ValueError(form) from None
    if len(name) > _LONGEST or not _DOMAIN.fullmatch(name):
        raise ValueError(form)
    return name


def own_name(host_name: str, address: str) -> str:
    """The name to give where DISPATCHER_EMAIL_EHLO is not set: the host's full name. A host with
    no full name gives the address of its end of the connection, which relays take where they
    refuse a name without a dot."""
    is_full = "." in host_name and not _NO_NAME.fullmatch(host_name)
    for name in (host_name if is_full else "", f"[{address.partition('%')[0]}]"):
        with suppress(ValueError):
            return parse_ehlo(name)
    return "[127.0.0.1]"
