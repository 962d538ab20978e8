import { isObject, type Json, type JsonObject } from '../../../src/wire/json.ts'
import type { Heard } from '../../support/heard.ts'
import type { Tongue } from '../kinds.ts'
import type { Expected } from '../oracle.ts'
import { bodyOf } from '../script.ts'
import { FIRST, LEAD } from '../targets.ts'
import { type Case, firstClass, statusOf, textOf, unsealed } from './case.ts'
import { formOfAnswer } from './dialects/index.ts'

const headerOf = (heard: Heard, name: string): string => heard.headers[name] ?? ''

/** The headers count what was tried, on an answer and on an error. */
export const counted = (
  { seen: { heard } }: Case,
  { asked, refused = [], local }: Expected,
): readonly string[] => {
  if (heard === undefined) return []
  const groups = new Set([...asked, ...refused]).size
  const retries = asked.length + refused.length - groups
  const fallbacks = groups - 1 + (local === true ? 1 : 0)
  const told = ['retries', 'fallbacks'].map(what => headerOf(heard, `x-litellm-attempted-${what}`))
  return told.join() === `${retries},${fallbacks}`
    ? []
    : [`headers count ${told.join(' retries and ')} fallbacks; there were ${retries} and ${fallbacks}`]
}

/** The answer came, and HTTP says that it is whole. */
export const wholly = ({ seen }: Case): readonly string[] => {
  const { heard, released } = seen
  if (heard === undefined) return [`no answer: ${released}`]
  if (!heard.whole) return ['the answer is cut by HTTP']
  if (heard.beyond > 0) return [`${heard.beyond} bytes after the answer`]
  return released === 'broken' ? ['the connection was not closed in order'] : []
}

/** The answer is that of a direct call. */
const like = (heard: Heard, own: Heard, told: (body: string) => string): readonly string[] => {
  if (heard.status !== own.status) return [`status ${heard.status}: ${textOf(heard.body).slice(0, 200)}`]
  const type = headerOf(heard, 'content-type')
  if (type !== headerOf(own, 'content-type')) return [`content type ${type}`]
  const [given, wanted] = [unsealed(textOf(heard.body)), unsealed(told(textOf(own.body)))]
  return given === wanted ? [] : [`another answer: ${given.slice(0, 300)}`]
}

/** The record names whoever served, and what that one said was used. */
const recorded = ({ seen, direct, groupOf, row }: Case, id: string): readonly string[] => {
  const [record] = seen.records
  if (record === undefined) return []
  const complaints: string[] = []
  if (record.end !== 'complete') complaints.push(`recorded as ${record.end}`)
  const served = [record.servedDeployment, record.servedGroup]
  if (row.route.verbatim !== true && served.join() !== `${id},${groupOf.get(id)}`)
    complaints.push(`recorded as served by ${served.join(' of ')}`)
  const used = [record.usage, direct.get(id)?.usage].map(usage => JSON.stringify(usage))
  if (used[0] !== used[1]) complaints.push(`recorded use: ${used[0]}, not ${used[1]}`)
  return complaints
}

/** The deployment that served for a group; where nobody was asked the gateway counted in its place. */
const whoOf = ({ seen, groupOf }: Case, group: string): string => {
  const last = seen.asked.at(-1)?.id ?? ''
  return groupOf.get(last) === group ? last : group
}

/** Whoever served is the one that is named. */
export const servedAnswer = (of: Case, group: string): readonly string[] => {
  const { heard } = of.seen
  const cut = wholly(of)
  if (heard === undefined || cut.length > 0) return cut
  const id = whoOf(of, group)
  const own = of.direct.get(id)?.reply
  if (own === undefined) return [`nobody knows how ${id} answers`]
  const named = headerOf(heard, 'x-litellm-model-group')
  return [
    // Asked by its own id a deployment goes by that name.
    ...(of.row.pair === undefined && byOtherWire(heard)
      ? compacted(heard)
      : [...like(heard, own, body => body.replaceAll(`"${id}"`, `"${group}"`)), ...truthful(of, heard, own)]),
    ...formOfAnswer(of.row, heard, 'whole'),
    ...recorded(of, id),
    ...(of.row.route.verbatim === true || named === group ? [] : [`the answer names ${named}`]),
  ]
}

const byOtherWire = (heard: Heard): boolean =>
  headerOf(heard, 'x-understudy-compaction').startsWith('native-other-wire')

/** By the other wire the messages beside the item are the gateway's own words for the client's. */
const compacted = (heard: Heard): readonly string[] => {
  const body = textOf(heard.body)
  const items = body.match(/"type":"compaction"/g)?.length
  return heard.status === 200 && body.includes('"response.compaction"') && items === 1
    ? []
    : [`no compaction: ${body.slice(0, 300)}`]
}

