"""The list of suppressions on a Redis server, for a fleet: one hash, asked for each message."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Final

from adapters.redis.client import RedisScripts
from adapters.secret import Secret
from domain.suppressions import Suppression, SuppressionsUnavailable

# The hash's name is the first argument of each.
_FIND: Final = "return redis.call('HMGET', ARGV[1], unpack(ARGV, 2))"
_ADD: Final = "return redis.call('HSETNX', ARGV[1], ARGV[2], ARGV[3])"
_REMOVE: Final = "return redis.call('HDEL', ARGV[1], ARGV[2])"
_SCAN: Final = "return redis.call('HSCAN', ARGV[1], ARGV[2], 'COUNT', 1000)"


class RedisSuppressions:
    """The SuppressionStore contract on a Redis server. A field is `channel:address`, its value an
    object with reason and date. The server must not evict (`maxmemory-policy noeviction`)."""

    def __init__(self, url: Secret, *, key: str = "dispatcher:suppressions") -> None:
        """`url`: see `RedisAddress`. `key`: of the hash. Raises ValueError for an invalid URL;
        connects when first used."""
        self._scripts = RedisScripts(
            url, key, what="suppressions", unavailable=SuppressionsUnavailable
        )

    async def find(self, channel: str, addresses: Sequence[str]) -> Sequence[Suppression | None]:
        found = await self._scripts.run(_FIND, *(f"{channel}:{one}" for one in addresses))
        return [
            None if value is None else _entry(channel, address, value)
            for address, value in zip(addresses, found, strict=True)
        ]

    async def add(self, entry: Suppression) -> bool:
        since = entry.since.isoformat() if entry.since else None
        value = json.dumps({"reason": entry.reason, "date": since}, ensure_ascii=False)
        field = f"{entry.channel}:{entry.address}"
        return bool(await self._scripts.run(_ADD, field, value))

    async def remove(self, channel: str, address: str) -> bool:
        return bool(await self._scripts.run(_REMOVE, f"{channel}:{address}"))

    async def entries(self) -> Sequence[Suppression]:
        found: dict[str, Suppression] = {}  # a scan may give one of them twice
        cursor = "0"
        while True:
            at, flat = await self._scripts.run(_SCAN, cursor)
            for field, value in zip(flat[::2], flat[1::2], strict=True):
                channel, _, address = field.decode().partition(":")
                found[field] = _entry(channel, address, value)
            cursor = at.decode()
            if cursor == "0":
                return tuple(found.values())

    async def close(self) -> None:
        await self._scripts.close()


def _entry(channel: str, address: str, value: bytes) -> Suppression:
    """The entry; of one that was stored by hand, with another value, no more than its address."""
    try:
        about = json.loads(value)
        reason, since = about["reason"], about["date"]
        day = date.fromisoformat(since) if since else None
        return Suppression(channel=channel, address=address, reason=str(reason), since=day)
    except (ValueError, TypeError, KeyError):
        return Suppression(channel=channel, address=address)
