"""Whether the settings can be used and fit together. Each fault is one line that names a variable;
no line shows a secret."""

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

from adapters.channels import CHANNELS
from adapters.rabbitmq.settings import TlsFiles
from adapters.redis.address import SCHEMES as REDIS
from adapters.redis.address import RedisAddress
from adapters.sqlite.url import check_sqlite_url
from adapters.urls import parse_url
from domain.errors import Permanent
from entrypoints.settings.model import Settings
from entrypoints.settings.sources import variable

_BROKERS = ("amqp://", "amqps://", "sqlite:///")
_LEDGERS = ("memory:", "sqlite:///", *REDIS)
_PROXIES = ("all_proxy", "https_proxy", "http_proxy")
_PROXY_FORM = "http://host:port"


def contradictions(settings: Settings) -> Iterator[str]:
    """What no adapter could use, and what does not go together."""
    yield from _unusable(settings)
    yield from _channel_faults(settings)
    in_production = f"is refused with {variable('env')}={settings.env}"
    if settings.is_embedded and settings.is_production:
        yield (
            f"{variable('broker_url')}: must be set to an amqp:// URL: the embedded queue is for"
            f" trying out and {in_production}"
        )
    for name in ("only_to", "redirect_to"):
        if settings.is_production and getattr(settings, name):
            yield f"{variable(name)}: the recipient guard {in_production}"
    for binding in settings.bindings:
        if binding.queue not in settings.queue_channels:
            yield f"{variable('bindings')}: {binding.queue!r} is no queue of {variable('queues')}"
    if settings.concurrency and settings.prefetch and settings.prefetch < settings.concurrency:
        yield f"{variable('prefetch')}: must not be below {variable('concurrency')}"


def _unusable(settings: Settings) -> Iterator[str]:
    checks: tuple[tuple[str, Callable[[Settings], object]], ...] = (
        (f"{variable('broker_url')}: ", _check_broker),
        (f"{variable('ledger_url')}: ", _check_ledger),
        ("", _check_files),  # names its variable itself
    )
    for place, check in checks:
        try:
            check(settings)
        except ValueError as error:
            yield f"{place}{error}"


def _check_broker(settings: Settings) -> None:
    url = settings.broker
    if not url.startswith(_BROKERS):
        raise ValueError(f"must begin with {', '.join(_BROKERS)}")
    if "sqlite:" in url and "," in url and "://" in url.partition(",")[2]:
        raise ValueError("must not have the embedded queue (sqlite:///) in a list of brokers")
    if settings.is_embedded:
        check_sqlite_url(url)
    else:
        from adapters.rabbitmq.parameters import BrokerAddress

        BrokerAddress.parse(url, settings.broker_files)


def _check_files(settings: Settings) -> None:
    if settings.broker_files != TlsFiles():  # the system's authorities take long to load
        settings.broker_files.context()


def _check_ledger(settings: Settings) -> None:
    url = settings.ledger
    if not url.startswith((*_LEDGERS, "rediss+sentinel:", "redis+cluster:", "rediss+cluster:")):
        raise ValueError(f"must begin with {', '.join(_LEDGERS)}")
    if url.startswith("sqlite:"):
        check_sqlite_url(url)
    elif not url.startswith("memory:"):
        RedisAddress.parse(url)
    elif url.removeprefix("memory:").strip("/"):
        raise ValueError("must be memory: with nothing after it")


def _channel_faults(settings: Settings) -> Iterator[str]:
    """What a channel's own rules refuse: of its settings, and of the addresses in ours."""
    for name, channel in CHANNELS.items():
        own = settings.channel_settings[name]
        for fault in channel.faults(own, is_production=settings.is_production):
            yield f"{variable(channel.field_of(fault.name))}: {fault.text}"
    named = [
        *(("alerts_to", one.channel, one.recipient.address) for one in settings.alerts_to),
        *(("redirect_to", name, one.address) for name, one in settings.redirect_to.items()),
    ]
    for name, to, address in named:
        try:
            CHANNELS[to].check_address(address, settings.channel_settings[to])
        except (ValueError, Permanent) as error:
            whom = to if CHANNELS[to].has_secret_addresses else f"{address!r} for {to}"
            yield f"{variable(name)}: {whom}: {str(error).removeprefix(f'{to}: ')}"


def proxy_faults(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """The proxies of the environment that cannot be used, where a channel over HTTP is configured.
    Webhooks and mail use no proxy."""
    named = [one.proxy_library(settings.channel_settings[n]) for n, one in CHANNELS.items()]
    libraries = sorted({library for library in named if library}, reverse=True)
    hosts = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if not libraries or "*" in [host.strip() for host in hosts.split(",")]:
        return []
    given = {name: text for name, text in environ.items() if name.lower() in _PROXIES and text}
    faults = {name: _proxy_fault(text, libraries) for name, text in sorted(given.items())}
    return [f"{name}: {fault}, or unset it" for name, fault in faults.items() if fault]


def _proxy_fault(text: str, libraries: list[str]) -> str | None:
    try:
        scheme = parse_url(text if "://" in text else f"http://{text}", _PROXY_FORM).scheme
    except ValueError as error:
        return str(error)
    if scheme in ("socks5", "socks5h"):
        missing = [library for library in libraries if find_spec(library) is None]
        packages = " and ".join("PySocks" if name == "socks" else name for name in missing)
        needs = f"a SOCKS proxy needs the Python package {packages}, which is not installed"
        return f"{needs}: install it, name an http:// proxy" if missing else None
    return None if scheme in ("http", "https") else f"must be {_PROXY_FORM}, https:// or socks5://"
