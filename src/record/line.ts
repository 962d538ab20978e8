import type { Usage } from '../dialects/shape.ts'
import type { JsonBytes } from './json-bytes.ts'
import type { RequestRecord, Step } from './trail.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Longest free text (provider messages) in a log line, in UTF-16 units. */
export const MESSAGE_LIMIT = 1024
/** Longest value that a client chooses (model, user, call id, path). */
const NAME_LIMIT = 256

/**
 * Shapes that credentials are known to have. Messages are already written without keys; this is the second
 * net, for providers that quote the key they refused.
 */
const CREDENTIALS =
  /\b(?:sk|pk|rk|gsk|xai|pplx|hf|r8|nvapi)[-_][\w-]{8,}|\bAIza[\w-]{20,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(?<=\bBearer\s)[\w.~+/=-]{8,}/gi

/** Text as the log may hold it: cut to `limit`, anything that looks like a credential replaced. */
export const tidy = (text: string, limit = MESSAGE_LIMIT): string =>
  clip(text, limit).replace(CREDENTIALS, '[secret]')

const clip = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit)}…`

const name = (text: string): string => clip(text, NAME_LIMIT)

/** Fields that not every line has: absent rather than null. */
const maybe = (to: JsonBytes, key: string, text: string | undefined): void => {
  if (text !== undefined) to.key(key).text(text)
}
const maybeNumber = (to: JsonBytes, key: string, value: number | undefined): void => {
  if (value !== undefined) to.key(key).number(value)
}
/** Microseconds are enough, and a short number is a cheap one. */
const maybeMs = (to: JsonBytes, key: string, ms: number | undefined): void => {
  if (ms !== undefined) to.key(key).rounded(ms)
}
const maybeFlag = (to: JsonBytes, key: string, flag: boolean | undefined): void => {
  if (flag !== undefined) to.key(key).json(flag)
}
const texts = (to: JsonBytes, key: string, list: readonly string[]): void => {
  to.key(key).open('[')
  for (const text of list) to.text(clip(text, MESSAGE_LIMIT))
  to.close(']')
}

const usageField = (to: JsonBytes, usage: Usage | undefined): void => {
  if (usage === undefined) return
  to.key('usage').open('{')
  to.key('inputTokens').number(usage.inputTokens).key('outputTokens').number(usage.outputTokens)
  maybeNumber(to, 'cachedInputTokens', usage.cachedInputTokens)
  maybeNumber(to, 'cacheWriteTokens', usage.cacheWriteTokens)
  maybeNumber(to, 'reasoningTokens', usage.reasoningTokens)
  maybeNumber(to, 'audioSeconds', usage.audioSeconds)
  to.close('}')
}

const stepFields = (to: JsonBytes, step: Step): void => {
  to.open('{').key('group').text(name(step.group))
  to.key('deployment').text(step.deployment).key('model').text(step.model)
  to.key('because').text(clip(step.because, MESSAGE_LIMIT))
  texts(to, 'edits', step.edits)
  texts(to, 'lost', step.lost)
  to.key('outcome').text(step.outcome)
  maybeNumber(to, 'status', step.status)
  if (step.message !== undefined) to.key('message').text(tidy(step.message))
  maybe(to, 'fault', step.fault)
  to.key('startedMs').rounded(step.startedMs).key('ms').rounded(step.ms)
  maybeMs(to, 'firstTokenMs', step.firstTokenMs)
  to.key('waitedMs').rounded(step.waitedMs).key('next').text(clip(step.next, MESSAGE_LIMIT))
  usageField(to, step.usage)
  maybeNumber(to, 'costUsd', step.costUsd)
  maybeFlag(to, 'estimated', step.estimated)
  maybe(to, 'resumed', step.resumed)
  maybeFlag(to, 'hedge', step.hedge)
  maybe(to, 'compaction', step.compaction)
  if (step.repair !== undefined) to.key('repair').text(clip(step.repair, MESSAGE_LIMIT))
  maybeFlag(to, 'possiblyBilled', step.possiblyBilled)
  to.close('}')
}

/** A client's fault is not news for the operator: only what the gateway or a provider did wrong rises. */
export const levelOf = (record: RequestRecord): Level => {
  const status = record.error?.status ?? record.status
  if (status >= 500 || record.end === 'upstream_broke') return 'error'
  return record.retries > 0 || record.fallbacks > 0 ? 'warn' : 'info'
}

/** Who asked for what, and who answered. */
const exchangeFields = (to: JsonBytes, record: RequestRecord): void => {
  to.key('callId').text(name(record.callId)).key('route').text(record.route)
  to.key('method').text(record.method).key('path').text(name(record.path))
  to.key('requestedModel').text(name(record.requestedModel)).key('group').text(name(record.group))
  if (record.servedGroup !== undefined) to.key('servedGroup').text(name(record.servedGroup))
  maybe(to, 'servedDeployment', record.servedDeployment)
  maybeFlag(to, 'stream', record.stream)
  to.key('status').number(record.status).key('end').text(record.end)
  to.key('keyHash').text(record.keyHash.slice(0, 8))
  if (record.user !== undefined) to.key('user').text(name(record.user))
  if (record.sessionId !== undefined) to.key('sessionId').text(name(record.sessionId))
}

/** What it took. */
const effortFields = (to: JsonBytes, record: RequestRecord): void => {
  to.key('requestBytes').number(record.requestBytes).key('responseBytes').number(record.responseBytes)
  to.key('totalMs').rounded(record.totalMs).key('overheadMs').rounded(record.overheadMs)
  maybeMs(to, 'firstTokenMs', record.firstTokenMs)
  to.key('retries').number(record.retries).key('fallbacks').number(record.fallbacks)
  if (record.skipped !== undefined) texts(to, 'skipped', record.skipped)
  maybe(to, 'rehydrated', record.rehydrated)
  if (record.fetched !== undefined) to.key('fetched').text(clip(record.fetched, MESSAGE_LIMIT))
  usageField(to, record.usage)
  maybeNumber(to, 'costUsd', record.costUsd)
}

const errorField = (to: JsonBytes, error: RequestRecord['error']): void => {
  if (error === undefined) return
  to.key('error').open('{')
  maybe(to, 'class', error.class)
  to.key('message').text(tidy(error.message)).key('status').number(error.status).close('}')
}

/**
 * One request as one line of JSON, newline included, written behind what `to` holds. Every field is named here: a record
 * that carries more than its type says has no way into the log.
 */
export const writeLine = (to: JsonBytes, record: RequestRecord, level: Level, wallMs: number): void => {
  to.open('{').key('level').text(level).key('time').number(wallMs).key('kind').text('request')
  exchangeFields(to, record)
  effortFields(to, record)
  to.key('steps').open('[')
  for (const step of record.steps) stepFields(to, step)
  to.close(']')
  errorField(to, record.error)
  to.close('}').newline()
}
