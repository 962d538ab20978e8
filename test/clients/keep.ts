import { mkdir, writeFile } from 'node:fs/promises'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'
import { reseal, SAME_TOOLS, SEAL } from '../support/agents.ts'
import type { Tapped } from './tap.ts'

/** What an agent sent, made fit to be kept: no credential, no name of this machine, descriptions shortened. */

const FOLDER = new URL('../fixtures/clients/', import.meta.url)
const LONGEST = 300

/** Headers that say who is calling, or what the transport did. */
const LEFT_OUT = /^(?:authorization|x-api-key|cookie|host|content-length|connection|accept-encoding)$/i

/** How a stage's seals begin. */
const STAGES = 'gAAAAAB'

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g
const HEX = /\b[0-9a-f]{64}\b/g

type Names = readonly (readonly [name: string, neutral: string])[]

const neutral = (text: string, names: Names): string =>
  names
    .reduce((so, [name, other]) => so.replaceAll(name, other), text)
    .replace(UUID, '00000000-0000-4000-8000-000000000000')
    .replace(HEX, '0'.repeat(64))
    .replace(/\(Debian [^)]*\)/g, '(Linux)')

/** What only the issuer can read stays whole, and so do the words that direct the stage. */
const SEALED: ReadonlySet<string> = new Set(['encrypted_content', 'signature', 'data'])

const short = (text: string): string =>
  text.length <= LONGEST || text.includes('[stage:') ? text : `${text.slice(0, LONGEST)}… (shortened)`

const kept = (value: Json, names: Names, key = ''): Json => {
  if (typeof value === 'string') return SEALED.has(key) ? value : short(neutral(value, names))
  if (Array.isArray(value)) return value.map(one => kept(one, names))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, kept(one, names, name)]))
}

const keptRequest = (request: Tapped, names: Names): JsonObject => ({
  target: request.target,
  headers: request.headers
    .filter(([name]) => !LEFT_OUT.test(name))
    .map(([name, value]) => [name, neutral(value, names)]),
  body: kept(reseal(JSON.parse(request.body) as Json, STAGES, SEAL), names),
})

/** Writes the requests of one row; `names` are what is written for names of this machine. */
export const keepRequests = async (file: string, sent: readonly Tapped[], names: Names): Promise<void> => {
  await mkdir(FOLDER, { recursive: true })
  const requests = sent.filter(({ method }) => method === 'POST').map(one => keptRequest(one, names))
  const [first] = requests
  const tools = isObject(first?.body) ? (first.body.tools ?? null) : null
  const same = JSON.stringify(tools)
  const once = requests.map(({ body, ...rest }) => ({
    ...rest,
    body:
      isObject(body) && JSON.stringify(body.tools) === same ? { ...body, tools: SAME_TOOLS } : (body ?? null),
  }))
  await writeFile(new URL(file, FOLDER), `${JSON.stringify({ tools, requests: once }, null, 1)}\n`)
}
