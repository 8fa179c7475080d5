import { script } from "../clients/redis.ts";

// Numbers are written with %.0f: Lua's own way keeps fourteen digits. Those that bring events write first what a full server refuses, so that it is refused as a whole.

// A client that is sent more than some tens of MiB at once is cut off, and everything else that it waits for with it: replies end where they have this many bytes.
const ENOUGH = 8 * 1024 * 1024;

const number = "local function n(value) return string.format('%.0f', value) end";
/** An entry of the log by its version: at, type, data and perhaps id, in fields of these names; their sizes together. */
const entries = `
${number}
local function versionOf(entry) return tonumber(string.match(entry[1], '^%d+')) end
local function sizeOf(entry) local size = 0; for _, text in ipairs(entry[2]) do size = size + #text end; return size end`;

/**
 * Log; head; ids; names. stream, expected or "", channel, then type, data and id or "" of each event. {outcome, version}. The log is a stream whose ids are
 * version-0; the head has its newest version and moment, also when all is trimmed.
 */
export const append = script(`
${number}
local head = tonumber(redis.call('HGET', KEYS[2], 'head') or '0')
local given, had, newest = 0, 0, 0
for i = 6, #ARGV, 3 do
  if ARGV[i] ~= '' then
    given = given + 1
    local known = redis.call('HGET', KEYS[3], ARGV[i])
    if known then had = had + 1; newest = math.max(newest, tonumber(known)) end
  end
end
if had > 0 and had == given then return {'repeated', newest} end
if had > 0 then return {'partly', head} end
if ARGV[2] ~= '' and tonumber(ARGV[2]) ~= head then return {'conflict', head} end
local time = redis.call('TIME')
local at = n(math.max(time[1] * 1000000 + time[2], tonumber(redis.call('HGET', KEYS[2], 'at') or '0')))
for i = 4, #ARGV, 3 do
  head = head + 1
  local entry = {'XADD', KEYS[1], n(head) .. '-0', 'at', at, 'type', ARGV[i], 'data', ARGV[i + 1]}
  if ARGV[i + 2] ~= '' then
    entry[#entry + 1] = 'id'
    entry[#entry + 1] = ARGV[i + 2]
  end
  redis.call(unpack(entry))
  if ARGV[i + 2] ~= '' then redis.call('HSET', KEYS[3], ARGV[i + 2], n(head)) end
end
redis.call('HSET', KEYS[2], 'head', n(head), 'at', at)
redis.call('ZADD', KEYS[4], 0, ARGV[1])
redis.call('PUBLISH', ARGV[3], '')
return {'appended', head}`);

/** Log. XRANGE or XREVRANGE, id to begin with, id to end with, how many at most. {1 when there are no more, entries} of bounded size. */
export const read = script(`
${entries}
local found, bytes, from, left = {}, 0, ARGV[2], tonumber(ARGV[4])
local step = ARGV[1] == 'XRANGE' and 1 or -1
while left > 0 and bytes <= ${ENOUGH} do
  local asked = math.min(left, 16)
  local some = redis.call(ARGV[1], KEYS[1], from, ARGV[3], 'COUNT', asked)
  for _, entry in ipairs(some) do
    found[#found + 1] = entry
    bytes = bytes + sizeOf(entry)
  end
  if #some < asked then return {1, found} end
  left = left - asked
  from = n(versionOf(found[#found]) + step)
end
return {0, found}`);

/** Heads. {head, at} of each. */
export const heads = script(`
local all = {}
for i, key in ipairs(KEYS) do all[i] = redis.call('HMGET', key, 'head', 'at') end
return all`);

/**
 * Log; ids. The last version that goes or "", the moment that stays or "". {1 when there are no more, how many went}. Some at a time: nobody else is served
 * meanwhile.
 */
