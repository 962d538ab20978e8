import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { eventFrame } from '../../src/stage/bedrock-answer.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { MASTER_KEY, type Owner, type Play, play, replyOf, type StageSet } from './harness.ts'
import { parseSse } from './sse.ts'

/**
 * One exchange with each provider, as files: what a client sends, what the provider gets, what it answers, what the
 * client is told. `$origin` and `$key` in `provider.json` and in `upstream` are the provider's address and its key.
 */

const ROOT = new URL('../fixtures/providers/', import.meta.url)
/** The deployments of a folder, as entries of model_list; no exchange. */
const DEPLOYMENTS = 'provider.json'

type Headers = Readonly<Record<string, string>>

export type Exchange = {
  readonly client: { readonly path: string; readonly headers?: Headers; readonly body: JsonObject }
  /** Of the headers those that matter, by lower-case name; null: there is none of this name. */
  readonly upstream: {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string | null>>
    readonly body: Json
  }
  readonly answer: Answer
  readonly told: Told
}

/** A body; or events of a stream, where a text is sent as it is; or frames of AWS's event stream, by their type. */
type Answer = {
  readonly status: number
  readonly headers?: Headers
  readonly body?: Json
  readonly events?: readonly Json[]
  readonly frames?: readonly (readonly [type: string, payload: JsonObject])[]
}

export type Told = {
  readonly status: number
  readonly headers?: Headers
  readonly body?: Json
  readonly events?: readonly Json[]
}

export type Fixture = { readonly provider: string; readonly name: string; readonly exchange: Exchange }

const read = (path: string): Json => JSON.parse(readFileSync(new URL(path, ROOT), 'utf8'))

/** Providers that have a folder. */
export const folders = (): readonly string[] => readdirSync(ROOT).sort()

const isError = (file: string): boolean => file.startsWith('error')

/**
 * Every exchange of a folder, by the file's name without its ending. Errors come last: one may say how long to stay
 * away, and the next call would wait.
 */
export const fixturesOf = (provider: string): readonly Fixture[] =>
  readdirSync(new URL(`${provider}/`, ROOT))
    .filter(file => file.endsWith('.json') && file !== DEPLOYMENTS)
    .sort((one, other) => Number(isError(one)) - Number(isError(other)) || (one < other ? -1 : 1))
    .map(file => ({
      provider,
      name: file.replace(/\.json$/, ''),
      // Whoever writes a file sees in the test's failure what it lacks.
      exchange: read(`${provider}/${file}`) as unknown as Exchange,
    }))

export const keyOf = (provider: string): string => `key-of-${provider}`

const filled = (value: Json, provider: string, origin: string): Json =>
  JSON.parse(JSON.stringify(value).replaceAll('$origin', origin).replaceAll('$key', keyOf(provider)))

export const deploymentsOf = (provider: string, origin: string): readonly JsonObject[] => {
  const list = filled(read(`${provider}/${DEPLOYMENTS}`), provider, origin)
  assert.ok(
    Array.isArray(list) && list.every(isObject),
    `${provider}/${DEPLOYMENTS} is a list of deployments`,
  )
  return list
}

/** One request as the provider got it. */
export type Got = {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Json
}

const sse = (event: Json): string => {
  const name = isObject(event) && typeof event.type === 'string' ? `event: ${event.type}\n` : ''
  return `${name}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`
}

const bytesOf = ({ body, events, frames }: Answer): readonly [type: string, bytes: Uint8Array | string] => {
  if (frames !== undefined)
    return [
      'application/vnd.amazon.eventstream',
      Buffer.concat(frames.map(([type, payload]) => eventFrame(type, payload))),
    ]
  if (events !== undefined) return ['text/event-stream', events.map(sse).join('')]
  return ['application/json', JSON.stringify(body)]
}

const give = (response: ServerResponse, answer: Answer): void => {
  const [type, bytes] = bytesOf(answer)
  response.writeHead(answer.status, { 'content-type': type, ...answer.headers }).end(bytes)
}

