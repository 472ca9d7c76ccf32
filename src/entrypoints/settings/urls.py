"""Whether each URL among the settings can be used, told without the secrets in it."""

import os
from collections.abc import Callable

from entrypoints.settings.model import Settings
from entrypoints.settings.sources import variable

_BROKERS = ("amqp://", "amqps://", "sqlite:///")
_LEDGERS = ("memory:", "sqlite:///", "redis://", "rediss://")


def url_faults(settings: Settings) -> list[str]:
    """One line for each URL that no adapter could use, by the name of its variable."""
    checks: list[tuple[str, str | None, Callable[[str], object]]] = [
        ("broker_url", settings.broker, _broker),
        ("ledger_url", settings.ledger, _ledger),
        ("email_url", settings.email, _email),
    ]
    lines = []
    for name, url, check in checks:
        try:
            if url is not None:
                check(url)
        except ValueError as error:
            lines.append(f"{variable(name)}: {error}")
    return lines


def _broker(url: str) -> None:
    if not url.startswith(_BROKERS):
        raise ValueError(f"must begin with {', '.join(_BROKERS)}")
    if url.startswith("sqlite:"):
        _sqlite(url)
        return
    from adapters.rabbitmq.parameters import connection_parameters

    connection_parameters(url, "dispatcher")


def _ledger(url: str) -> None:
    if not url.startswith(_LEDGERS):
        raise ValueError(f"must begin with {', '.join(_LEDGERS)}")
    if url.startswith("sqlite:"):
        _sqlite(url)


def _sqlite(url: str) -> None:
    from adapters.sqlite.url import parse_sqlite_url

    path = parse_sqlite_url(url).absolute()
    place = path if path.exists() else next(one for one in path.parents if one.exists())
    if path.is_dir() or not (place.is_dir() or place == path):
        raise ValueError(f"{place} is in the way: it must name a file in a folder")
    if not os.access(place, os.W_OK):
        raise ValueError(f"{place} cannot be written by this user")


def _email(url: str) -> None:
    from adapters.notifiers.email.url import parse_email_url

    parse_email_url(url)