export const trim = script(`
${entries}
local removed, bytes, last, ended = 0, 0, nil, 0
while removed < 1000 and bytes <= ${ENOUGH} and ended == 0 do
  local some = redis.call('XRANGE', KEYS[1], last and n(last + 1) or '-', '+', 'COUNT', 16)
  if #some < 16 then ended = 1 end
  for _, entry in ipairs(some) do
    local version = versionOf(entry)
    if (ARGV[1] ~= '' and version > tonumber(ARGV[1])) or (ARGV[2] ~= '' and tonumber(entry[2][2]) >= tonumber(ARGV[2])) then
      ended = 1
      break
    end
    if entry[2][8] then redis.call('HDEL', KEYS[2], entry[2][8]) end
    removed, bytes, last = removed + 1, bytes + sizeOf(entry), version
  end
end
if last then redis.call('XTRIM', KEYS[1], 'MINID', n(last + 1)) end
return {ended, removed}`);

// A group is a field of its stream's groups, "handed missed"; what it handed out is a sorted set of versions by the millisecond until which they are held, and a hash of
// version to "count missed consumer".

/** Head; groups; names of streams that have some. group, version or "now", stream. */
export const join = script(`
local place = ARGV[2]
if place == 'now' then place = redis.call('HGET', KEYS[1], 'head') or '0' end
redis.call('ZADD', KEYS[3], 0, ARGV[3])
return redis.call('HSETNX', KEYS[2], ARGV[1], place .. ' 0')`);

const held = `
local function hold(version)
  local count, missed, consumer = string.match(redis.call('HGET', heldKey, version) or '', '^(%-?%d+) (%d+) (.*)$')
  return tonumber(count), tonumber(missed), consumer
end
local function forget(version)
  redis.call('ZREM', dueKey, version)
  redis.call('HDEL', heldKey, version)
end`;

/** Due; held. consumer, versions. */
export const acknowledge = script(`
local dueKey, heldKey = KEYS[1], KEYS[2]
${held}
for i = 2, #ARGV do
  local _, _, consumer = hold(ARGV[i])
  if consumer == ARGV[1] then forget(ARGV[i]) end
end
return 1`);

/** Due; held. consumer, milliseconds, 1 when the handler had it, versions. */
export const giveBack = script(`
${number}
local dueKey, heldKey = KEYS[1], KEYS[2]
${held}
local time = redis.call('TIME')
local till = n(time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
for i = 4, #ARGV do
  local count, missed, consumer = hold(ARGV[i])
  if consumer == ARGV[1] then
    redis.call('ZADD', dueKey, till, ARGV[i])
    redis.call('HSET', heldKey, ARGV[i], n(count - 1 + ARGV[3]) .. ' ' .. n(missed) .. ' ')
  end
end
return 1`);

/**
 * Log; head; groups; due; held. group, consumer, batch, ms until another takes over, 1 when the consumer does not know what it holds, versions that it has handled. Nil when
 * the group is gone, or {ms until something is due or -1, {entry, count, missed} of each}.
 */
