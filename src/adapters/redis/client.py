"""Runs scripts on the server that a URL names. Any error there means that the ledger is away."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from hashlib import sha1
from types import SimpleNamespace
from typing import Any, Final

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff

from adapters.redis.address import RedisAddress
from domain.ledger import LedgerUnavailable

PATIENCE: Final = 2.0
"""Seconds after which a call has failed."""

_CONNECTIONS: Final = 8
_CALLS: Final[dict[str, Any]] = {
    "socket_timeout": PATIENCE,
    "socket_connect_timeout": PATIENCE,
    "retry": Retry(NoBackoff(), 0),  # a start that was not answered may have happened
}

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
_KINDS: Final[Sequence[tuple[type[Exception], str]]] = (
    (
        MasterNotFoundError,
        "no Sentinel names a primary of this service: check the Sentinels and the service's name",
    ),
    (exceptions.AuthenticationError, "it refuses the login: check user and password in the URL"),
    (
        exceptions.NoPermissionError,
        "this user may not do that: allow EVAL, EVALSHA, what scripts call, and the prefix's keys",
    ),
    (exceptions.ReadOnlyError, "it is a replica that cannot be written: name the primary"),
    (exceptions.OutOfMemoryError, "its memory is full: raise maxmemory or shorten the retention"),
    (exceptions.BusyLoadingError, "it is loading its data and answers when it has done so: wait"),
)
_UNTRUSTED: Final = {
    10: "its certificate has expired: renew it",
    62: "its certificate is for another name: check the URL's host",
    64: "its certificate is for another address: check the URL's host",
}
_ADD_CERTIFICATE: Final = "add ?ssl_certfile=…&ssl_keyfile=… to the URL"


class RedisScripts:
    """A few connections to one server, made when first needed."""

    def __init__(self, url: str, *common: str | int) -> None:
        """`url`: see `RedisAddress`. `common`: the first arguments of each script. Raises
        ValueError for an invalid URL."""
        self._common = common
        self._address = RedisAddress.parse(url)
        self._pool = _connection_pool(self._address)
        self._turns = asyncio.Semaphore(_CONNECTIONS)  # the pool alone is not fair to who waits
        self._redis = Redis.from_pool(self._pool)
        self.name = f"ledger {self._address.name}"

    async def run(self, script: str, *arguments: str | int) -> Any:
        """What the script answers. Raises LedgerUnavailable; the script may have run then."""
        call: Callable[..., Awaitable[Any]] = self._redis.execute_command
        arguments = (0, *self._common, *arguments)
        try:
            async with asyncio.timeout(PATIENCE), self._turns:
                try:
                    return await call("EVALSHA", _digest(script), *arguments)
                except exceptions.NoScriptError:  # the server does not know it, as after a restart
                    return await call("EVAL", script, *arguments)
        except (exceptions.RedisError, OSError) as error:  # a TimeoutError is an OSError
            # What else is in the pool is likely as dead; the next call connects again.
            await self._pool.disconnect(inuse_connections=False)
            raise LedgerUnavailable(f"{self.name}: {advice(error, self._address)}") from error

    async def close(self) -> None:
        """Let go of the connections. May be called twice."""
        await self._redis.aclose()
        await self._pool.disconnect()


@cache
def _digest(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


def _connection_pool(address: RedisAddress) -> BlockingConnectionPool:
    """Connections that are made when first needed, never repeat a call by themselves and wait for
    a free one."""
    common: dict[str, Any] = {
        "db": address.database,
        "username": address.user,
        "password": address.password,
        **_CALLS,
        **address.options,
    }
    if address.path:
        kind: type[Any] = UnixDomainSocketConnection
        common["path"] = address.path
    elif address.service:
        kind = SentinelManagedSSLConnection if address.is_tls else SentinelManagedConnection
        tls = {name: value for name, value in address.options.items() if name.startswith("ssl_")}
        asking = {**_CALLS, **tls, "ssl": address.is_tls}
        sentinel = Sentinel(address.places, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
        # What redis-py's connections ask for the server to connect to, in place of its own pool,
        # which does not wait for a free connection.
        common["connection_pool"] = SimpleNamespace(
            is_master=True,
            check_connection=False,
            get_master_address=partial(_primary, sentinel, address.service, asyncio.Lock()),
        )
    else:
        kind = SSLConnection if address.is_tls else Connection
        ((common["host"], common["port"]),) = address.places
    return BlockingConnectionPool(
        connection_class=kind, max_connections=_CONNECTIONS, timeout=PATIENCE, **common
    )


async def _primary(sentinel: Sentinel, service: str, asking: asyncio.Lock) -> tuple[str, int]:
    """The primary that the Sentinels agree on. Raises MasterNotFoundError."""
    async with asking:
        try:
            host, port = await sentinel.discover_master(service)
        finally:  # asked only for a new connection, so that none is kept
            for client in sentinel.sentinels:
                await client.connection_pool.disconnect()
    return str(host), int(port)


def advice(error: BaseException, address: RedisAddress) -> str:
    """What is wrong and what to do, in one line."""
    said = ""
    if isinstance(error, exceptions.ResponseError | exceptions.ConnectionError):
        # redis-py takes the code off the text of some answers.
        said = f"{getattr(error, 'status_code', None) or ''} {error}"
    known = [words for sign, words in _SAID if sign in said]
    known += [words for kind, words in _KINDS if isinstance(error, kind)]
    if known:
        return known[0]
    if address.is_tls and (fault := _tls(error)):
        return fault
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        clear = ", and that its port speaks TLS" if address.is_tls else ""
        return f"no answer within {PATIENCE:g} seconds: check that it runs and is reachable{clear}"
    if isinstance(error, exceptions.ConnectionError | OSError):
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
        return f"it wants a client certificate: {_ADD_CERTIFICATE}"
    if "WRONG_VERSION" in text or "RECORD" in reason or "HTTP_REQUEST" in reason:
        return "it does not speak TLS on this port: check the port, or use redis://"
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
    if address.service or not (was_reset or "closed" in str(error).lower()):
        return "cannot be reached: check that it runs, and the URL's host and port"
    # In TLS 1.3 a server judges our certificate after our first command is sent; the reset that
    # follows may take its alert away (RFC 8446, 4.4.2.4 and 6.2).
    remedy = "; a port that speaks TLS needs rediss://"
    if address.is_tls:
        remedy = f", and which client certificate it wants: {_ADD_CERTIFICATE}"
    return f"cannot be reached, it hung up: check that it runs{remedy}"
