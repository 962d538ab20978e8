import type { HealthEvent } from './ports.ts'
import { LONGEST_REST_MS, readEvent, SLACK_MS } from './read-event.ts'
import { endOf, RECOVERY_KEPT_MS, subjectOf } from './standing.ts'

/**
 * How events lie in Redis. For each namespace a hash of records by subject, a sorted set of the moments at which they
 * are over, and a channel of news. A record is JSON: [key, kind, began, ends, event]. All moments are the server's:
 * a machine whose clock is wrong disturbs nobody.
 */

export type RedisNames = { readonly records: string; readonly ends: string; readonly channel: string }

/** The braces keep the keys together where a server is one of several. The number changes with the form. */
export const redisNames = (namespace: string): RedisNames => {
  const base = `{${namespace}}:health:1`
  return { records: `${base}:records`, ends: `${base}:ends`, channel: base }
}

/** Every key is over by itself when nobody writes any more; the write shows a replica, which would refuse it later. */
const PRUNE = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('HDEL', KEYS[1], key)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
`

/** KEYS: records, ends. Answers the server's milliseconds and the records that hold. */
export const READ_SCRIPT = `${PRUNE}
return { now, redis.call('HVALS', KEYS[1]) }
`

/**
 * KEYS: records, ends. ARGV: channel, the most subjects, records. Two who write at once cannot undo each
 * other: a deadline only moves later, a recovery ends what began before it, and what is no news is not passed on.
 */
export const TELL_SCRIPT = `${PRUNE}
local function known(key)
  local text = redis.call('HGET', KEYS[1], key)
  -- What is no record of this form, or cannot be true, is written over.
  local isJson, record = pcall(cjson.decode, text or '')
  if not isJson or type(record) ~= 'table' then
    return false
  end
  local began, ends = tonumber(record[3]), tonumber(record[4])
  return began and ends and began <= now + ${SLACK_MS} and ends <= now + ${SLACK_MS + LONGEST_REST_MS} and record
end
local news = {}
for at = 3, #ARGV do
  local record = cjson.decode(ARGV[at])
  local key, kind, began, ends = record[1], record[2], record[3], record[4]
  local before = known(key)
  local isNews
  if kind == 'recovery' then
    isNews = not before or before[3] < began
    local restKey = 'rest' .. string.sub(key, 9)
    local rest = isNews and known(restKey)
    if rest then
      ends = math.max(ends, rest[4])
      if rest[3] < began then
        redis.call('HDEL', KEYS[1], restKey)
        redis.call('ZREM', KEYS[2], restKey)
      end
    end
  else
    isNews = ends > now and not (before and before[4] >= ends)
    if kind == 'rest' and isNews then
      local over = known('recovery' .. string.sub(key, 5))
      isNews = not (over and over[3] > began)
    end
  end
  if isNews then
    redis.call('HSET', KEYS[1], key, ARGV[at])
    redis.call('ZADD', KEYS[2], ends, key)
    news[#news + 1] = ARGV[at]
  end
end
while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[2]) do
  redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
if last then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last))
  redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', last))
end
if #news > 0 then
  redis.call('PUBLISH', ARGV[1], table.concat(news, '\\n'))
end
return #news
`

const shifted = (event: HealthEvent, by: number): HealthEvent => {
  if (by === 0) return event
  if (event.kind === 'bound') return { ...event, until: event.until + by }
  const began = event.began + by
  if (event.kind === 'recovery') return { ...event, began }
  return { ...event, began, rest: { ...event.rest, until: event.rest.until + by } }
}

/** The server's clock as seen from here. */
export type ServerTime = {
  /** Milliseconds that it is ahead of this machine's. */
  readonly ahead: number
  /** Milliseconds since the epoch by this machine's. */
  readonly wall: number
}

export const recordOf = (given: HealthEvent, { ahead, wall }: ServerTime): string => {
  const event = shifted(given, ahead)
  // A rest and its recovery lie side by side, so that either can come first.
  const subject = subjectOf(event)
  const key = event.kind === 'recovery' ? subject.replace(/^rest/, 'recovery') : subject
  const began = event.kind === 'bound' ? 0 : event.began
  const ends = event.kind === 'recovery' ? wall + ahead + RECOVERY_KEPT_MS : endOf(event)
  return JSON.stringify([key, event.kind, began, ends, event])
}

/** undefined: not a record of this version. */
export const eventOf = (record: unknown, ahead: number): HealthEvent | undefined => {
  if (typeof record !== 'string') return undefined
  try {
    const fields: unknown = JSON.parse(record)
    const event = Array.isArray(fields) ? readEvent(fields[4]) : undefined
    return event && shifted(event, -ahead)
  } catch {
    return undefined
  }
}

/** The records of a message of news. */
export const recordsIn = (message: string): readonly string[] => message.split('\n')
