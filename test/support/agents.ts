import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { vaultOf } from '../../src/stage/memory.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import type { Reply } from './harness.ts'
import { parseSse } from './sse.ts'

/** Requests that agents sent, as test/clients keeps them in test/fixtures/clients. */

export type AgentRequest = {
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: JsonObject
}

/** Stands for the tools at the top of the file. */
export const SAME_TOOLS = '(the tools above)'
/** Stands for what only its issuer could read. */
export const SEAL = '(sealed)'
/** Whose stages read what the fixtures hold. */
export const ORGANISATION = 'players'

const FOREIGN = 'understudy.r1.'
const SEALED: ReadonlySet<string> = new Set(['encrypted_content', 'signature', 'data'])

/** The value with another seal, inside the gateway's own wrapping too. */
const resealed = (value: string, from: string, to: string): string => {
  if (!value.startsWith(FOREIGN)) return value.startsWith(from) ? to : value
  const held = JSON.parse(Buffer.from(value.slice(FOREIGN.length), 'base64url').toString()) as JsonObject
  const changed = { ...held, payload: to }
  return FOREIGN + Buffer.from(JSON.stringify(changed)).toString('base64url')
}

/** Every seal of a document that begins with `from` becomes `to`. */
export const reseal = (value: Json, from: string, to: string, key = ''): Json => {
  if (typeof value === 'string') return SEALED.has(key) ? resealed(value, from, to) : value
  if (Array.isArray(value)) return value.map(one => reseal(one, from, to))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, reseal(one, from, to, name)]))
}

/** The requests of one file, sealed for stages of ORGANISATION. */
export const requestsOf = async (file: string): Promise<readonly AgentRequest[]> => {
  const text = await readFile(new URL(`../fixtures/clients/${file}.json`, import.meta.url), 'utf8')
  const { tools, requests } = JSON.parse(text) as { tools: Json; requests: readonly AgentRequest[] }
  const seal = vaultOf(ORGANISATION).seal('kept')
  return requests.map(request => {
    const body = reseal(request.body, SEAL, seal) as JsonObject
    return { ...request, body: body.tools === SAME_TOOLS ? { ...body, tools } : body }
  })
}

/** The events of a stream, `[DONE]` left out. */
export const eventsOf = ({ text }: Reply): readonly JsonObject[] =>
  parseSse(Buffer.from(text))
    .filter(({ data }) => data !== '[DONE]')
    .map(({ data }) => JSON.parse(data) as JsonObject)

/** Names and arguments of the calls, then the text. */
export type Said = { readonly calls: readonly string[]; readonly text: string }

export const saidByResponses = (events: readonly JsonObject[]): Said => {
  const last = events.at(-1)
  assert.equal(last?.type, 'response.completed')
  const response = isObject(last?.response) ? last.response : {}
  const output = (response.output as JsonObject[]).filter(({ type }) => type !== 'reasoning')
  return {
    calls: output.filter(({ type }) => type === 'function_call').map(one => `${one.name} ${one.arguments}`),
    text: output
      .filter(({ type }) => type === 'message')
      .flatMap(({ content }) => (content as JsonObject[]).map(({ text }) => String(text)))
      .join(''),
  }
}

export const saidByMessages = (events: readonly JsonObject[]): Said => {
  assert.equal(events[0]?.type, 'message_start')
  assert.equal(events.at(-1)?.type, 'message_stop')
  const name = events.flatMap(({ content_block: block }) =>
    isObject(block) && block.type === 'tool_use' ? [String(block.name)] : [],
  )
  const deltas = events.flatMap(({ delta }) => (isObject(delta) ? [delta] : []))
  const args = deltas.map(({ partial_json: part }) => (typeof part === 'string' ? part : '')).join('')
  const text = deltas.map(({ text: part }) => (typeof part === 'string' ? part : '')).join('')
  return { calls: name.map(one => `${one} ${args}`), text }
}

/** The calls of the task that the kept requests are about, in order; then it is done. */
export const LINES = [
  "printf '%s' 'the understudy went on' > note.txt",
  'cat note.txt > copy.txt',
  'rm note.txt && cat copy.txt',
]
