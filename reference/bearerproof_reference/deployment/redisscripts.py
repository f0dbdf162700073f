"""The scripts of the shared token store: each is one operation, and the server runs it whole or not at all.

Every script is called with one key, ``<prefix>state``, and with the words of ``HEADER`` before its own. It returns the
time and number of its decision, and its answer. Numbers stay the texts that they came as: Lua would print them with 14
digits.
"""

HEADER = ("prefix", "now", "retention", "leeway", "births", "durable", "replicated", "evicted", "run")
"""What each script is told first: where it works, the caller's time, how long tombstones stay, how far a caller's clock
may be ahead of the server's (inf: however far), and whether a server without our past is noticed (1) or not (0). If so:
whether this one keeps all through a restart, whether all that was answered is in its replicas too, how many keys it has
evicted, and the run id that it gave when it was connected to."""

_PRELUDE = """
local prefix, now, retention, leeway = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local births, durable, replicated, evicted, here = ARGV[5] == '1', ARGV[6] == '1', ARGV[7] == '1', ARGV[8], ARGV[9]
local words = {unpack(ARGV, 10)}
local state, removals, revocations = KEYS[1], prefix .. 'removals', prefix .. 'revocations'
local claims, uses = prefix .. 'claims', prefix .. 'uses'
local number, born, generation = 0, -math.huge, ''

local function token_key(digest) return prefix .. 'token:' .. generation .. digest end
local function jti_key(jti) return prefix .. 'jti:' .. generation .. jti end
local function live_key(identity) return prefix .. 'live:' .. generation .. identity end

local function check_clock()
  local time = redis.call('TIME')
  if tonumber(now) > time[1] + time[2] / 1000000 + leeway then error('the clock of the caller is ahead') end
end

-- Notice a server that has not our past, or not all of it: it is new, it came back, another took its place, or it
-- evicted something. Nothing that was issued before is good then, since nobody knows whether it was revoked or used.
local function take_up(latest, since, run, lost, name)
  local same = run == here and tonumber(evicted) <= tonumber(lost or 0)
  if not same then
    local promoted = not string.find(redis.call('INFO', 'replication'), 'second_repl_offset:-1', 1, true)
    local kept = since and run ~= here and ((promoted and replicated) or (not promoted and durable))
    if not kept then
      since, name = math.max(tonumber(now), tonumber(latest or now)), here .. ' ' .. evicted .. ':'
      since = string.format('%.17g', since)
    end
    redis.call('HSET', state, 'run', here, 'evicted', evicted, 'born', since, 'generation', name)
  end
  born, generation = tonumber(since), name
end

-- Return the store's time, the highest that anybody told it, as a number; `now` becomes its text. Where servers share
-- the store no two operations have the same time, so that their trails can be merged by it.
local function advance()
  if leeway < math.huge then check_clock() end
  local latest, operations, since, run, lost, name =
    unpack(redis.call('HMGET', state, 'latest', 'operations', 'born', 'run', 'evicted', 'generation'))
  if births then take_up(latest, since, run, lost, name) end
  if latest and tonumber(latest) >= tonumber(now) then
    now = births and string.format('%.6f', tonumber(latest) + 0.000001) or latest
  end
  number = tonumber(operations or 0) + 1
  redis.call('HSET', state, 'latest', now, 'operations', string.format('%.0f', number))
  return tonumber(now)
end

local function recall(field) return tonumber(redis.call('HGET', state, field) or '-inf') end

-- What must work in a server whose memory is full begins with this: the server refuses no write after a first one.
local function need_no_memory() redis.call('DEL', prefix .. 'nothing') end

local function outlive(key, milliseconds)
  if redis.call('PTTL', key) < milliseconds then
    redis.call('PEXPIRE', key, string.format('%.0f', milliseconds))
  end
end

local function remove(member)
  redis.call('ZREM', removals, member)
  redis.call('DEL', token_key(string.sub(member, 1, 64)), jti_key(string.sub(member, 66)))
end

local function forget_claim(name, ending)
  redis.call('HSET', state, 'claims-forgotten', ending)
  redis.call('ZREM', claims, name)
  redis.call('HDEL', uses, name)
end

local function forget_revocation(identity, at)
  redis.call('HSET', state, 'revocations-forgotten', at)
  redis.call('ZREM', revocations, identity)
end
"""

