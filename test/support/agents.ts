import { readFile } from 'node:fs/promises'
import { vaultOf } from '../../src/stage/memory.ts'
import { isObject, type Json, type JsonObject } from '../../src/wire/json.ts'

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
