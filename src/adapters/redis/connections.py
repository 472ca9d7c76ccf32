"""Connections to the server, made when needed; each signs in as the setting has it by then."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from adapters.redis.address import RedisAddress

PATIENCE: Final = 2.0
"""Seconds after which a call has failed."""

CONNECTIONS: Final = 8
"""The most that are open at once."""

_CALLS: Final[dict[str, Any]] = {
    "socket_timeout": PATIENCE,
    "socket_connect_timeout": PATIENCE,
    "retry": Retry(NoBackoff(), 0),  # a start that was not answered may have happened
}


class CurrentLogin(CredentialProvider):
    """User and password for each new connection, as the setting has them by then."""

    def __init__(self, place: RedisAddress, now: Callable[[], RedisAddress]) -> None:
        self._known = place
        self._now = now

    def get_credentials(self) -> Any:
        """Empty where there is neither; redis-py sends none then."""
        address = self._now()
        if address.is_same_place(self._known):  # another place is not this connection's
            self._known = address
        user, password = self._known.user, self._known.password or ""
        if user:
            return user, password
        return (password,) if password else ()

    async def get_credentials_async(self) -> Any:
        """The same."""
        return self.get_credentials()


def connection_pool(address: RedisAddress, login: CredentialProvider) -> BlockingConnectionPool:
    """Connections that are made when first needed, never repeat a call by themselves and wait for
    a free one."""
    options = dict(address.options)
    if "ssl_ca_certs" in options:  # as `adapters.tls` has it
        options["ssl_exclude_verify_flags"] = [ssl.VERIFY_X509_STRICT]
    common: dict[str, Any] = {
        "db": address.database,
        "credential_provider": login,
        **_CALLS,
        **options,
    }
    if address.path:
        kind: type[Any] = UnixDomainSocketConnection
        common["path"] = address.path
    elif address.service:
        kind = SentinelManagedSSLConnection if address.is_tls else SentinelManagedConnection
        tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
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
        connection_class=kind, max_connections=CONNECTIONS, timeout=PATIENCE, **common
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