export const take = script(`
${entries}
local dueKey, heldKey = KEYS[4], KEYS[5]
${held}
local handed, untold = string.match(redis.call('HGET', KEYS[3], ARGV[1]) or '', '^(%d+) (%d+)$')
if not handed then return false end
handed, untold = tonumber(handed), tonumber(untold)
local me, batch = ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 6, #ARGV do
  local _, _, consumer = hold(ARGV[i])
  if consumer == me then forget(ARGV[i]) end
end
if ARGV[5] == '1' then
  for _, version in ipairs(redis.call('HKEYS', heldKey)) do
    local _, _, consumer = hold(version)
    if consumer == me then redis.call('ZADD', dueKey, 0, version) end
  end
end
local out, bytes, place, before = {}, 0, handed, untold
for _, version in ipairs(redis.call('ZRANGEBYSCORE', dueKey, '-inf', n(now), 'LIMIT', 0, batch)) do
  if bytes > ${ENOUGH} then break end
  local count, missed = hold(version)
  local entry = redis.call('XRANGE', KEYS[1], version, version)[1]
  if entry then
    out[#out + 1] = {entry, count + 1, missed}
    bytes = bytes + sizeOf(entry)
  else
    untold = untold + missed + 1
    forget(version)
  end
end
local room = batch - #out
if room > 0 and place < tonumber(redis.call('HGET', KEYS[2], 'head') or '0') then
  for _ = 1, room do
    if bytes > ${ENOUGH} then break end
    local entry = redis.call('XRANGE', KEYS[1], n(place + 1), '+', 'COUNT', 1)[1]
    if not entry then
      local head = tonumber(redis.call('HGET', KEYS[2], 'head'))
      untold = untold + head - place
      place = head
      break
    end
    local version = versionOf(entry)
    out[#out + 1] = {entry, 1, version - place - 1}
    place = version
    bytes = bytes + sizeOf(entry)
  end
end
table.sort(out, function(one, other) return versionOf(one[1]) < versionOf(other[1]) end)
if out[1] then
  out[1][3] = out[1][3] + untold
  untold = 0
end
for _, one in ipairs(out) do
  local version = n(versionOf(one[1]))
  redis.call('ZADD', dueKey, n(now + ARGV[4]), version)
  redis.call('HSET', heldKey, version, n(one[2]) .. ' ' .. n(one[3]) .. ' ' .. me)
end
if place ~= handed or untold ~= before then redis.call('HSET', KEYS[3], ARGV[1], n(place) .. ' ' .. n(untold)) end
local next = redis.call('ZRANGE', dueKey, 0, 0, 'WITHSCORES')[2]
return {next and math.max(1, next - now) or -1, out}`);

/** Log; head; ids; names; names of streams that have groups. stream, version, at; further keys are what its groups had. */
export const restoreStream = script(`
redis.call('HSET', KEYS[2], 'head', ARGV[2], 'at', ARGV[3])
redis.call('ZADD', KEYS[4], 0, ARGV[1])
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('ZREM', KEYS[5], ARGV[1])
for i = 6, #KEYS do redis.call('DEL', KEYS[i]) end
return 1`);

/** Keys as of `restoreStream`. stream. {1 when it was there, its events, its groups}. */
export const removeStream = script(`
local gone = {redis.call('EXISTS', KEYS[2]), redis.call('XLEN', KEYS[1]), redis.call('HLEN', KEYS[6])}
for i, key in ipairs(KEYS) do
  if i == 4 or i == 5 then redis.call('ZREM', key, ARGV[1]) else redis.call('UNLINK', key) end
end
return gone`);

/** Log; head; ids. Then version, at, type, data and id or "" of each event. 0 when they are not behind what the log has. */
export const restoreEvents = script(`
${entries}
local head, at = unpack(redis.call('HMGET', KEYS[2], 'head', 'at'))
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not head or (newest and versionOf(newest) >= tonumber(ARGV[1])) then return 0 end
for i = 1, #ARGV, 5 do
  local entry = {'XADD', KEYS[1], ARGV[i] .. '-0', 'at', ARGV[i + 1], 'type', ARGV[i + 2], 'data', ARGV[i + 3]}
  if ARGV[i + 4] ~= '' then
    entry[#entry + 1] = 'id'
    entry[#entry + 1] = ARGV[i + 4]
  end
  redis.call(unpack(entry))
  if ARGV[i + 4] ~= '' then redis.call('HSET', KEYS[3], ARGV[i + 4], ARGV[i]) end
  head, at = math.max(head, ARGV[i]), math.max(at, ARGV[i + 1])
end
redis.call('HSET', KEYS[2], 'head', n(head), 'at', n(at))
return 1`);

/** Groups; due; held; names of streams that have groups. stream, group, version, missed, then version, count and missed of what is pending. */
export const restoreGroup = script(`
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3] .. ' ' .. ARGV[4])
redis.call('ZADD', KEYS[4], 0, ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3])
for i = 5, #ARGV, 3 do
  redis.call('ZADD', KEYS[2], 0, ARGV[i])
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2] .. ' ')
end
return 1`);