/** Nobody asked for this request. */
const SURPLUS: Answer = { status: 500, body: { error: { message: 'The fixture has one answer.' } } }

/** Every provider at one address: it gives the next request the answer that it was told last. */
const startUpstream = async (t: Owner) => {
  const got: Got[] = []
  let answer: Answer | undefined
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { method = '', url: path = '', headers } = request
    got.push({ method, path, headers, body: JSON.parse(Buffer.concat(parts).toString()) })
    give(response, answer ?? SURPLUS)
    answer = undefined
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const expect = (next: Answer): readonly Got[] => {
    answer = next
    got.length = 0
    return got
  }
  return { origin: `http://127.0.0.1:${port}`, expect }
}

export type Driven = { readonly origin: string; readonly got: readonly Got[]; readonly told: Told }

const send = async (house: Play<StageSet>, { path, headers = {}, body }: Exchange['client']) => {
  const client = await house.send({
    path,
    headers: [['authorization', `Bearer ${MASTER_KEY}`], ...Object.entries(headers)],
    body,
  })
  return replyOf(client)
}

const parsed = (text: string): Json => (text.startsWith('{') ? JSON.parse(text) : text)

/** Events whose name is not their data's type show it as `[name, data]`. */
const eventsIn = (text: string): readonly Json[] =>
  parseSse(Buffer.from(text)).map(({ event, data }) => {
    const value = parsed(data)
    const named = isObject(value) && typeof value.type === 'string' ? value.type : ''
    return event === named ? value : [event, value]
  })

/** One gateway in front of all deployments of all folders. */
export const raiseProviders = async (t: Owner) => {
  const upstream = await startUpstream(t)
  const house = await play<StageSet>(t, {
    config: {
      model_list: folders().flatMap(provider => deploymentsOf(provider, upstream.origin)),
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  })
  return async ({ client, answer }: Exchange): Promise<Driven> => {
    const got = upstream.expect(answer)
    const { status, headers, text } = await send(house, client)
    const streams = headers['content-type']?.startsWith('text/event-stream') === true
    const said = streams ? { events: eventsIn(text) } : { body: parsed(text) }
    return { origin: upstream.origin, got, told: { status, headers, ...said } }
  }
}

/** `upstream` with the address and the key filled in. */
export const wanted = ({ provider, exchange }: Fixture, origin: string): Exchange['upstream'] =>
  filled(exchange.upstream as unknown as Json, provider, origin) as unknown as Exchange['upstream']

const PATTERN = /^\$(?:id:(?<prefix>.*)|(?<number>number))$/s

const fits = (pattern: RegExpExecArray, value: unknown): boolean => {
  const { prefix = '', number } = pattern.groups ?? {}
  if (number !== undefined) return Number.isSafeInteger(value)
  return typeof value === 'string' && value.startsWith(prefix) && value.length > prefix.length
}

/**
 * What was written, with the values of `actual` where a pattern stands that they fit: `$id:chatcmpl-` is a text that
 * begins so and goes on, `$number` a whole number. The same pattern twice means the same value.
 */
export const settled = (written: Json, actual: unknown, seen = new Map<string, unknown>()): unknown => {
  if (Array.isArray(written)) {
    const list: readonly unknown[] = Array.isArray(actual) ? actual : []
    return written.map((one: Json, at) => settled(one, list[at], seen))
  }
  if (isObject(written)) {
    const members = new Map(typeof actual === 'object' && actual !== null ? Object.entries(actual) : [])
    return Object.fromEntries(
      Object.entries(written).map(([name, one]) => [name, settled(one ?? null, members.get(name), seen)]),
    )
  }
  const pattern = typeof written === 'string' ? PATTERN.exec(written) : null
  if (typeof written !== 'string' || pattern === null || !fits(pattern, actual)) return written
  if (!seen.has(written)) seen.set(written, actual)
  return seen.get(written)
}