/** Headers of one answer alone: its times, its name, and what it took. */
const PASSING =
  /^(?:date|connection|keep-alive|transfer-encoding|content-length|x-litellm-call-id|x-litellm-attempted-.*|x-litellm-max-.*|x-litellm-model-group|x-litellm-.*-duration-ms|x-litellm-response-cost|request-id|x-request-id)$/

const lasting = ({ headers }: Heard): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !PASSING.test(name)))

/** Of a crossing the headers say of whoever served what they say after a direct call, and nothing of anybody else. */
const truthful = ({ row }: Case, heard: Heard, own: Heard): readonly string[] => {
  if (row.pair === undefined) return []
  const [given, wanted] = [lasting(heard), lasting(own)]
  const names = new Set([...Object.keys(given), ...Object.keys(wanted)])
  return [...names]
    .filter(name => given[name] !== wanted[name])
    .map(name => `header ${name}: ${given[name]}, not ${wanted[name]}`)
}

/** A number in the dialect's form that says what it is worth, told in the name of the group that was asked for. */
export const estimatedAnswer = (of: Case): readonly string[] => {
  const { heard, records } = of.seen
  const cut = wholly(of)
  if (heard === undefined || cut.length > 0) return cut
  const text = textOf(heard.body)
  const complaints: string[] = []
  if (heard.status !== 200) complaints.push(`status ${heard.status}: ${text.slice(0, 200)}`)
  if (!/"(?:input_tokens|totalTokens)":[1-9]/.test(text)) complaints.push(`no count: ${text.slice(0, 200)}`)
  if (!headerOf(heard, 'x-understudy-dropped').split(', ').includes('the exact count'))
    complaints.push('nothing says that it is an estimate')
  const [record] = records
  if (record?.end !== 'complete') complaints.push(`recorded as ${record?.end}`)
  if (record?.servedGroup !== LEAD) complaints.push(`recorded as served by ${record?.servedGroup}`)
  return complaints
}

const same = (body: string): string => body

/** What the first provider sent is what the client has. */
export const passedAnswer = (of: Case): readonly string[] => {
  const { heard } = of.seen
  const cut = wholly(of)
  if (heard === undefined || cut.length > 0) return cut
  const own = of.direct.get(FIRST)?.reply
  if (of.row.kind === 'events' && own !== undefined) {
    const cut =
      of.fault.told !== undefined && of.row.form === 'chat' && of.direct.get(FIRST)?.asked.form === 'chat'
    return [...like(heard, own, of.fault.told ?? same), ...formOfAnswer(of.row, heard, cut ? 'cut' : 'whole')]
  }
  if (heard.status !== statusOf(of.script)) return [`status ${heard.status}`]
  const given = unsealed(textOf(heard.body))
  const wanted = [textOf(bodyOf(of.script)), ...(own === undefined ? [] : [textOf(own.body)])].map(unsealed)
  return wanted.includes(given) ? [] : [`another answer: ${given.slice(0, 300)}`]
}

const objectIn = (body: Buffer): JsonObject => {
  try {
    const value = JSON.parse(body.toString()) as Json
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** Anthropic's statuses, where they are not LiteLLM's. */
const statusIn = ({ row, seen }: Case, status: number): number => {
  if (row.flavour !== 'anthropic') return status
  const failure = firstClass(seen)
  if (failure === 'overloaded') return 529
  if (failure === 'quota') return 402
  return status === 408 ? 504 : status
}

const MEMBERS: Readonly<Partial<Record<Tongue, readonly string[]>>> = {
  anthropic: ['message', 'type'],
  gemini: ['code', 'message', 'status'],
}

/** LiteLLM's error object, Google's, or Anthropic's around its own. */
const shapeOf = ({ row }: Case, document: JsonObject): readonly string[] => {
  const error = isObject(document.error) ? document.error : {}
  const keys = MEMBERS[row.flavour] ?? ['message', 'type', 'param', 'code']
  const missing = keys.filter(key => !Object.hasOwn(error, key)).map(key => `the error has no ${key}`)
  const outside =
    row.flavour === 'anthropic' && (document.type !== 'error' || document.request_id === undefined)
  return outside ? [...missing, 'the error is not in the dialect'] : missing
}

/** The dialect's error object with the status of the fault, and nothing of an answer. */
export const errorAnswer = (of: Case, status: number): readonly string[] => {
  const { heard } = of.seen
  const cut = wholly(of)
  if (heard === undefined || cut.length > 0) return cut
  const wanted = statusIn(of, status)
  const complaints: string[] = [...shapeOf(of, objectIn(heard.body))]
  if (heard.status !== wanted) complaints.push(`status ${heard.status}, expected ${wanted}`)
  if (headerOf(heard, 'content-type') !== 'application/json') complaints.push('the error is no JSON')
  if (of.seen.records[0]?.end !== 'error') complaints.push(`recorded as ${of.seen.records[0]?.end}`)
  return complaints
}
