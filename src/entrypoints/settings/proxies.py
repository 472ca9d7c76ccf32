"""Whether the HTTP proxies that the environment names can be used."""

from collections.abc import Mapping
from importlib.util import find_spec

from adapters.channels import CHANNELS
from adapters.urls import parse_url
from entrypoints.settings.model import Settings

_NAMES = ("all_proxy", "https_proxy", "http_proxy")
_SOCKS = ("socks5", "socks5h")
_FORM = "http://host:port"


def proxy_faults(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """One line for each variable, where a channel over HTTP is configured. Webhooks and mail use
    no proxy."""
    libraries = _libraries(settings)
    given = {name: text for name, text in environ.items() if name.lower() in _NAMES and text}
    hosts = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if not libraries or "*" in [host.strip() for host in hosts.split(",")]:
        return []
    faults = {name: _fault(text, libraries) for name, text in sorted(given.items())}
    return [f"{name}: {fault}, or unset it" for name, fault in faults.items() if fault]


def _libraries(settings: Settings) -> tuple[str, ...]:
    """What the configured channels need for a SOCKS proxy."""
    named = [one.proxy_library(settings.channel_settings[n]) for n, one in CHANNELS.items()]
    return tuple(sorted({library for library in named if library}, reverse=True))


def _fault(text: str, libraries: tuple[str, ...]) -> str | None:
    try:
        scheme = parse_url(text if "://" in text else f"http://{text}", _FORM).scheme
    except ValueError as error:
        return str(error)
    if scheme in _SOCKS:
        missing = [library for library in libraries if find_spec(library) is None]
        packages = " and ".join("PySocks" if name == "socks" else name for name in missing)
        needs = f"a SOCKS proxy needs the Python package {packages}, which is not installed"
        return f"{needs}: install it, name an http:// proxy" if missing else None
    if scheme not in ("http", "https"):
        return f"must be {_FORM}, https:// or socks5://"
    return None
