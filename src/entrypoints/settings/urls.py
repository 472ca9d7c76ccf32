"""Whether the URLs of broker and ledger can be used; no error shows a secret."""

import os
from collections.abc import Callable

from adapters.rabbitmq.tls import TlsFiles
from adapters.redis.address import SCHEMES as REDIS
from adapters.redis.address import RedisAddress
from entrypoints.settings.model import Settings
from entrypoints.settings.sources import variable

_BROKERS = ("amqp://", "amqps://", "sqlite:///")
_LEDGERS = ("memory:", "sqlite:///", *REDIS)


def url_faults(settings: Settings) -> list[str]:
    """One line for each URL that no adapter could use, by the name of its variable."""
    checks: list[tuple[str, str, Callable[[str], object]]] = [
        ("broker_url", settings.broker, lambda url: _broker(url, settings.broker_files)),
        ("ledger_url", settings.ledger, _ledger),
    ]
    lines = []
    for name, url, check in checks:
        try:
            check(url)
        except ValueError as error:
            lines.append(f"{variable(name)}: {error}")
    if settings.broker_files != TlsFiles():  # the system's authorities take long to load
        try:
            settings.broker_files.context()
        except ValueError as error:
            lines.append(str(error))  # names its variable itself
    return lines


def _broker(url: str, files: TlsFiles) -> None:
    if not url.startswith(_BROKERS):
        raise ValueError(f"must begin with {', '.join(_BROKERS)}")
    if "sqlite:" in url and "," in url and "://" in url.partition(",")[2]:
        raise ValueError("must not have the embedded queue (sqlite:///) in a list of brokers")
    if url.startswith("sqlite:"):
        _sqlite(url)
        return
    from adapters.rabbitmq.parameters import BrokerAddress

    BrokerAddress.parse(url, files)


def _ledger(url: str) -> None:
    if not url.startswith((*_LEDGERS, "rediss+sentinel:", "redis+cluster:", "rediss+cluster:")):
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
