import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { KEPT_REQUEST_LOGS, requestLogPath } from '../record/log.ts'
import { olderPath } from '../record/targets.ts'
import type { RequestRecord, Step } from '../record/trail.ts'
import { isObject, type Json } from '../wire/json.ts'

export type ExplainOptions = {
  readonly dataDir: string
  /** A log to read instead of the data directory's; '-' is standard input. */
  readonly file?: string | undefined
  readonly write: (text: string) => void
  /** What '-' reads; default process.stdin. */
  readonly input?: Readable
}

type Logged = RequestRecord & { readonly time: number }

/**
 * Tells the story of one request from the request log. Returns the exit code: 0 told, 1 not found or not readable.
 */
export const explain = async (callId: string, options: ExplainOptions): Promise<number> => {
  const places = options.file === undefined ? logFiles(options.dataDir) : [options.file]
  let read = 0
  for (const place of places) {
    const found = await findIn(place, callId, options)
    if (found === 'unreadable') continue
    read += 1
    if (found === undefined) continue
    options.write(story(found.record, found.count))
    return 0
  }
  options.write(`${notFound(callId, places, read)}\n`)
  return 1
}

/** Newest first: the request one asks about was most likely the last one. */
const logFiles = (dataDir: string): string[] => {
  const path = requestLogPath(dataDir)
  return Array.from({ length: KEPT_REQUEST_LOGS + 1 }, (_, n) => olderPath(path, n))
}

const notFound = (callId: string, places: readonly string[], read: number): string => {
  const first = places[0] ?? ''
  if (read === 0)
    return `There is no request log at ${first}. Name the data directory that the gateway writes to, or a log with --file.`
  return `No request ${plain(callId)} in ${first}${read > 1 ? ` and ${read - 1} older` : ''}. The call id is in the x-litellm-call-id header of every answer; a request that still runs is not in the log yet.`
}

type Found = { readonly record: Logged; readonly count: number }

const findIn = async (
  place: string,
  callId: string,
  options: ExplainOptions,
): Promise<Found | 'unreadable' | undefined> => {
  const input = place === '-' ? (options.input ?? process.stdin) : createReadStream(place)
  let found: Found | undefined
  // Looking for the text first spares parsing every other line of a 64 MB file.
  const needle = JSON.stringify(callId).slice(1, -1)
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (!line.includes(needle)) continue
      const record = recordIn(line)
      if (record?.callId === callId) found = { record, count: (found?.count ?? 0) + 1 }
    }
  } catch {
    return 'unreadable'
  }
  return found
}

/** The record in a log line; container runtimes put a name or a time before it. */
const recordIn = (line: string): Logged | undefined => {
  const start = line.indexOf('{"level":')
  if (start < 0) return undefined
  try {
    const value: Json = JSON.parse(line.slice(start))
    if (!isObject(value) || value.kind !== 'request' || !Array.isArray(value.steps)) return undefined
    // The log is our own: a line that says it is a request has the shape lineOf gave it.
    return value as Json as unknown as Logged
  } catch {
    return undefined
  }
}

const story = (record: Logged, count: number): string => {
  const lines = [
    `${record.method} ${record.path} at ${timeOf(record.time)}, call ${record.callId}`,
    asked(record),
    '',
    ...(record.steps.length === 0 ? ['No attempt was made.'] : record.steps.flatMap(stepLines)),
    ...(record.skipped ?? []).map(why => `    passed over: ${why}`),
    ...(record.fetched === undefined
      ? []
      : [`    the owner was asked for the conversation: ${record.fetched}`]),
    ...(record.rehydrated === undefined
      ? []
      : [`    the conversation took the place of the id: ${record.rehydrated}`]),
    '',
    ending(record),
    ...summary(record),
  ]
  if (count > 1) lines.push(`The log holds ${count} requests with this call id; this is the last one.`)
  return `${lines.map(plain).join('\n')}\n`
}

const asked = (record: RequestRecord): string => {
  const group =
    record.group === record.requestedModel || record.group === '' ? '' : ` (group ${record.group})`
  const parts = [
    `asked for ${record.requestedModel || 'no model'}${group}`,
    record.route,
    record.stream ? 'stream' : '',
    `${record.requestBytes} bytes`,
    record.keyHash ? `key ${record.keyHash}` : '',
    record.user ? `user ${record.user}` : '',
    record.sessionId ? `session ${record.sessionId}` : '',
  ]
  return parts.filter(part => part !== '').join(', ')
}

const INDENT = ' '.repeat(4)

