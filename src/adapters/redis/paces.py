"""Turns and notes of a fleet, on a Redis server and by its clock."""

from typing import Final

from adapters.redis.client import RedisScripts
from adapters.secret import Secret
from domain.pace import CLOCK_SET_BACK, PARTS, Spacing, Turn

# `domain.pace.Lane`, inside the server. A lane is a hash: `n` is when the next turn is due,
# `b:<period>:<part>` how many turns of a budget's part are taken.
_TAKE: Final = """
local lane = ARGV[1] .. 'l:' .. ARGV[2]
local interval, burst, patience = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local parts, set_back = tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local due = tonumber(redis.call('HGET', lane, 'n') or '0')
if due > now + set_back then due = now end
local at = math.max(now, due - (burst - 1) * interval)
local ttl = interval * burst + patience + 60
local used, flat = {}, redis.call('HGETALL', lane)
for i = 1, #flat, 2 do
    local period, part = string.match(flat[i], '^b:([^:]+):(%d+)$')
    if period then
        used[period] = used[period] or {}
        table.insert(used[period], {tonumber(part), tonumber(flat[i + 1]), flat[i]})
    end
end
for i = 8, #ARGV, 2 do
    local count, period = tonumber(ARGV[i]), ARGV[i + 1]
    local seconds = tonumber(period)
    local width, total, kept = seconds / parts, 0, {}
    ttl = math.max(ttl, 2 * seconds)
    for _, one in ipairs(used[period] or {}) do
        if (one[1] + 1) * width + seconds > at and one[1] * width < at + set_back then
            kept[#kept + 1] = one
            total = total + one[2]
        else
            redis.call('HDEL', lane, one[3])
        end
    end
    table.sort(kept, function(a, b) return a[1] < b[1] end)
    for _, one in ipairs(kept) do
        if total < count then break end
        at = math.max(at, (one[1] + 1) * width + seconds)
        total = total - one[2]
    end
end
local answer = {0, string.format('%.6f', at - now), string.format('%.6f', at)}
if at - now > patience then return answer end
redis.call('HSET', lane, 'n', string.format('%.6f', math.max(due, at) + interval))
for i = 9, #ARGV, 2 do
    local part = math.floor(at / (tonumber(ARGV[i]) / parts) + 0.00001)
    redis.call('HINCRBY', lane, 'b:' .. ARGV[i] .. ':' .. string.format('%.0f', part), 1)
end
redis.call('PEXPIRE', lane, string.format('%.0f', ttl * 1000))
answer[1] = 1
return answer
"""

_GIVE_BACK: Final = """
local lane, at, parts = ARGV[1] .. 'l:' .. ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 5, #ARGV do
    local part = math.floor(at / (tonumber(ARGV[i]) / parts) + 0.00001)
    local field = 'b:' .. ARGV[i] .. ':' .. string.format('%.0f', part)
    if tonumber(redis.call('HGET', lane, field) or '0') > 0 then
        redis.call('HINCRBY', lane, field, -1)
    end
end
"""

_HOLD: Final = """
local lane, time = ARGV[1] .. 'l:' .. ARGV[2], redis.call('TIME')
local next = tonumber(time[1]) + tonumber(time[2]) / 1000000 + tonumber(ARGV[3])
redis.call('HSET', lane, 'n', string.format('%.6f', next))
if redis.call('TTL', lane) < 0 then
    redis.call('EXPIRE', lane, math.ceil(tonumber(ARGV[3])) + 3600)
end
"""

_NOTE: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
return {redis.call('HGET', ARGV[1] .. 'notes', ARGV[2]) or '', string.format('%.6f', now)}
"""

_SWAP: Final = """
local notes = ARGV[1] .. 'notes'
if (redis.call('HGET', notes, ARGV[2]) or '') ~= ARGV[3] then return 0 end
redis.call('HSET', notes, ARGV[2], ARGV[4])
return 1
"""

_NOTES: Final = "return redis.call('HGETALL', ARGV[1] .. 'notes')"


class RedisPaces:
    """The PaceStore contract on a Redis server."""

    def __init__(self, url: Secret, *, prefix: str = "dispatcher:ledger:pace:") -> None:
        """`url`: see `RedisAddress`. The default prefix begins with the ledger's, so that the same
        rights do. Raises ValueError for an invalid URL; connects when first used."""
        self._scripts = RedisScripts(url, prefix)

    async def take(self, key: str, spacing: Spacing, patience: float) -> Turn:
        budgets = [text for b in spacing.budgets for text in (b.count, _text(b.period))]
        head = (key, _text(spacing.interval), spacing.burst, _text(patience))
        taken, wait, at = await self._scripts.run(
            _TAKE, *head, PARTS, _text(CLOCK_SET_BACK), *budgets
        )
        return Turn(wait=float(wait), taken=bool(taken), at=float(at))

    async def give_back(self, key: str, spacing: Spacing, turn: Turn) -> None:
        periods = (_text(budget.period) for budget in spacing.budgets)
        await self._scripts.run(_GIVE_BACK, key, _text(turn.at), PARTS, *periods)

    async def hold(self, key: str, wait: float) -> None:
        await self._scripts.run(_HOLD, key, _text(wait))

    async def note(self, key: str) -> tuple[str, float]:
        note, now = await self._scripts.run(_NOTE, key)
        return note.decode(), float(now)

    async def swap(self, key: str, old: str, new: str) -> bool:
        return bool(await self._scripts.run(_SWAP, key, old, new))

    async def notes(self) -> dict[str, str]:
        flat = [item.decode() for item in await self._scripts.run(_NOTES)]
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def close(self) -> None:
        await self._scripts.close()


def _text(number: float) -> str:
    return f"{number:.6f}"
