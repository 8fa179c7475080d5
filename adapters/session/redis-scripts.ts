import { script } from "../clients/redis.ts";

// Numbers are written with %.0f and %.17g: Lua's own way keeps fourteen digits. Every script writes first what a full server refuses, so that it is refused as a
// whole.

// A client that is sent more than some tens of MiB at once is cut off, and everything else that it waits for with it: replies end where they have this many bytes.
const ENOUGH = 8 * 1024 * 1024;

/** Values. Those of the first keys: all of them, or as many as make a reply of bounded size, at least one. */
export const getSome = script(`
local values, bytes = {}, 0
for i = 1, #KEYS do
  values[i] = redis.call('GET', KEYS[i])
  if values[i] then bytes = bytes + #values[i] end
  if bytes > ${ENOUGH} then break end
end
return values`);

/** List. XRANGE or XREVRANGE, id to begin with, id to end with, how many at most. {1 when the list has no more, entries}, again of bounded size. */
export const someMessages = script(`
local entries, bytes, from, left = {}, 0, ARGV[2], tonumber(ARGV[4])
local step = ARGV[1] == 'XRANGE' and 1 or -1
while left > 0 and bytes <= ${ENOUGH} do
  local asked = math.min(left, 4)
  local found = redis.call(ARGV[1], KEYS[1], from, ARGV[3], 'COUNT', asked)
  for _, entry in ipairs(found) do
    entries[#entries + 1] = entry
    bytes = bytes + #entry[2][2]
  end
  if #found < asked then return {1, entries} end
  left = left - asked
  from = string.format('%.0f', string.match(entries[#entries][1], '^%d+') + step)
end
return {0, entries}`);

/** Value; fence. json, token, lifetime or "", "NX" or "". 1 written, 0 there was one, -1 another token. */
export const setFenced = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return -1 end
local set = {'SET', KEYS[1], ARGV[1]}
if ARGV[3] ~= '' then set[#set + 1] = 'PX'; set[#set + 1] = ARGV[3] end
if ARGV[4] ~= '' then set[#set + 1] = 'NX' end
if redis.call(unpack(set)) then return 1 end
return 0`);

/** Value. 1 when there is one, which then has no end. */
export const persist = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('PERSIST', KEYS[1])
return 1`);

/** List, a stream whose ids are seq-milliseconds. keep or "", lifetime or "", messages. {seq, length} */
export const append = script(`
local time = redis.call('TIME')
local at = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local seq = newest and tonumber(string.match(newest[1], '^%d+')) or 0
for i = 3, #ARGV do
  seq = seq + 1
  redis.call('XADD', KEYS[1], string.format('%.0f', seq) .. '-' .. at, 'v', ARGV[i])
end
if ARGV[1] ~= '' then redis.call('XTRIM', KEYS[1], 'MAXLEN', ARGV[1]) end
if ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {seq, redis.call('XLEN', KEYS[1])}`);

/** Counter. by, lifetime or "". The sum as text, or nil when it is no safe integer. */
export const increment = script(`
local before = redis.call('GET', KEYS[1])
local sum = tonumber(before or '0') + tonumber(ARGV[1])
if sum > 9007199254740991 or sum < -9007199254740991 then return false end
if before then redis.call('INCRBY', KEYS[1], ARGV[1])
elseif ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
else redis.call('SET', KEYS[1], ARGV[1]) end
return string.format('%.0f', sum)`);

/**
 * Bucket, "tokens taken, microseconds then". limit, window in ms, cost. {allowed, remaining, retry after ms}. A refusal writes nothing, so that refusals cannot
 * add up to an error of rounding; a full bucket is no key.
 */
export const takeTokens = script(`
local limit, window, cost = tonumber(ARGV[1]), ARGV[2] * 1000, tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local taken = 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local before, at = string.match(kept, '(%S+) (%S+)')
  taken = math.max(0, before - math.max(0, now - at) * limit / window)
end
local left = limit - taken - cost
if left < -1e-9 then
  return {0, math.max(0, math.floor(limit - taken + 1e-9)), math.ceil(-left * window / limit / 1000)}
end
local fills = math.ceil((taken + cost) * window / limit / 1000) + 1
redis.call('SET', KEYS[1], string.format('%.17g %.0f', taken + cost, now), 'PX', string.format('%.0f', fills))
return {1, math.floor(left + 1e-9), 0}`);

/** Lock; fence, the newest token. lifetime of each. The token, or minus the milliseconds that the holder has. */
export const acquire = script(`
local left = redis.call('PTTL', KEYS[1])
if left ~= -2 then return -math.max(1, left) end
local time = redis.call('TIME')
local token = math.max((redis.call('GET', KEYS[2]) or 0) + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text, 'PX', ARGV[2])
redis.call('SET', KEYS[1], text, 'PX', ARGV[1])
return token`);

/** Lock; fence, which must not end before a lock that is held for long. token, lifetime of each. */
export const extend = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

/** Lock. token. */
export const release = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

/** Ranking. member, what to add to the kept score. The sum as text, or nil when it is not finite. */
export const addScore = script(`
local sum = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0') + tonumber(ARGV[2])
if sum == math.huge or sum == -math.huge then return false end
local text = string.format('%.17g', sum)
redis.call('ZADD', KEYS[1], text, ARGV[1])
return text`);

/** Ranking. member. {place from 0, score}, or nil. */
export const rankOf = script(`
local place = redis.call('ZRANK', KEYS[1], ARGV[1])
if not place then return false end
return {place, redis.call('ZSCORE', KEYS[1], ARGV[1])}`);
