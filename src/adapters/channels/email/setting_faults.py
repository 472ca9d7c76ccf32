"""Whether the settings DISPATCHER_EMAIL_… can be used, and fit together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from adapters.channels.email.tokens import is_token
from adapters.channels.email.url import MaildirSettings, is_loopback, parse_ehlo, parse_email_urls
from adapters.channels.setting import SettingFault, check_secrets
from adapters.secret import Secret
from adapters.urls import parse_url

if TYPE_CHECKING:
    from adapters.channels.email.channel import EmailSettings

_ALL = ("access_token", "token_url", "client_id", "client_secret", "scope", "refresh_token")
_FOR_AN_ENDPOINT = _ALL[2:]
_PREFIX = "DISPATCHER_EMAIL_"
_FORM = "an https:// URL with a host and no user name"


def setting_faults(settings: "EmailSettings", *, is_production: bool) -> Iterator[SettingFault]:
    """Each fault, by its setting. A mailbox instead of a relay is one in production."""
    yield from check_secrets(settings, url=parse_email_urls, ehlo=parse_ehlo)
    yield from _oauth2_faults(settings)
    if is_production and settings.url and settings.url.value.startswith("maildir:"):
        yield SettingFault(
            "url",
            "must be an SMTP server's URL: a captured mailbox is refused"
            " with DISPATCHER_ENV=production",
        )


def _oauth2_faults(settings: "EmailSettings") -> Iterator[SettingFault]:
    given = [name for name in _ALL if _value(settings, name)]
    wants = _wants_token(settings)
    if not given:
        if wants:
            names = f"{_variable('access_token')} or {_variable('token_url')}"
            yield SettingFault("url", f"asks for an access token: set {names}")
        return
    for name, text in _misfits(settings, given):
        yield SettingFault(f"oauth2_{name}", text)
    if wants is False:
        text = f"has no effect: write ?auth=xoauth2 in {_PREFIX}URL, or remove it"
        yield SettingFault(f"oauth2_{given[0]}", text)


def _misfits(settings: "EmailSettings", given: list[str]) -> list[tuple[str, str]]:
    token_url = _variable("token_url")
    if "token_url" not in given:
        lines = [(name, f"needs {token_url}") for name in given if name in _FOR_AN_ENDPOINT]
        return lines + _token_faults(settings, given)
    lines = [("token_url", text) for text in _url_fault(_value(settings, "token_url"))]
    if "access_token" in given:
        lines.append(("access_token", f"must not be set with {token_url}: set only one of them"))
    if "client_id" not in given:
        lines.append(("client_id", f"must be set, since {token_url} is"))
    if "client_secret" not in given and "refresh_token" not in given:
        either = f"or {_variable('refresh_token')}"
        lines.append(("client_secret", f"must be set {either}, since {token_url} is"))
    return lines + _token_faults(settings, given)


def _token_faults(settings: "EmailSettings", given: list[str]) -> list[tuple[str, str]]:
    return [
        (name, "must be a token: ASCII without blanks or line breaks")
        for name in ("access_token", "refresh_token")
        if name in given and not is_token(_value(settings, name))
    ]


def _url_fault(url: str) -> list[str]:
    try:
        parts = parse_url(url, _FORM)
    except ValueError as error:
        return [str(error)]
    if parts.scheme not in {"http", "https"} or parts.user is not None:
        return [f"must be {_FORM}"]
    if parts.scheme == "http" and not is_loopback(parts.host):
        return ["must begin with https://: the client's secret would go in clear"]
    return []


def _wants_token(settings: "EmailSettings") -> bool | None:
    """Whether a relay is signed in to with a token; None where no relay is named."""
    if settings.url is None:
        return None
    try:
        places = parse_email_urls(settings.url.value)
    except ValueError:
        return None  # a fault of its own
    if isinstance(places, MaildirSettings):
        return None
    return any(place.wants_token for place in places)


def _value(settings: "EmailSettings", name: str) -> str:
    value = getattr(settings, f"oauth2_{name}")
    return value.value if isinstance(value, Secret) else value or ""


def _variable(name: str) -> str:
    return f"{_PREFIX}OAUTH2_{name.upper()}"
