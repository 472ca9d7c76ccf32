"""The list of suppressions on a Redis server, for a fleet: one hash, asked for each message."""

import json
import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from adapters.redis.client import RedisScripts
from adapters.secret import Secret
from domain.suppressions import Suppression, SuppressionsUnavailable

# The hash's name is the first argument of each.
_FIND: Final = "return redis.call('HMGET', ARGV[1], unpack(ARGV, 2))"
_ADD: Final = """
redis.call('HSETNX', ARGV[1], '#', 'the list of suppressions')
local new = {}
for i = 2, #ARGV, 2 do new[#new + 1] = redis.call('HSETNX', ARGV[1], ARGV[i], ARGV[i + 1]) end
return new
"""
_REMOVE: Final = """
local found = {}
for i = 2, #ARGV do found[#found + 1] = redis.call('HDEL', ARGV[1], ARGV[i]) end
return found
"""
_POLICY: Final = "return redis.call('INFO', 'memory')"
_SCAN: Final = "return redis.call('HSCAN', ARGV[1], ARGV[2], 'COUNT', 1000)"

_MARK: Final = "#"
"""The field that each list has, also one without an address: else it was lost."""

_EVICTION = re.compile(rb"^maxmemory_policy:(\S+)", re.MULTILINE)
_MOST = 500  # of a call: others must not wait for long


class RedisSuppressions:
    """The SuppressionStore contract on a Redis server. A field is `channel:address`, its value an
    object with reason and date. The server must not evict (`maxmemory-policy noeviction`)."""

    keeps_for = timedelta(seconds=1)  # so that a mail that does not wait asks once

    def __init__(
        self, url: Secret, *, key: str = "dispatcher:suppressions", may_be_absent: bool = True
    ) -> None:
        """`url`: see `RedisAddress`. `key`: of the hash. Unless it `may_be_absent`, a server
        without a list counts as away; so does always one that had a list before. Raises ValueError
        for an invalid URL; connects when first used."""
        self._is_expected = not may_be_absent
        self._scripts = RedisScripts(
            url, key, what="suppressions", unavailable=SuppressionsUnavailable
        )

    async def find(self, channel: str, addresses: Sequence[str]) -> Sequence[Suppression | None]:
        fields = [_field(channel, one) for one in addresses]
        mark, *found = await self._scripts.run(_FIND, _MARK, *fields)
        if mark is None and self._is_expected:
            text = "has no list; put it back, or begin one by dispatcher suppress add"
            raise SuppressionsUnavailable(f"{self._scripts.name}: {text}")
        self._is_expected = self._is_expected or mark is not None
        return [
            None if value is None else _entry(channel, address, value)
            for address, value in zip(addresses, found, strict=True)
        ]

    async def add(self, entries: Sequence[Suppression]) -> Sequence[bool]:
        return await self._each(
            _ADD, [(_field(one.channel, one.address), _value(one)) for one in entries]
        )

    async def remove(self, channel: str, addresses: Sequence[str]) -> Sequence[bool]:
        return await self._each(_REMOVE, [(_field(channel, address),) for address in addresses])

    async def may_evict(self) -> bool:
        """Whether the server drops entries when it is full. False where it does not say."""
        try:
            said: bytes = await self._scripts.run(_POLICY)
        except SuppressionsUnavailable:  # the user may not ask
            return False
        found = _EVICTION.search(said)
        return found is not None and found[1] != b"noeviction"

    async def _each(self, script: str, of_each: Sequence[tuple[str, ...]]) -> list[bool]:
        answers: list[bool] = []
        for start in range(0, len(of_each), _MOST):
            several = of_each[start : start + _MOST]
            said = await self._scripts.run(script, *(word for one in several for word in one))
            answers += map(bool, said)
        return answers

    async def entries(self) -> Sequence[Suppression]:
        found: dict[str, Suppression] = {}  # a scan may give one of them twice
        cursor = "0"
        while True:
            at, flat = await self._scripts.run(_SCAN, cursor)
            for field, value in zip(flat[::2], flat[1::2], strict=True):
                if field == _MARK.encode():
                    continue
                channel, _, address = field.decode(errors="replace").partition(":")
                found[field] = _entry(channel, address, value)
            cursor = at.decode()
            if cursor == "0":
                return tuple(found.values())

    async def close(self) -> None:
        await self._scripts.close()


def _field(channel: str, address: str) -> str:
    return f"{channel}:{address}"


def _value(entry: Suppression) -> str:
    since = entry.since.isoformat() if entry.since else None
    return json.dumps({"reason": entry.reason, "date": since}, ensure_ascii=False)


def _entry(channel: str, address: str, value: bytes) -> Suppression:
    """The entry; of one that was stored by hand, with another value, no more than its address."""
    try:
        about = json.loads(value)
        reason, since = about["reason"], about["date"]
        day = date.fromisoformat(since) if since else None
        return Suppression(channel=channel, address=address, reason=str(reason), since=day)
    except (ValueError, TypeError, KeyError):
        return Suppression(channel=channel, address=address)
