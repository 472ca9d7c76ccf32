"""Where the Redis server is, as one URL. No fault holds a piece of the URL."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from adapters.urls import PERCENT_ENCODE, option_name, parse_url
from domain.value_object import value_object

SCHEMES = ("redis://", "rediss://", "valkey://", "valkeys://", "unix://", "redis+sentinel://")

_FORM = "redis:// or rediss://user:password@host:port/database"
_UNIX_FORM = "unix:///path/of/the.sock?db=0"
_SENTINEL_FORM = "redis+sentinel://user:password@sentinel:port,sentinel:port/service/database"
_SENTINEL = "+sentinel"
_TLS = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
_PORT, _SENTINEL_PORT = 6379, 26379
_OPTIONS = ("db", "client_name", "health_check_interval")
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS_OPTIONS = (*_FILES, "ssl_check_hostname")
_DATABASE = re.compile(r"[0-9]{1,5}")
_SERVICE = re.compile(r"[\w.:-]{1,200}")
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@value_object(kw_only=True)
class RedisAddress:
    """One server, or with `service` the primary that the Sentinels at `places` name.

    `name` is the URL without login and options, for errors.
    """

    name: str
    places: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    database: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    is_tls: bool = False
    options: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "RedisAddress":
        """Read a URL such as DISPATCHER_LEDGER_URL. Raises ValueError."""
        scheme = text.partition("://")[0].lower()
        if scheme in ("redis+cluster", "rediss+cluster"):
            raise ValueError("a Redis Cluster cannot hold the ledger: name one server or Sentinels")
        is_unix, is_sentinel = scheme == "unix", scheme.endswith(_SENTINEL)
        form = _UNIX_FORM if is_unix else _SENTINEL_FORM if is_sentinel else _FORM
        if "," in text and not is_sentinel:  # it would be read as the end of a URL in a list
            raise ValueError(f"must be {form}; {PERCENT_ENCODE}")
        texts = _each_sentinel(text) if is_sentinel else [text]
        urls = [parse_url(one, form, needs_host=not is_unix) for one in texts]
        url, path = urls[0], urls[0].path.removeprefix("/")
        if url.user is not None and url.password is None:
            raise ValueError(
                "must have a password after the user name; a password alone is :password@"
            )
        if is_unix and (url.host or not path):
            raise ValueError(f"must be {form}")
        is_tls = False if is_unix else _TLS.get(scheme.removesuffix(_SENTINEL))
        if is_tls is None:
            raise ValueError(f"must begin with {', '.join(SCHEMES)}")
        service, _, database = path.partition("/") if is_sentinel else ("", "", path)
        if is_sentinel and not _SERVICE.fullmatch(service):
            raise ValueError(f"must be {form}: it names no service of the Sentinels")
        port = _SENTINEL_PORT if is_sentinel else _PORT
        return cls(
            name=f"{url.scheme}://{','.join(one.location for one in urls)}{url.path}",
            places=() if is_unix else tuple((one.host, one.port or port) for one in urls),
            path=unquote(url.path) if is_unix else "",
            service=service,
            database=_database("" if is_unix else database, url.options),
            user=url.user or None,
            password=url.password,
            is_tls=is_tls,
            options=_checked(url.options, is_tls=is_tls),
        )

    def is_same_place(self, other: "RedisAddress") -> bool:
        """Whether both differ by the login at most."""
        return replace(self, user=other.user, password=other.password) == other


def _each_sentinel(text: str) -> list[str]:
    """A URL for each place, to be read by the same strict rules; login and path at the first."""
    scheme, _, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    if "," in login:
        raise ValueError(f"must be {_SENTINEL_FORM}; {PERCENT_ENCODE}")
    first, *others = hosts.split(",")
    return [f"{scheme}://{login}{at}{first}{slash}{path}", *(f"{scheme}://{o}" for o in others)]


def _database(path: str, options: Mapping[str, str]) -> int:
    given = options.get("db", "")
    if path and given:
        raise ValueError("must not name the database both as the path and as option 'db'")
    number = path or given or "0"
    if not _DATABASE.fullmatch(number):
        where = "option 'db'" if given else "the path after the host"
        raise ValueError(f"must have a database's number as {where}; {PERCENT_ENCODE}")
    return int(number)


def _checked(options: Mapping[str, str], *, is_tls: bool) -> Mapping[str, object]:
    for name in options:
        if name in _TLS_OPTIONS and not is_tls:
            raise ValueError(f"must begin with rediss://, since it has option {name!r}")
        if name not in _OPTIONS + _TLS_OPTIONS:
            hint = "; TLS is rediss://" if name == "ssl" else ""
            allowed = ", ".join(_OPTIONS + _TLS_OPTIONS)
            raise ValueError(
                f"must not have the unknown option {option_name(name)}; there are {allowed}{hint}"
            )
    checked = {name: _value(name, text) for name, text in options.items() if name != "db"}
    _try_files(**{name: path for name, path in checked.items() if name in _FILES})
    return checked


def _value(name: str, text: str) -> Any:
    if name == "ssl_check_hostname" and text.lower() in _YES_OR_NO:
        return _YES_OR_NO[text.lower()]
    if name == "health_check_interval" and re.fullmatch("[0-9]{1,5}", text):
        return int(text)
    if name in _FILES and text:
        return str(Path(text).expanduser())
    if name == "client_name" and text:
        return text
    raise ValueError(f"must not have option {name!r} with a value that cannot be used")


def _try_files(
    ssl_ca_certs: str | None = None, ssl_certfile: str | None = None, ssl_keyfile: str | None = None
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ssl_ca_certs:
            context.load_verify_locations(ssl_ca_certs)
    except OSError:
        raise ValueError("must have a file of certificates as option 'ssl_ca_certs'") from None
    if ssl_keyfile and not ssl_certfile:
        raise ValueError("must have option 'ssl_certfile', since it has 'ssl_keyfile'")
    try:
        if ssl_certfile:
            context.load_cert_chain(ssl_certfile, ssl_keyfile, password="")
    except OSError:
        raise ValueError(
            "must have a certificate as option 'ssl_certfile', with its unencrypted private key"
            " there or as 'ssl_keyfile'"
        ) from None
