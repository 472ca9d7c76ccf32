"""The rules of `domain.ledger`, run inside the server: how a start is answered."""

from typing import Final

from adapters.redis.scripts import READING, WRITING

_JUDGE: Final = """
local key = key_of(claim)
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

local found, left, doubted, crashed = {}, {}, {}, {}
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
        local kind = row.takeovers < 0 and doubted or crashed
        kind[#kind + 1] = row
        if not row.dead and kind == crashed then
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
    READING
    + """
local claim, fingerprint, has_id, redelivered = ARGV[5], ARGV[6], ARGV[7] == '1', ARGV[8] == '1'
local first = 9
"""
    + _JUDGE
    + """
if busy then return all_but_sent('busy', has_id) end
if poison then return all_but_sent('poison', true) end
if #crashed > 0 and has_recovered() then return all_but_sent('busy', has_id) end
return answer(function(recipient) return found[recipient] end)
"""
)
"""Arguments: claim (its beginning is enough), fingerprint, has_id, redelivered, recipients (each
once). Answers as START does, and writes nothing."""

START: Final = (
    WRITING
    + """
local claim, session, fingerprint = ARGV[5], ARGV[6], ARGV[7]
local has_id, redelivered = ARGV[8] == '1', ARGV[9] == '1'
local first = 11 + tonumber(ARGV[10])
for i = 11, first - 1 do undo(ARGV[i]) end
if exists('x:' .. claim) then return {0} end
"""
    + _JUDGE
    + """
local function take(row, takeover)
    row.claim, row.owner, row.session = claim, owner, session
    row.takeovers = math.max(row.takeovers, 0) + takeover
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
if #crashed > 0 and has_recovered() then return all_but_sent('busy', has_id) end
use_up()
for _, row in ipairs(doubted) do take(row, 0) end
for _, row in ipairs(crashed) do take(row, 1) end
if #crashed > 0 then put('u:' .. owner, claim, retention) end
for i = first, #ARGV do
    if not by_recipient[ARGV[i]] then
        local field = ARGV[i]
        if not has_id then field = field .. ':' .. redis.call('INCR', prefix .. 'n') end
        write(key, {field = field, state = 0, takeovers = 0, owner = owner, claim = claim,
                    session = session, fingerprint = fingerprint})
    end
end
return answer(function(recipient) return found[recipient] end, #crashed > 0)
"""
)
"""Arguments: claim, session, fingerprint, has_id, redelivered, how many starts are to be undone,
these, recipients (each once). Answers {0} where this start was undone before it came, else
{1, is_recovered, state...}."""
