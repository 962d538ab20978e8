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

const stepFields = (step: Step) => ({
  group: name(step.group),
  deployment: step.deployment,
  model: step.model,
  because: clip(step.because, MESSAGE_LIMIT),
  edits: step.edits,
  lost: step.lost,
  outcome: step.outcome,
  status: step.status,
  message: step.message === undefined ? undefined : tidy(step.message),
  fault: step.fault,
  startedMs: round(step.startedMs),
  ms: round(step.ms),
  firstTokenMs: maybeRound(step.firstTokenMs),
  waitedMs: round(step.waitedMs),
  next: clip(step.next, MESSAGE_LIMIT),
  usage: step.usage,
  costUsd: step.costUsd,
  estimated: step.estimated,
  resumed: step.resumed,
  hedge: step.hedge,
  compaction: step.compaction,
  repair: step.repair === undefined ? undefined : clip(step.repair, MESSAGE_LIMIT),
  possiblyBilled: step.possiblyBilled,
})

/** A client's fault is not news for the operator: only what the gateway or a provider did wrong rises. */
export const levelOf = (record: RequestRecord): Level => {
  const status = record.error?.status ?? record.status
  if (status >= 500 || record.end === 'upstream_broke') return 'error'
  return record.retries > 0 || record.fallbacks > 0 ? 'warn' : 'info'
}

/**
 * One request as one line of JSON, without its newline. Every field is named here: a record that carries more
 * than its type says has no way into the log.
 */
export const lineOf = (record: RequestRecord, level: Level, wallMs: number): string => {
  const line = {
    level,
    time: wallMs,
    kind: 'request',
    callId: name(record.callId),
    route: record.route,
    method: record.method,
    path: name(record.path),
    requestedModel: name(record.requestedModel),
    group: name(record.group),
    servedGroup: maybeName(record.servedGroup),
    servedDeployment: record.servedDeployment,
    stream: record.stream,
    status: record.status,
    end: record.end,
    keyHash: record.keyHash.slice(0, 8),
    user: maybeName(record.user),
    sessionId: maybeName(record.sessionId),
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    totalMs: round(record.totalMs),
    overheadMs: round(record.overheadMs),
    firstTokenMs: maybeRound(record.firstTokenMs),
    retries: record.retries,
    fallbacks: record.fallbacks,
    skipped: record.skipped?.map(why => clip(why, MESSAGE_LIMIT)),
    rehydrated: record.rehydrated,
    fetched: record.fetched === undefined ? undefined : clip(record.fetched, MESSAGE_LIMIT),
    usage: record.usage,
    costUsd: record.costUsd,
    steps: record.steps.map(stepFields),
    error: record.error && { ...record.error, message: tidy(record.error.message) },
  }
  return JSON.stringify(line)
}
