"""Runs scripts on the server that a URL names, which is read again at each connect. Any error there
means that what is kept on it is away."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from hashlib import sha1
from typing import Any, Final

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError

from adapters.redis.address import RedisAddress
from adapters.redis.connections import CONNECTIONS, PATIENCE, CurrentLogin, connection_pool
from adapters.secret import Secret
from domain.errors import DispatcherError
from domain.ledger import LedgerUnavailable

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
    ("slot not served", "it is a node of a cluster, which cannot hold the ledger"),
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

    def __init__(
        self,
        url: Secret,
        *common: str | int,
        what: str = "ledger",
        unavailable: type[DispatcherError] = LedgerUnavailable,
    ) -> None:
        """`url`: see `RedisAddress`. `common`: the first arguments of each script. `what`: what is
        kept there, for errors; `unavailable`: what is raised while it is away. Raises ValueError
        for an invalid URL."""
        self._common = common
        self._what, self._unavailable = what, unavailable
        self._url = url.checked(RedisAddress.parse)
        self._address = RedisAddress.parse(url.value)
        self._read = url.value, self._address
        self._turns = asyncio.Semaphore(CONNECTIONS)  # the pool alone is not fair to who waits
        self._redis = self._client()

    @property
    def name(self) -> str:
        """What is kept there by its place, for errors."""
        return f"{self._what} {self._address.name}"

    async def run(self, script: str, *arguments: str | int) -> Any:
        """What the script answers. Raises `unavailable`; the script may have run then."""
        client = self._redis
        arguments = (0, *self._common, *arguments)
        try:
            async with asyncio.timeout(PATIENCE), self._turns:
                client = self._redis
                call: Callable[..., Awaitable[Any]] = client.execute_command
                try:
                    return await call("EVALSHA", _digest(script), *arguments)
                except exceptions.NoScriptError:  # the server does not know it, as after a restart
                    return await call("EVAL", script, *arguments)
        except (exceptions.RedisError, OSError) as error:  # a TimeoutError is an OSError
            text = advice(error, self._address).replace("the ledger", f"the {self._what}")
            fault = self._unavailable(f"{self.name}: {text}")
            # What else is in the pool is likely as dead; the next call connects again.
            await client.connection_pool.disconnect(inuse_connections=False)
            self._follow()
            raise fault from error
        finally:
            if client is not self._redis:  # whoever uses the place that was left closes the door
                await client.connection_pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        """Let go of the connections. May be called twice."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    def _follow(self) -> None:
        """Go where the setting points now."""
        address = self._now()
        if not address.is_same_place(self._address):
            self._address = address
            self._redis = self._client()

    def _client(self) -> Redis:
        login = CurrentLogin(self._address, self._now)
        return Redis.from_pool(connection_pool(self._address, login))

    def _now(self) -> RedisAddress:
        text, address = self._read
        if (now := self._url.now()) != text:
            address = RedisAddress.parse(now)
            self._read = now, address
        return address


@cache
def _digest(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


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
