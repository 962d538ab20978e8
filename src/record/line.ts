import { JsonFields } from './json-fields.ts'
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
const maybeName = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : name(text)

/** Microseconds are enough, and a short number is a cheap one. */
const round = (ms: number): number => Math.round(ms * 1000) / 1000
const maybeRound = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : round(ms))

const stepOf = (step: Step): string =>
  new JsonFields()
    .text('group', name(step.group))
    .text('deployment', step.deployment)
    .text('model', step.model)
    .text('because', clip(step.because, MESSAGE_LIMIT))
    .json('edits', step.edits)
    .json('lost', step.lost)
    .text('outcome', step.outcome)
    .number('status', step.status)
    .text('message', step.message === undefined ? undefined : tidy(step.message))
    .number('startedMs', round(step.startedMs))
    .number('ms', round(step.ms))
    .number('firstTokenMs', maybeRound(step.firstTokenMs))
    .number('waitedMs', round(step.waitedMs))
    .text('next', clip(step.next, MESSAGE_LIMIT))
    .json('usage', step.usage)
    .number('costUsd', step.costUsd)
    .flag('estimated', step.estimated)
    .text('resumed', step.resumed)
    .flag('hedge', step.hedge)
    .text('compaction', step.compaction)
    .text('repair', step.repair === undefined ? undefined : clip(step.repair, MESSAGE_LIMIT))
    .flag('possiblyBilled', step.possiblyBilled)
    .end()

/** A client's fault is not news for the operator: only what the gateway or a provider did wrong rises. */
export const levelOf = (record: RequestRecord): Level => {
  const status = record.error?.status ?? record.status
  if (status >= 500 || record.end === 'upstream_broke') return 'error'
  return record.retries > 0 || record.fallbacks > 0 ? 'warn' : 'info'
}

/**
 * One request as one line of JSON, newline included. Every field is named here: a record that carries more
 * than its type says has no way into the log.
 */
export const lineOf = (record: RequestRecord, level: Level, wallMs: number): string => {
  const { skipped, error } = record
  const line = new JsonFields()
    .text('level', level)
    .number('time', wallMs)
    .text('kind', 'request')
    .text('callId', name(record.callId))
    .text('route', record.route)
    .text('method', record.method)
    .text('path', name(record.path))
    .text('requestedModel', name(record.requestedModel))
    .text('group', name(record.group))
    .text('servedGroup', maybeName(record.servedGroup))
    .text('servedDeployment', record.servedDeployment)
    .flag('stream', record.stream)
    .number('status', record.status)
    .text('end', record.end)
    .text('keyHash', record.keyHash.slice(0, 8))
    .text('user', maybeName(record.user))
    .text('sessionId', maybeName(record.sessionId))
    .number('requestBytes', record.requestBytes)
    .number('responseBytes', record.responseBytes)
    .number('totalMs', round(record.totalMs))
    .number('overheadMs', round(record.overheadMs))
    .number('firstTokenMs', maybeRound(record.firstTokenMs))
    .number('retries', record.retries)
    .number('fallbacks', record.fallbacks)
    .json(
      'skipped',
      skipped?.map(why => clip(why, MESSAGE_LIMIT)),
    )
    .text('rehydrated', record.rehydrated)
    .text('fetched', record.fetched === undefined ? undefined : clip(record.fetched, MESSAGE_LIMIT))
    .json('usage', record.usage)
    .number('costUsd', record.costUsd)
    .written('steps', `[${record.steps.map(stepOf).join()}]`)
    .json('error', error && { ...error, message: tidy(error.message) })
    .end()
  return `${line}\n`
}
