"""Whether each URL and token among the settings can be used; no error shows a secret."""

import os
import re
from collections.abc import Callable

from pydantic import SecretStr

from adapters.rabbitmq.tls import TlsFiles
from adapters.redis.address import SCHEMES as REDIS
from adapters.redis.address import RedisAddress
from adapters.urls import parse_url
from entrypoints.settings.model import Settings
from entrypoints.settings.sources import variable

_BROKERS = ("amqp://", "amqps://", "sqlite:///")
_LEDGERS = ("memory:", "sqlite:///", *REDIS)

# BotFather's form: the bot's id and a secret (https://core.telegram.org/bots/api#authorizing-your-bot).
_TELEGRAM_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_SLACK_TOKEN = re.compile(r"[!-~]+")  # what a header can hold


def url_faults(settings: Settings) -> list[str]:
    """One line for each URL or token that no adapter could use, by the name of its variable."""
    checks: list[tuple[str, str | None, Callable[[str], object]]] = [
        ("broker_url", settings.broker, lambda url: _broker(url, settings.broker_files)),
        ("ledger_url", settings.ledger, _ledger),
        ("email_url", settings.email, _email),
        ("email_ehlo", settings.email_ehlo, _ehlo),
        ("telegram_token", _text(settings.telegram_token), _telegram_token),
        ("telegram_api_url", _text(settings.telegram_api_url), _http),
        ("slack_token", _text(settings.slack_token), _slack_token),
        ("slack_webhook_url", _text(settings.slack_webhook_url), _http),
        ("slack_api_url", _text(settings.slack_api_url), _http),
    ]
    lines = []
    for name, url, check in checks:
        try:
            if url is not None:
                check(url)
        except ValueError as error:
            lines.append(f"{variable(name)}: {error}")
    try:
        settings.broker_files.context()
    except ValueError as error:
        lines.append(str(error))  # names its variable itself
    return lines


def _broker(url: str, files: TlsFiles) -> None:
    if not url.startswith(_BROKERS):
        raise ValueError(f"must begin with {', '.join(_BROKERS)}")
    if url.startswith("sqlite:"):
        _sqlite(url)
        return
    from adapters.rabbitmq.parameters import BrokerAddress

    BrokerAddress.parse(url, files)


def _ledger(url: str) -> None:
    if not url.startswith((*_LEDGERS, "rediss+", "redis+")):
        raise ValueError(f"must begin with {', '.join(_LEDGERS)}")
    if url.startswith("sqlite:"):
        _sqlite(url)
    elif url.startswith("memory:"):
        if url.removeprefix("memory:").strip("/"):
            raise ValueError("must be memory: with nothing after it")
    else:
        RedisAddress.parse(url)


def _sqlite(url: str) -> None:
    from adapters.sqlite.url import parse_sqlite_url

    path = parse_sqlite_url(url).absolute()
    place = path if path.exists() else next(one for one in path.parents if one.exists())
    if path.is_dir() or not (place.is_dir() or place == path):
        raise ValueError(f"{place} is in the way: it must name a file in a folder")
    if not os.access(place, os.W_OK):
        raise ValueError(f"{place} cannot be written by this user")


def _email(url: str) -> None:
    from adapters.channels.email.url import parse_email_urls

    parse_email_urls(url)


def _ehlo(name: str) -> None:
    from adapters.channels.email.names import parse_ehlo

    parse_ehlo(name)


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _telegram_token(token: str) -> None:
    if not _TELEGRAM_TOKEN.fullmatch(token):
        raise ValueError("must be a bot's token, digits:letters, as BotFather gives it")


def _slack_token(token: str) -> None:
    if not _SLACK_TOKEN.fullmatch(token):
        raise ValueError("must be a token: no blanks, and ASCII only")


def _http(url: str) -> None:
    form = "an http:// or https:// URL with a host, and a valid port if any"
    if parse_url(url, form).scheme not in ("http", "https"):
        raise ValueError(f"must be {form}")
