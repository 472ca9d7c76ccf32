"""Where the Redis server is, as one URL. No fault holds a piece of the URL."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from adapters.urls import PERCENT_ENCODE, ServerUrl, option_name, parse_url

SCHEMES = ("redis://", "rediss://", "valkey://", "valkeys://", "unix://", "redis+sentinel://")

_FORM = "redis:// or rediss://user:password@host:port/database"
_UNIX_FORM = "unix:///path/of/the.sock?db=0"
_SENTINEL_FORM = "redis+sentinel://user:password@sentinel:port,sentinel:port/service/database"
_SENTINEL = "+sentinel"
_PORT, _SENTINEL_PORT = 6379, 26379
_OPTIONS = ("db", "client_name", "health_check_interval")
_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
_DATABASE = re.compile(r"[0-9]{1,5}")
_SERVICE = re.compile(r"[\w.:-]{1,200}")
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
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
        """Read DISPATCHER_LEDGER_URL. Raises ValueError."""
        if text.startswith(("redis+cluster:", "rediss+cluster:")):
            raise ValueError("a Redis Cluster cannot hold the ledger: name one server or Sentinels")
        scheme = text.partition("://")[0].lower()
        if scheme.endswith(_SENTINEL):
            return _sentinel(text)
        if scheme == "unix":
            return _unix(text)
        url = _with_password(parse_url(text, _FORM))
        is_tls = _is_tls(url.scheme)
        return cls(
            name=_name(url),
            places=((url.host, url.port or _PORT),),
            database=_database(url.path.removeprefix("/"), url.options),
            user=url.user or None,
            password=url.password,
            is_tls=is_tls,
            options=_checked(url.options, is_tls=is_tls),
        )


def _unix(text: str) -> RedisAddress:
    url = _with_password(parse_url(text, _UNIX_FORM, needs_host=False))
    if url.host or len(url.path) < 2:
        raise ValueError(f"must be {_UNIX_FORM}")
    return RedisAddress(
        name=_name(url),
        path=unquote(url.path),
        database=_database("", url.options),
        user=url.user or None,
        password=url.password,
        options=_checked(url.options, is_tls=False),
    )


def _sentinel(text: str) -> RedisAddress:
    scheme, _, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    first, *others = hosts.split(",")
    # Each place is read by the same strict rules, with the login and the path at the first.
    if "," in login:
        raise ValueError(f"must be {_SENTINEL_FORM}; {PERCENT_ENCODE}")
    url = _with_password(parse_url(f"{scheme}://{login}{at}{first}{slash}{path}", _SENTINEL_FORM))
    more = [parse_url(f"{scheme}://{place}", _SENTINEL_FORM) for place in others]
    service, _, database = url.path.removeprefix("/").partition("/")
    if not _SERVICE.fullmatch(service):
        raise ValueError(f"must be {_SENTINEL_FORM}: it names no service of the Sentinels")
    is_tls = _is_tls(url.scheme.removesuffix(_SENTINEL))
    places = tuple((one.host, one.port or _SENTINEL_PORT) for one in (url, *more))
    return RedisAddress(
        name=f"{url.scheme}://{','.join(one.location for one in (url, *more))}{url.path}",
        places=places,
        service=service,
        database=_database(database, url.options),
        user=url.user or None,
        password=url.password,
        is_tls=is_tls,
        options=_checked(url.options, is_tls=is_tls),
    )


def _with_password(url: ServerUrl) -> ServerUrl:
    if url.user is not None and url.password is None:
        raise ValueError("must have a password after the user name; a password alone is :password@")
    return url


def _is_tls(scheme: str) -> bool:
    kinds = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
    if scheme not in kinds:
        raise ValueError(f"must begin with {', '.join(SCHEMES)}")
    return kinds[scheme]


def _name(url: ServerUrl) -> str:
    return f"{url.scheme}://{url.location}{url.path}"


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
    checked: dict[str, object] = {}
    for name, value in options.items():
        if name in _TLS_OPTIONS and not is_tls:
            raise ValueError(f"must begin with rediss://, since it has option {name!r}")
        if name not in _OPTIONS + _TLS_OPTIONS:
            hint = "; TLS is rediss://" if name == "ssl" else ""
            allowed = ", ".join(_OPTIONS + _TLS_OPTIONS)
            raise ValueError(
                f"must not have the unknown option {option_name(name)}; there are {allowed}{hint}"
            )
        if name != "db":
            checked[name] = _value(name, value)
    _try_files(checked)
    return checked


def _value(name: str, value: str) -> object:
    if name == "ssl_check_hostname" and value.lower() in _YES_OR_NO:
        return _YES_OR_NO[value.lower()]
    if name == "health_check_interval" and re.fullmatch("[0-9]{1,5}", value):
        return int(value)
    if name in ("client_name", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile") and value:
        return str(Path(value).expanduser()) if name != "client_name" else value
    raise ValueError(f"must not have option {name!r} with a value that cannot be used")


def _try_files(options: Mapping[str, object]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authorities, certificate = options.get("ssl_ca_certs"), options.get("ssl_certfile")
    key = options.get("ssl_keyfile")
    try:
        if authorities:
            context.load_verify_locations(str(authorities))
    except OSError:
        raise ValueError("must have a file of certificates as option 'ssl_ca_certs'") from None
    if key and not certificate:
        raise ValueError("must have option 'ssl_certfile', since it has 'ssl_keyfile'")
    try:
        if certificate:
            context.load_cert_chain(str(certificate), str(key) if key else None, password="")
    except OSError:
        raise ValueError(
            "must have a certificate as option 'ssl_certfile', with its unencrypted private key"
            " there or as 'ssl_keyfile'"
        ) from None