# The token itself is written last: should anything fail before, there is nothing that could be used.
_ISSUE = """
local digest, jti, identity, record, expires = words[1], words[2], words[3], words[4], words[5]
local subject_issued_at, cap, capacity = tonumber(words[6]), tonumber(words[7]), tonumber(words[8])
local clock = advance()
local live = live_key(identity)

if redis.call('EXISTS', token_key(digest), jti_key(jti)) > 0 then return 'known' end
if tonumber(expires) <= clock then return 'expired' end
local revoked_at = tonumber(redis.call('ZSCORE', revocations, identity) or '-inf')
if subject_issued_at < born then return 'revoked-before' end
if subject_issued_at <= math.max(revoked_at, recall('revocations-forgotten')) then return 'revoked-before' end
if redis.call('ZCOUNT', live, '(' .. now, '+inf') >= cap then return 'cap-reached' end
if redis.call('ZCARD', removals) >= capacity then
  local due = redis.call('ZRANGEBYSCORE', removals, '-inf', now, 'LIMIT', 0, 1)
  if due[1] then remove(due[1]) end
  if redis.call('ZCARD', removals) >= capacity then return 'full' end
end

local removal = tonumber(expires) + retention
local milliseconds = math.ceil((removal - clock) * 1000)
redis.call('ZADD', removals, string.format('%.17g', removal), digest .. ' ' .. jti)
redis.call('ZREMRANGEBYSCORE', live, '-inf', now)
redis.call('ZADD', live, expires, digest)
outlive(live, milliseconds)
redis.call('SET', jti_key(jti), digest)
redis.call('HSET', token_key(digest), 'record', record, 'expires', expires, 'identity', identity)
outlive(jti_key(jti), milliseconds)
outlive(token_key(digest), milliseconds)
return 'stored'
"""

_LOOK_UP = """
need_no_memory()
local clock = advance()
local record, expires, revoked = unpack(redis.call('HMGET', token_key(words[1]), 'record', 'expires', 'revoked'))
if not record or tonumber(expires) + retention <= clock then return false end
if revoked then return {record, 'revoked'} end
return {record, clock < tonumber(expires) and 'live' or 'expired'}
"""

_REVOKE = """
need_no_memory()
local clock = advance()
local digest = redis.call('GET', jti_key(words[1]))
if not digest then return false end
local token = token_key(digest)
local record, expires, revoked, identity =
  unpack(redis.call('HMGET', token, 'record', 'expires', 'revoked', 'identity'))
if not record or revoked or tonumber(expires) <= clock then return false end
redis.call('HSET', token, 'revoked', 1)
redis.call('ZREM', live_key(identity), digest)
return record
"""

_REVOKE_ALL = """
need_no_memory()
advance()
local identity, remembered = words[1], tonumber(words[2])
local records = {}
redis.call('ZADD', revocations, now, identity)
if redis.call('ZCARD', revocations) > remembered then
  forget_revocation(unpack(redis.call('ZRANGE', revocations, 0, 0, 'WITHSCORES')))
end
for _, digest in ipairs(redis.call('ZRANGEBYSCORE', live_key(identity), '(' .. now, '+inf')) do
  local record = redis.call('HGET', token_key(digest), 'record')
  if record then
    redis.call('HSET', token_key(digest), 'revoked', 1)
    table.insert(records, record)
  end
end
redis.call('DEL', live_key(identity))
return records
"""

_COUNT = """
need_no_memory()
advance()
return redis.call('ZCOUNT', live_key(words[1]), '(' .. now, '+inf')
"""

_REAP = """
need_no_memory()
local clock = advance()
local age, batch = tonumber(words[1]), tonumber(words[2])
local due = redis.call('ZRANGEBYSCORE', removals, '-inf', now, 'LIMIT', 0, batch)
for _, member in ipairs(due) do remove(member) end
local ended = redis.call('ZRANGEBYSCORE', claims, '-inf', '(' .. now, 'WITHSCORES', 'LIMIT', 0, batch)
for i = 1, #ended, 2 do forget_claim(ended[i], ended[i + 1]) end
local before = '(' .. string.format('%.17g', clock - age)
local past = redis.call('ZRANGEBYSCORE', revocations, '-inf', before, 'WITHSCORES', 'LIMIT', 0, batch)
for i = 1, #past, 2 do forget_revocation(past[i], past[i + 1]) end
local most = math.max(#due, #ended / 2, #past / 2)
return {#due, most < batch and 0 or 1}
"""

_CLAIM = """
local name, allowed, ending, remembered = words[1], tonumber(words[2]), words[3], tonumber(words[4])
local clock = advance()
local used = redis.call('HGET', uses, name)
if tonumber(used or 0) >= allowed then return 'used' end
if not used then
  if redis.call('ZCARD', claims) >= remembered then
    local first = redis.call('ZRANGE', claims, 0, 0, 'WITHSCORES')
    if tonumber(first[2]) >= clock then return 'full' end
    forget_claim(first[1], first[2])
  end
  if tonumber(ending) <= recall('claims-forgotten') then return 'used' end
  redis.call('ZADD', claims, ending, name)
end
redis.call('HINCRBY', uses, name, 1)
return 'granted'
"""

# A token that nobody was told of: it goes as if it had never been stored.
_WITHDRAW = """
need_no_memory()
advance()
local digest, jti, identity = words[1], words[2], words[3]
redis.call('ZREM', live_key(identity), digest)
remove(digest .. ' ' .. jti)
return 'gone'
"""

_BODIES = {
    "issue": _ISSUE,
    "look_up": _LOOK_UP,
    "revoke": _REVOKE,
    "revoke_all": _REVOKE_ALL,
    "count": _COUNT,
    "reap": _REAP,
    "claim": _CLAIM,
    "withdraw": _WITHDRAW,
}

SCRIPTS = {
    name: f"{_PRELUDE}\nlocal function decide(){body}end\nlocal answer = decide()\nreturn {{now, number, answer}}\n"
    for name, body in _BODIES.items()
}
