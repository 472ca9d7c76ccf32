"""The ledger's steps, run inside the server: one script, one round trip and one step each.

A delivery is a hash, one field for each row: the
recipient's digest with an id, that and a growing number without. A value is
`state|takeovers|owner|claim|session|fingerprint`; -1 takeovers: a start ended in doubt. Next to
them: `o:` a process that lives, `u:` the recovered delivery it has in hand, `e:` a session that has
ended, `x:` a start that was given up.
"""

from typing import Final

READING: Final = """
local prefix, owner, lease, retention = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local function exists(key) return redis.call('EXISTS', prefix .. key) == 1 end
local function key_of(claim) return prefix .. 'd:' .. string.sub(claim, 1, 33) end
local function rows_of(key)
    local rows, flat = {}, redis.call('HGETALL', key)
    for i = 1, #flat, 2 do
        local s, t, o, c, e, f = string.match(
            flat[i + 1], '^(%d+)|(-?%d+)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
        rows[#rows + 1] = {
            field = flat[i], recipient = string.sub(flat[i], 1, 32),
            number = tonumber(string.sub(flat[i], 34)) or 0,
            state = tonumber(s), takeovers = tonumber(t), owner = o, claim = c, session = e,
            fingerprint = f}
    end
    table.sort(rows, function(a, b) return a.number < b.number end)
    return rows
end
local function claimed(claim)
    local mine = {}
    for _, row in ipairs(rows_of(key_of(claim))) do
        if row.claim == claim then mine[#mine + 1] = row end
    end
    return mine
end
local function has_recovered()
    for _, row in ipairs(claimed(redis.call('GET', prefix .. 'u:' .. owner) or '')) do
        if row.takeovers > 0 and row.state < 2 then return true end
    end
    return false
end
"""

WRITING: Final = (
    READING
    + """
local function put(key, value, ms) redis.call('SET', prefix .. key, value, 'PX', ms) end
local function forget(key, row) redis.call('HDEL', key, row.field) end
local function write(key, row)
    redis.call('HSET', key, row.field, table.concat(
        {row.state, row.takeovers, row.owner, row.claim, row.session, row.fingerprint}, '|'))
    redis.call('PEXPIRE', key, retention)
end
local function end_recovered(claim)
    if redis.call('GET', prefix .. 'u:' .. owner) == claim then
        redis.call('DEL', prefix .. 'u:' .. owner)
    end
end
local function undo(claim)
    put('x:' .. claim, '', 3600000)
    for _, row in ipairs(claimed(claim)) do
        if row.state < 2 and row.takeovers == 0 then
            forget(key_of(claim), row)
        else
            row.owner, row.claim, row.takeovers = '', '', math.max(row.takeovers - 1, 0)
            write(key_of(claim), row)
        end
    end
    end_recovered(claim)
end
put('o:' .. owner, '', lease)
"""
)

RENEW: Final = WRITING + "for i = 5, #ARGV do undo(ARGV[i]) end"
"""Arguments: starts to be undone."""

END: Final = WRITING + "redis.call('DEL', prefix .. 'o:' .. owner)"

END_SESSION: Final = WRITING + "put('e:' .. ARGV[5], '', retention)"
"""Argument: the session."""

SENDING: Final = (
    WRITING
    + """
local mine = {}
for _, row in ipairs(claimed(ARGV[5])) do mine[row.recipient] = row end
for i = 6, #ARGV do
    if not mine[ARGV[i]] then return 0 end
end
for i = 6, #ARGV do
    local row = mine[ARGV[i]]
    row.state = math.max(row.state, 1)
    write(key_of(ARGV[5]), row)
end
return 1
"""
)
"""Arguments: claim, recipients. 0 where one of them is not the claim's."""

SENT: Final = (
    WRITING
    + """
local got = {}
for i = 6, #ARGV do got[ARGV[i]] = true end
for _, row in ipairs(claimed(ARGV[5])) do
    if got[row.recipient] then
        row.state = 2
        write(key_of(ARGV[5]), row)
    end
end
"""
)
"""Arguments: claim, recipients."""

FINISH: Final = (
    WRITING
    + """
local claim, got, doubted = ARGV[5], {}, {}
for i = 8, #ARGV do
    if i < 8 + tonumber(ARGV[7]) then got[ARGV[i]] = true else doubted[ARGV[i]] = true end
end
for _, row in ipairs(claimed(claim)) do
    if got[row.recipient] or row.state == 2 then
        row.state, row.claim = 2, ARGV[6]
        write(key_of(claim), row)
    elseif doubted[row.recipient] then
        row.state, row.takeovers = 1, -1
        write(key_of(claim), row)
    else
        forget(key_of(claim), row)
    end
end
end_recovered(claim)
"""
)
"""Arguments: claim, the claim that they keep, how many got it, these, and those in doubt."""

ACKED: Final = (
    WRITING
    + """
local has_id = string.sub(ARGV[5], 1, 1) == 'i'
for _, row in ipairs(claimed(ARGV[5])) do
    if has_id and row.takeovers < 0 or not has_id and not exists('e:' .. row.session) then
        forget(key_of(ARGV[5]), row)
    end
end
"""
)
"""Argument: claim. With an id only those in doubt are forgotten."""
