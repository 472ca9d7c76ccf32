"""Whether the settings DISPATCHER_EMAIL_… can be used, and fit together."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from adapters.channels.email.channel import EmailSettings
from adapters.channels.email.tokens import is_token
from adapters.channels.email.url import is_loopback, parse_ehlo, parse_email_urls
from adapters.channels.setting_spec import SettingFault, check_secrets
from adapters.urls import parse_url

_FOR_AN_ENDPOINT = ("client_id", "client_secret", "scope", "refresh_token")
_PREFIX = "DISPATCHER_EMAIL_OAUTH2_"
_TOKEN_URL = f"{_PREFIX}TOKEN_URL"
_FORM = "an https:// URL with a host and no user name"


def setting_faults(settings: EmailSettings, *, is_production: bool) -> Iterator[SettingFault]:
    """Each fault, by its setting. A mailbox instead of a relay is one in production."""
    yield from check_secrets(
        settings,
        url=parse_email_urls,
        ehlo=parse_ehlo,
        oauth2_token_url=check_token_url,
        oauth2_access_token=check_token,
        oauth2_refresh_token=check_token,
    )
    yield from _oauth2_faults(settings)
    if is_production and settings.url and settings.url.value.startswith("maildir:"):
        yield SettingFault(
            "url",
            "must be an SMTP server's URL: a captured mailbox is refused"
            " with DISPATCHER_ENV=production",
        )


def _oauth2_faults(settings: EmailSettings) -> Iterator[SettingFault]:
    names = ("access_token", "token_url", *_FOR_AN_ENDPOINT)
    given = [name for name in names if getattr(settings, f"oauth2_{name}")]
    wants = _wants_token(settings)
    if wants and not given:
        yield SettingFault(
            "url", f"asks for an access token: set {_PREFIX}ACCESS_TOKEN or {_TOKEN_URL}"
        )
    for name, text in _misfits(given):
        yield SettingFault(f"oauth2_{name}", text)
    if given and wants is False:
        text = "has no effect: write ?auth=xoauth2 in DISPATCHER_EMAIL_URL, or remove it"
        yield SettingFault(f"oauth2_{given[0]}", text)


def _misfits(given: list[str]) -> Iterator[tuple[str, str]]:
    if "token_url" not in given:
        yield from ((name, f"needs {_TOKEN_URL}") for name in given if name in _FOR_AN_ENDPOINT)
        return
    if "access_token" in given:
        yield "access_token", f"must not be set with {_TOKEN_URL}: set only one of them"
    if "client_id" not in given:
        yield "client_id", f"must be set, since {_TOKEN_URL} is"
    if "client_secret" not in given and "refresh_token" not in given:
        yield "client_secret", f"must be set or {_PREFIX}REFRESH_TOKEN, since {_TOKEN_URL} is"


def check_token(text: str) -> None:
    """Raise ValueError for what is no token."""
    if not is_token(text):
        raise ValueError("must be a token: ASCII without blanks or line breaks")


def check_token_url(url: str) -> None:
    """Raise ValueError for what is no token endpoint; no piece of it is in the error."""
    parts = parse_url(url, _FORM)
    if parts.scheme not in {"http", "https"} or parts.user is not None:
        raise ValueError(f"must be {_FORM}")
    if parts.scheme == "http" and not is_loopback(parts.host):
        raise ValueError("must begin with https://: the client's secret would go in clear")


def _wants_token(settings: EmailSettings) -> bool | None:
    """Whether a relay is signed in to with a token; None where no relay is named."""
    with suppress(ValueError):  # a fault of its own
        places = parse_email_urls(settings.url.value if settings.url else "")
        if not isinstance(places, Path):
            return any(place.wants_token for place in places)
    return None