const RESUMED: Readonly<Record<NonNullable<Step['resumed']>, string>> = {
  continuation: 'from what the client had of it',
  splice: 'by saying it again, and passing on only what was new',
}

const outcomeOf = ({ outcome }: Step, status: string): string => {
  if (outcome === 'answered') return `answered, ${status}`
  return outcome === 'outrun'
    ? `given up, ${status}: another attempt answered first`
    : `failed: ${outcome}, ${status}`
}

const stepLines = (step: Step, index: number): string[] => {
  const status = step.status === undefined ? 'no answer' : String(step.status)
  const outcome = outcomeOf(step, status)
  const first = step.firstTokenMs === undefined ? '' : `, first token after ${ms(step.firstTokenMs)}`
  const waited = step.waitedMs > 0 ? `after a wait of ${ms(step.waitedMs)}, ` : ''
  const lines = [
    `${String(index + 1).padStart(2)}. ${step.group} → ${step.model} (${step.deployment})`,
    `${INDENT}${outcome}`,
    `${INDENT}${waited}started at ${ms(step.startedMs)}, took ${ms(step.ms)}${first}`,
    `${INDENT}chosen: ${step.because || 'the only one'}`,
    `${INDENT}edits: ${step.edits.length === 0 ? 'none, the bytes went through as they came' : step.edits.join('; ')}`,
  ]
  if (step.lost.length > 0) lines.push(`${INDENT}lost in translation: ${step.lost.join('; ')}`)
  if (step.resumed !== undefined)
    lines.push(`${INDENT}went on with the answer that broke: ${RESUMED[step.resumed]}`)
  if (step.compaction !== undefined) lines.push(`${INDENT}compaction: ${step.compaction}`)
  if (step.repair !== undefined) lines.push(`${INDENT}the hop before it, repaired: ${step.repair}`)
  if (step.message !== undefined) lines.push(`${INDENT}said: ${step.message}`)
  if (step.fault !== undefined) lines.push(`${INDENT}the connection: ${step.fault}`)
  const about = step.estimated === true ? 'about ' : ''
  if (step.usage !== undefined)
    lines.push(`${INDENT}tokens: ${about}${tokens(step.usage)}${cost(step.costUsd)}`)
  if (step.possiblyBilled === true) lines.push(`${INDENT}the provider may charge for this attempt`)
  lines.push(`${INDENT}then: ${step.next}`)
  return lines
}

const ENDINGS: Readonly<Record<RequestRecord['end'], string>> = {
  complete: 'The client got the whole answer',
  client_left: 'The client left before the answer was complete',
  upstream_broke: 'The upstream broke after the answer had begun',
  refused: 'The gateway refused the request',
  error: 'The client got an error',
}

const ending = (record: RequestRecord): string => {
  const served = record.servedGroup
    ? ` from ${record.servedGroup}${record.servedDeployment ? ` (${record.servedDeployment})` : ''}`
    : ''
  const error = record.error
    ? `: ${record.error.class ? `${record.error.class}, ` : ''}${record.error.message}`
    : ''
  return `${ENDINGS[record.end] ?? record.end}${served}, status ${record.status}, ${record.responseBytes} bytes${error}`
}

const summary = (record: RequestRecord): string[] => {
  const first = record.firstTokenMs === undefined ? '' : `, first token after ${ms(record.firstTokenMs)}`
  const lines = [
    `took ${ms(record.totalMs)}${first}, ${ms(record.overheadMs)} of it in the gateway; retries ${record.retries}, fallbacks ${record.fallbacks}`,
  ]
  if (record.usage !== undefined) lines.push(`tokens: ${tokens(record.usage)}${cost(record.costUsd)}`)
  return lines
}

const tokens = (usage: NonNullable<RequestRecord['usage']>): string => {
  const cached = usage.cachedInputTokens ? ` (${usage.cachedInputTokens} cached)` : ''
  const reasoning = usage.reasoningTokens ? ` (${usage.reasoningTokens} reasoning)` : ''
  return `${usage.inputTokens} in${cached}, ${usage.outputTokens} out${reasoning}`
}

const cost = (usd: number | undefined): string =>
  usd === undefined
    ? '; cost unknown'
    : `; ${usd === 0 ? 'free' : `$${usd.toPrecision(4).replace(/0+$/, '')}`}`

const ms = (value: number): string => {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`
  return `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ms`
}

const timeOf = (time: number): string =>
  Number.isFinite(time) && Math.abs(time) < 8.64e15 ? new Date(time).toISOString() : 'an unknown time'

/** Clients choose some of these texts, and a terminal obeys control characters. */
const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '�')
