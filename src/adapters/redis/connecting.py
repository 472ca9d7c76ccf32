"""Connections to Redis, and what went wrong with one in words."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from adapters.redis.address import RedisAddress

PATIENCE: Final = 2.0
"""Seconds after which a call has failed."""

_CONNECTIONS: Final = 8

# By how the server's answer begins or what it holds; the first that fits
# (https://redis.io/docs/latest/develop/reference/).
_SAID: Final[Sequence[tuple[str, str]]] = (
    ("NOAUTH", "it wants a password: put it into the URL"),
    ("protected mode", "its protected mode refuses other machines: set a password there"),
    ("no password is set", "it has no password set: take the password out of the URL"),
    ("without any password configured", "it has no password set: take the password out of the URL"),
    ("WRONGPASS", "it refuses the login: check user and password in the URL"),
    ("invalid username-password", "it refuses the login: check user and password in the URL"),
    ("invalid password", "it refuses the login: check user and password in the URL"),
    ("LOADING", "it is loading its data and answers when it has done so: wait"),
    ("MISCONF", "it takes no writes, since it cannot save to its disk: see the server's log"),
    ("MASTERDOWN", "it is a replica that has lost its primary: name the primary"),
    ("NOREPLICAS", "it takes no writes, since it has too few replicas (min-replicas-to-write)"),
    ("BUSY", "a script of another client keeps it busy: wait, or SCRIPT KILL"),
    ("max number of clients", "it has no connection left: raise its maxclients"),
    ("index is out of range", "it has no database of this number: check the URL's path"),
    ("SELECT is not allowed", "it is a node of a cluster, which cannot hold the ledger"),
    ("in a cluster node", "it is a node of a cluster, which cannot hold the ledger"),
    ("CLUSTERDOWN", "it is a node of a cluster, which cannot hold the ledger"),
    ("MOVED", "it is a node of a cluster, which cannot hold the ledger"),
    ("unknown command", "it does not know a command that the ledger needs: is it Redis?"),
)
_KINDS: Final[Sequence[tuple[tuple[type[Exception], ...], str]]] = (
    (
        (MasterNotFoundError,),
        "no Sentinel names a primary of this service: check the Sentinels and the service's name",
    ),
    ((AuthenticationError,), "it refuses the login: check user and password in the URL"),
    (
        (NoPermissionError,),
        "this user may not do that: allow EVAL, EVALSHA, what scripts call, and the prefix's keys",
    ),
    ((ReadOnlyError,), "it is a replica that cannot be written: name the primary"),
    ((OutOfMemoryError,), "its memory is full: raise maxmemory or shorten the retention"),
    ((BusyLoadingError,), "it is loading its data and answers when it has done so: wait"),
)
_UNTRUSTED: Final = {
    10: "its certificate has expired: renew it",
    62: "its certificate is for another name: check the URL's host",
    64: "its certificate is for another address: check the URL's host",
}
_NO_TLS: Final = "it does not speak TLS on this port: check the port, or use redis://"
_ADD_CERTIFICATE: Final = "add ?ssl_certfile=…&ssl_keyfile=… to the URL"
_WANTS_CERTIFICATE: Final = f"it wants a client certificate: {_ADD_CERTIFICATE}"
_HUNG_UP: Final = (
    "cannot be reached, it hung up: check that it runs; a port that speaks TLS needs rediss://"
)
# In TLS 1.3 a server judges our certificate after our first command is sent; the reset that
# follows may take its alert away (RFC 8446, 4.4.2.4 and 6.2).
_HUNG_UP_ON_TLS: Final = (
    "cannot be reached, it hung up: check that it runs, and which client certificate it wants:"
    f" {_ADD_CERTIFICATE}"
)


class _Primary:
    """What redis-py's connections ask for the server to connect to, in place of its own pool,
    which does not wait for a free connection."""

    is_master = True
    check_connection = False

    def __init__(self, sentinel: Sentinel, service: str) -> None:
        self._sentinel = sentinel
        self._service = service
        self._asking = asyncio.Lock()

    async def get_master_address(self) -> tuple[str, int]:
        """The primary that the Sentinels agree on. Raises MasterNotFoundError."""
        async with self._asking:
            try:
                host, port = await self._sentinel.discover_master(self._service)
            finally:  # asked only for a new connection, so that none is kept
                for client in self._sentinel.sentinels:
                    await client.connection_pool.disconnect()
        return str(host), int(port)


def connection_pool(address: RedisAddress) -> BlockingConnectionPool:
    """Connections that are made when first needed, never repeat a call by themselves and wait for
    a free one."""
    common: dict[str, Any] = {
        "db": address.database,
        "username": address.user,
        "password": address.password,
        **_patience(),
        **address.options,
    }
    if address.path:
        kind: type[Any] = UnixDomainSocketConnection
        common["path"] = address.path
    elif address.service:
        kind = SentinelManagedSSLConnection if address.is_tls else SentinelManagedConnection
        tls = {name: value for name, value in address.options.items() if name.startswith("ssl_")}
        asking = {**_patience(), **tls, "ssl": address.is_tls}
        sentinel = Sentinel(address.places, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
        common["connection_pool"] = _Primary(sentinel, address.service)
    else:
        kind = SSLConnection if address.is_tls else Connection
        ((common["host"], common["port"]),) = address.places
    return BlockingConnectionPool(
        connection_class=kind, max_connections=_CONNECTIONS, timeout=PATIENCE, **common
    )


def _patience() -> dict[str, Any]:
    return {
        "socket_timeout": PATIENCE,
        "socket_connect_timeout": PATIENCE,
        "retry": Retry(NoBackoff(), 0),  # a start that was not answered may have happened
    }


def advice(error: BaseException, address: RedisAddress) -> str:
    """What is wrong and what to do, in one line."""
    if isinstance(error, ResponseError | RedisConnectionError):
        # redis-py takes the code off the text of some answers.
        text = f"{getattr(error, 'status_code', None) or ''} {error}"
        for sign, words in _SAID:
            if sign in text:
                return words
    for kinds, words in _KINDS:
        if isinstance(error, kinds):
            return words
    if address.is_tls and (fault := _tls(error)):
        return fault
    if isinstance(error, TimeoutError | RedisTimeoutError):
        clear = ", and that its port speaks TLS" if address.is_tls else ""
        return f"no answer within {PATIENCE:g} seconds: check that it runs and is reachable{clear}"
    if isinstance(error, RedisConnectionError | OSError):
        return _unreachable(error, address)
    return f"Redis says: {' '.join(str(error).split())}"


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain


def _tls(error: BaseException) -> str | None:
    fault = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
    if isinstance(fault, ssl.SSLCertVerificationError):
        untrusted = (
            f"its certificate is not trusted ({fault.verify_message}): add"
            " ?ssl_ca_certs=… with its authority to the URL"
        )
        return _UNTRUSTED.get(fault.verify_code, untrusted)
    reason = str(fault.reason or "") if fault else ""
    text = f"{reason} {error}".upper()
    if "CERTIFICATE_REQUIRED" in text or "CERTIFICATE REQUIRED" in text:
        return _WANTS_CERTIFICATE
    if "WRONG_VERSION" in text or "RECORD" in reason or "HTTP_REQUEST" in reason:
        return _NO_TLS
    if "UNKNOWN_CA" in text or "BAD_CERTIFICATE" in text or "CERTIFICATE_EXPIRED" in text:
        return f"it does not accept our client certificate ({reason})"
    return f"TLS failed ({reason or 'no reason given'})" if fault else None


def _unreachable(error: BaseException, address: RedisAddress) -> str:
    causes = _causes(error)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its host name does not resolve: check the URL's host"
    if address.path:
        return "cannot be reached: check that it runs, and the path of its socket"
    was_reset = any(isinstance(cause, ConnectionResetError) for cause in causes)
    if not address.service and (was_reset or "closed" in str(error).lower()):
        return _HUNG_UP_ON_TLS if address.is_tls else _HUNG_UP
    return "cannot be reached: check that it runs, and the URL's host and port"
