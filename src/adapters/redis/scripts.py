"""The ledger's rules, run inside the server: one script, one round trip and one step each.

The rules are those of `domain.ledger_rules`. A delivery is a hash, one field for each row: the
recipient's digest with an id, that and a growing number without. A value is
`state|takeovers|owner|claim|session|fingerprint`. Next to them: `o:` a process that lives, `u:` the
recovered delivery it has in hand, `e:` a session that has ended, `x:` a start that was given up.
"""

from typing import Final

_READING: Final = """
local prefix, owner, lease, retention = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local function exists(key) return redis.call('EXISTS', prefix .. key) == 1 end
local function key_of(claim) return prefix .. 'd:' .. string.sub(claim, 1, 33) end
local function rows_of(key)
    local rows, flat = {}, redis.call('HGETALL', key)
    for i = 1, #flat, 2 do
        local s, t, o, c, e, f = string.match(
            flat[i + 1], '^(%d+)|(%d+)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
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

_COMMON: Final = (
    _READING
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

RENEW: Final = _COMMON + "for i = 5, #ARGV do undo(ARGV[i]) end"
"""Arguments: starts to be undone."""

END: Final = _COMMON + "redis.call('DEL', prefix .. 'o:' .. owner)"

END_SESSION: Final = _COMMON + "put('e:' .. ARGV[5], '', retention)"
"""Argument: the session."""

SENDING: Final = (
    _COMMON
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
    _COMMON
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
    _COMMON
    + """
local claim, got = ARGV[5], {}
for i = 6, #ARGV do got[ARGV[i]] = true end
for _, row in ipairs(claimed(claim)) do
    if got[row.recipient] or row.state == 2 then
        row.state = 2
        if string.sub(claim, 1, 1) == 'i' then row.claim = '' end
        write(key_of(claim), row)
    else
        forget(key_of(claim), row)
    end
end
end_recovered(claim)
"""
)
"""Arguments: claim, recipients who got it."""

ACKED: Final = (
    _COMMON
    + """
for _, row in ipairs(claimed(ARGV[5])) do
    if not exists('e:' .. row.session) then forget(key_of(ARGV[5]), row) end
end
"""
)
"""Argument: claim."""

_JUDGE: Final = """
local has_id, key = string.sub(claim, 1, 1) == 'i', key_of(claim)
local function answer(of, recovered)
    local reply = {1, recovered and 1 or 0}
    for i = first, #ARGV do reply[#reply + 1] = of(ARGV[i]) end
    return reply
end

local by_recipient, living, free, rows = {}, {}, {}, {}
if has_id or redelivered then rows = rows_of(key) end
for _, row in ipairs(rows) do
    if has_id and row.fingerprint ~= fingerprint then
        return answer(function() return 'conflict' end)
    end
    if living[row.owner] == nil then living[row.owner] = exists('o:' .. row.owner) end
    row.dead = not living[row.owner]
    row.unsure = not (has_id or row.dead or exists('e:' .. row.session))
    if not row.unsure or row.owner ~= owner then
        local rank = row.unsure and 4 or row.state == 2 and 3 or row.dead and 1 or 2
        local best = by_recipient[row.recipient]
        if not best or rank < best.rank then
            row.rank = rank
            by_recipient[row.recipient] = row
        end
    end
end

local found, there, left = {}, {}, {}
local busy, poison = false, false
for i = first, #ARGV do
    local row = by_recipient[ARGV[i]]
    local state = 'clear'
    if row and row.unsure then
        state, busy = 'busy', true
    elseif row and row.state == 2 then
        state = 'sent'
    elseif row then
        left[#left + 1] = row
        if not row.dead then
            state, busy = 'busy', true
        elseif row.takeovers >= 2 then
            state, poison = 'poison', true
        elseif row.state == 1 then
            state = 'in_doubt'
        end
    end
    found[ARGV[i]] = state
end
local function all_but_sent(state, keeps_sent)
    return answer(function(recipient)
        return found[recipient] == 'sent' and keeps_sent and 'sent' or state
    end)
end
"""

PEEK: Final = (
    _READING
    + """
local claim, fingerprint, redelivered, first = ARGV[5], ARGV[6], ARGV[7] == '1', 8
"""
    + _JUDGE
    + """
if busy then return all_but_sent('busy', has_id) end
if poison then return all_but_sent('poison', true) end
if #left > 0 and has_recovered() then return all_but_sent('busy', has_id) end
return answer(function(recipient) return found[recipient] end)
"""
)
"""Arguments: claim (of the kind and key that a start would have), fingerprint, redelivered,
recipients (each once). Answers as START does, and writes nothing."""

START: Final = (
    _COMMON
    + """
local claim, session, fingerprint, redelivered = ARGV[5], ARGV[6], ARGV[7], ARGV[8] == '1'
local first = 10 + tonumber(ARGV[9])
for i = 10, first - 1 do undo(ARGV[i]) end
if exists('x:' .. claim) then return {0} end
"""
    + _JUDGE
    + """
local function take(row, takeover)
    row.claim, row.owner, row.session = claim, owner, session
    row.takeovers = row.takeovers + takeover
    write(key, row)
end
local function use_up()
    for i = first, #ARGV do
        if found[ARGV[i]] == 'sent' and not has_id then take(by_recipient[ARGV[i]], 0) end
    end
end

if busy then return all_but_sent('busy', has_id) end
if poison then
    use_up()
    for _, row in ipairs(left) do forget(key, row) end
    return all_but_sent('poison', true)
end
if #left > 0 and has_recovered() then return all_but_sent('busy', has_id) end
use_up()
for _, row in ipairs(left) do take(row, 1) end
if #left > 0 then put('u:' .. owner, claim, retention) end
for i = first, #ARGV do
    if not by_recipient[ARGV[i]] then
        local field = ARGV[i]
        if not has_id then field = field .. ':' .. redis.call('INCR', prefix .. 'n') end
        write(key, {field = field, state = 0, takeovers = 0, owner = owner, claim = claim,
                    session = session, fingerprint = fingerprint})
    end
end
return answer(function(recipient) return found[recipient] end, #left > 0)
"""
)
"""Arguments: claim, session, fingerprint, redelivered, how many starts are to be undone, these,
recipients (each once). Answers {0} where this start was undone before it came, else
{1, is_recovered, state...}."""

ALL: Final = (RENEW, END, END_SESSION, SENDING, SENT, FINISH, ACKED, PEEK, START)
