"""Where mail goes, as one URL. Every fault is told without the password in it."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

_FORMS = "smtp://, smtp+starttls:// or smtps://user:password@host:port, or maildir:folder"


class Security(StrEnum):
    """How the connection is protected, by URL scheme. None of them is opportunistic."""

    CLEAR = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


# RFC 5321 4.5.4.2, RFC 6409 and RFC 8314.
_PORTS = {Security.CLEAR: 25, Security.STARTTLS: 587, Security.TLS: 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """One relay: where it is, how the way there is protected, and who we are to it."""

    host: str
    port: int
    security: Security = Security.CLEAR
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaildirSettings:
    """A folder that mail is kept in instead of being sent."""

    folder: Path


def parse_email_url(url: str) -> SmtpSettings | MaildirSettings:
    """Read DISPATCHER_EMAIL_URL. Raises ValueError, whose text never holds the password.

    A password in clear is refused unless the host is this machine or the URL ends `?insecure=1`.
    """
    scheme, _, rest = url.partition(":")
    if scheme.lower() == "maildir":
        return _maildir(rest)
    try:
        security = Security(scheme.lower())
    except ValueError:
        raise ValueError(f"must begin with {_FORMS}") from None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"is not a URL of the form {_FORMS}") from None
    settings = SmtpSettings(
        host=_host(parts.hostname),
        port=_PORTS[security] if port is None else port,
        security=security,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
    _refuse_leftovers(settings, parts.path, parts.fragment)
    insecure = _insecure(parts.query)
    if settings.username and security is Security.CLEAR and not insecure:
        _refuse_in_clear(settings.host)
    return settings


def _maildir(rest: str) -> MaildirSettings:
    folder = rest.removeprefix("//")
    if not folder or "\0" in folder:
        raise ValueError("maildir: needs a folder, such as maildir:/var/lib/dispatcher/mail")
    try:
        return MaildirSettings(folder=Path(folder).expanduser())
    except RuntimeError:
        raise ValueError("begins with ~, and there is no such user's home folder") from None


def _host(host: str | None) -> str:
    if not host or not host.isprintable() or " " in host:
        raise ValueError(f"names no host; the form is {_FORMS}")
    try:
        host.encode("idna")  # as the resolver will
    except UnicodeError:
        raise ValueError(f"names a host that cannot be one: {host[:80]}") from None
    return host


def _refuse_leftovers(settings: SmtpSettings, path: str, fragment: str) -> None:
    if path.strip("/") or fragment:
        raise ValueError(
            "has something after the port; write / ? # and @ in a user name or password "
            "percent-encoded (%2F %3F %23 %40)"
        )
    if not 0 < settings.port < 65536:
        raise ValueError("the port must be between 1 and 65535")
    if settings.password and not settings.username:
        raise ValueError("has a password and no user name")
    for name, value in (("user name", settings.username), ("password", settings.password)):
        if value and any(ord(character) < 32 for character in value):
            raise ValueError(f"the {name} holds a control character")


def _insecure(query: str) -> bool:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := [name for name in options if name != "insecure"]:
        raise ValueError(f"unknown option {unknown[0]!r}; the only one is insecure=1")
    value = options.get("insecure", "0")
    if value not in {"0", "1"}:
        raise ValueError("insecure must be 0 or 1")
    return value == "1"


def _refuse_in_clear(host: str) -> None:
    if host == "localhost":
        return
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(
            f"would send the password to {host} in clear; use smtp+starttls:// or smtps://, "
            "or add ?insecure=1 if that is meant"
        )
