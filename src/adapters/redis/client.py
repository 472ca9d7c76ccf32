"""Runs scripts on the server that a URL names; what goes wrong is the ledger's absence."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from hashlib import sha1
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from adapters.redis.address import RedisAddress
from adapters.redis.connecting import PATIENCE, advice, connection_pool
from domain.ledger import LedgerUnavailable


class RedisScripts:
    """A few connections to one server, made when first needed."""

    def __init__(self, url: str) -> None:
        """`url`: see `RedisAddress`. Raises ValueError for an invalid one."""
        self._address = RedisAddress.parse(url)
        self._pool = connection_pool(self._address)
        self._redis = Redis.from_pool(self._pool)
        self.name = f"ledger {self._address.name}"

    async def run(self, script: str, *arguments: str | int) -> Any:
        """What the script answers. Raises LedgerUnavailable; the script may have run then."""
        call: Callable[..., Awaitable[Any]] = self._redis.execute_command
        try:
            async with asyncio.timeout(PATIENCE):
                try:
                    return await call("EVALSHA", _digest(script), 0, *arguments)
                except NoScriptError:  # the server does not know it, as after a restart
                    return await call("EVAL", script, 0, *arguments)
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
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
