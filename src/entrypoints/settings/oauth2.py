"""Whether the settings DISPATCHER_EMAIL_OAUTH2_… fit together, and fit DISPATCHER_EMAIL_URL."""

from adapters.urls import parse_url
from entrypoints.settings.model import Settings
from entrypoints.settings.sources import variable

_ALL = ("access_token", "token_url", "client_id", "client_secret", "scope", "refresh_token")
_FOR_AN_ENDPOINT = _ALL[2:]
_FORM = "an https:// URL with a host and no user name"


def oauth2_faults(settings: Settings) -> list[str]:
    """One line for each fault, by the name of its variable."""
    given = [name for name in _ALL if _value(settings, name)]
    if not given:
        return _absent(settings)
    faults = [f"{_variable(name)}: {text}" for name, text in _misfits(settings, given)]
    wants = _wants_token(settings)
    if wants is False:
        faults.append(
            f"{_variable(given[0])}: has no effect: write ?auth=xoauth2 in"
            f" {variable('email_url')}, or remove it"
        )
    return faults


def _absent(settings: Settings) -> list[str]:
    if not _wants_token(settings):
        return []
    names = f"{_variable('access_token')} or {_variable('token_url')}"
    return [f"{variable('email_url')}: asks for an access token: set {names}"]


def _misfits(settings: Settings, given: list[str]) -> list[tuple[str, str]]:
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


def _token_faults(settings: Settings, given: list[str]) -> list[tuple[str, str]]:
    from adapters.channels.email.tokens import is_token

    return [
        (name, "must be a token: ASCII without blanks or line breaks")
        for name in ("access_token", "refresh_token")
        if name in given and not is_token(_value(settings, name))
    ]


def _url_fault(url: str) -> list[str]:
    from adapters.channels.email.url import is_loopback

    try:
        parts = parse_url(url, _FORM)
    except ValueError as error:
        return [str(error)]
    if parts.scheme not in {"http", "https"} or parts.user is not None:
        return [f"must be {_FORM}"]
    if parts.scheme == "http" and not is_loopback(parts.host):
        return ["must begin with https://: the client's secret would go in clear"]
    return []


def _wants_token(settings: Settings) -> bool | None:
    """Whether a relay is signed in to with a token; None where no relay is named."""
    from adapters.channels.email.url import MaildirSettings, parse_email_urls

    if settings.email_url is None:
        return None
    try:
        places = parse_email_urls(settings.email_url.get_secret_value())
    except ValueError:
        return None  # a fault of its own
    if isinstance(places, MaildirSettings):
        return None
    return any(place.wants_token for place in places)


def _value(settings: Settings, name: str) -> str:
    value = getattr(settings, f"email_oauth2_{name}")
    return (value if isinstance(value, str) else value.get_secret_value()) if value else ""


def _variable(name: str) -> str:
    return variable(f"email_oauth2_{name}")
