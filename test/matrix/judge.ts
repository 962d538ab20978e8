import type { FailureClass } from '../../src/failure.ts'
import { isObject, type Json } from '../../src/wire/json.ts'
import { endingOf } from '../support/answers.ts'
import type { Fault, Meaning } from './faults/fault.ts'
import type { Heard } from './heard.ts'
import { type Expected, verdictOf } from './oracle.ts'
import type { Row } from './rows.ts'
import { saidIn } from './said.ts'
import { bodyOf, type Script } from './script.ts'
import type { Asked, Request, Seen } from './seen.ts'
import { LEAD } from './targets.ts'

/** A deployment's own answer and request, undisturbed. */
export type Direct = {
  /** undefined: the provider has no such thing, and nothing was sent. */
  readonly request: Request | undefined
  readonly healthy: Script | undefined
  readonly reply: Heard
}

/** One cell that was played, and everything to judge it by. */
export type Case = {
  readonly row: Row
  readonly fault: Fault
  readonly meaning: Exclude<Meaning, { kind: 'cannot' }>
  /** What the faulty provider does. */
  readonly script: Script
  readonly direct: ReadonlyMap<string, Direct>
  readonly groupOf: ReadonlyMap<string, string>
  readonly seen: Seen
}

/** Sealed ids name their deployment, and some dialects leave the date to us; all else of two answers is equal. */
export const unsealed = (text: string): string =>
  text
    .replace(/\b([A-Za-z]{1,16}_)[A-Za-z0-9_-]{90,}/g, '$1<sealed>')
    .replace(/"created":\d+/g, '"created":0')

const textOf = (bytes: Buffer): string => bytes.toString('latin1')

/** The class that the engine gave the first attempt. */
export const firstClass = ({ records }: Seen): FailureClass | undefined => {
  const outcome = records[0]?.steps[0]?.outcome
  return outcome === 'answered' ? undefined : outcome
}

const brief = (asked: readonly Asked[]): string =>
  asked.length === 0 ? 'nobody' : asked.map(({ id }) => id).join(', ')

const sameRequest = (one: Request, other: Request): string | undefined => {
  if (one.method !== other.method || one.path !== other.path) return `${one.method} ${one.path}`
  const headers = one.headers.filter(header => !other.headers.includes(header))
  if (headers.length > 0 || one.headers.length !== other.headers.length)
    return `headers ${headers.join('; ')}`
  return one.body.equals(other.body) ? undefined : 'another body'
}

/** Every provider got what a direct request would have brought it, and nothing else. */
export const requests = ({ seen, direct }: Case): readonly string[] =>
  seen.asked.flatMap(({ id, request }) => {
    if (request === undefined) return []
    const own = direct.get(id)?.request
    if (own === undefined) return [`${id} was asked, which has no such endpoint`]
    const difference = sameRequest(request, own)
    return difference === undefined ? [] : [`${id} got what no direct request brings: ${difference}`]
  })

/** An untried deployment is asked before one is asked again. */
const distinct = ({ seen, groupOf }: Case): readonly string[] => {
  const members = [...groupOf].filter(([, group]) => group === LEAD).map(([id]) => id)
  const first = seen.asked.filter(({ id }) => members.includes(id)).slice(0, members.length)
  const owned = new Set(first.map(({ id }) => id)).size
  return owned === first.length ? [] : [`${first[0]?.id} was asked twice before its sibling`]
}

export const path = (of: Case, expected: Expected): readonly string[] => {
  const { seen, groupOf, row } = of
  const groups = seen.asked.map(({ id }) => groupOf.get(id))
  const complaints = requests(of)
  if (groups.join() !== expected.asked.join())
    return [...complaints, `asked: ${brief(seen.asked)}; expected: ${expected.asked.join(', ')}`]
  return row.route.crossing === 'never' ? complaints : [...complaints, ...distinct(of)]
}

/** Nobody is asked before the wait is over that it asked for. */
export const patience = ({ seen: { asked }, fault: { retryAfterMs = 0 } }: Case): readonly string[] =>
  asked.flatMap(({ id, at }, place) => {
    const before = asked.slice(0, place).findLast(one => one.id === id)
    return before === undefined || at - before.overAt >= retryAfterMs
      ? []
      : [`${id} was asked again after ${Math.round(at - before.overAt)} of ${retryAfterMs} ms`]
  })

/** What holds of every call: one record, everything given back, no blame where none is due. */
export const always = ({ seen }: Case): readonly string[] => [
  ...(seen.records.length === 1 ? [] : [`${seen.records.length} records`]),
  ...seen.kept.map(what => `kept: ${what}`),
  ...seen.complaints.map(text => `inside: ${text}`),
]

/** Classes whose verdict leaves health alone leave it alone. */
export const health = ({ seen }: Case): readonly string[] => {
  const steps = seen.records[0]?.steps ?? []
  const blamed = steps.some(
    ({ outcome }) => outcome !== 'answered' && verdictOf(outcome)?.cooldown !== 'none',
  )
  return blamed || seen.resting.after.length === 0
    ? []
    : [`rests without blame: ${seen.resting.after.join(', ')}`]
}

/** Every attempt that failed has one of the names that its fault may have. */
export const names = ({ seen, meaning }: Case): readonly string[] => {
  if (meaning.kind === 'passes') return []
  const allowed = meaning.classes
  return (seen.records[0]?.steps ?? []).flatMap(({ outcome, deployment }) =>
    outcome === 'answered' || outcome === 'unsupported' || allowed.includes(outcome)
      ? []
      : [`${deployment} failed as ${outcome}; expected: ${allowed.join(' or ')}`],
  )
}

const headerOf = (heard: Heard, name: string): string => heard.headers[name] ?? ''

const counted = (heard: Heard, expected: Expected): readonly string[] => {
  const fallbacks = new Set(expected.asked).size - 1
  const retries = expected.asked.length - 1 - fallbacks
  const complaints: string[] = []
  const told = [
    headerOf(heard, 'x-litellm-attempted-retries'),
    headerOf(heard, 'x-litellm-attempted-fallbacks'),
  ]
  if (told.join() !== `${retries},${fallbacks}`)
    complaints.push(
      `headers count ${told.join(' retries and ')} fallbacks; there were ${retries} and ${fallbacks}`,
    )
  return complaints
}

const wholly = ({ seen }: Case): readonly string[] => {
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

/** Whoever served is the one that is named. */
export const servedAnswer = (of: Case, expected: Expected, group: string): readonly string[] => {
  const { heard } = of.seen
  const cut = wholly(of)
  if (heard === undefined || cut.length > 0) return cut
  const id = of.seen.asked.at(-1)?.id ?? ''
  const own = of.direct.get(id)?.reply
  if (own === undefined) return [`nobody knows how ${id} answers`]
  const named = headerOf(heard, 'x-litellm-model-group')
  return [
    // Asked by its own id a deployment goes by that name.
    ...like(heard, own, body => body.replaceAll(`"${id}"`, `"${group}"`)),
    ...counted(heard, expected),
    ...(of.row.route.verbatim === true || named === group ? [] : [`the answer names ${named}`]),
  ]
}

export const passedAnswer = (of: Case, expected: Expected): readonly string[] => {
  const { heard } = of.seen
  const cut = wholly(of)
  if (heard === undefined || cut.length > 0) return cut
  const own = of.direct.get('lead-1')?.reply
  const complaints = counted(heard, expected)
  if (of.row.kind === 'events' && own !== undefined)
    return [...complaints, ...like(heard, own, of.fault.told ?? same)]
  if (heard.status !== statusOf(of.script)) return [...complaints, `status ${heard.status}`]
  const given = unsealed(textOf(heard.body))
  const wanted = [textOf(bodyOf(of.script)), ...(own === undefined ? [] : [textOf(own.body)])].map(unsealed)
  return wanted.includes(given) ? complaints : [...complaints, `another answer: ${given.slice(0, 300)}`]
}

const same = (body: string): string => body
const statusOf = ({ head }: Script): number => (typeof head === 'object' ? head.status : 0)

const errorIn = (body: Buffer): Json | undefined => {
  try {
    const value = JSON.parse(body.toString()) as Json
    return isObject(value) ? value.error : undefined
  } catch {
    return undefined
  }
}

/** LiteLLM's error object with the status of the fault, and nothing of an answer. */
export const errorAnswer = (of: Case, status: number): readonly string[] => {
  const { heard } = of.seen
  const cut = wholly(of)
  if (heard === undefined || cut.length > 0) return cut
  const error = errorIn(heard.body)
  const complaints: string[] = []
  if (heard.status !== status) complaints.push(`status ${heard.status}, expected ${status}`)
  if (headerOf(heard, 'content-type') !== 'application/json') complaints.push('the error is no JSON')
  const keys = isObject(error) ? Object.keys(error) : []
  for (const key of ['message', 'type', 'param', 'code'])
    if (!keys.includes(key)) complaints.push(`the error has no ${key}`)
  if (of.seen.records[0]?.end !== 'error') complaints.push(`recorded as ${of.seen.records[0]?.end}`)
  return complaints
}

/** The stream told what its provider said before it broke, then its dialect's error, and no success. */
const brokenEvents = (of: Case, heard: Heard): readonly string[] => {
  const text = heard.body.toString()
  const ending = endingOf(text)
  const own = unsealed(of.direct.get('lead-1')?.reply.body.toString() ?? '')
  const lastEvent = text.lastIndexOf('\n\n', text.length - 3)
  const before = unsealed(text.slice(0, lastEvent + 2))
  return [
    ...wholly(of),
    ...(ending.successes === 0 ? [] : ['a truncated answer looks whole']),
    ...(ending.stops === 0 ? [] : ['[DONE] that nobody sent']),
    ...(ending.errors === 1 ? [] : [`${ending.errors} error events`]),
    ...(before !== '' && own.startsWith(before)
      ? []
      : [`what came before the break: ${before.slice(0, 200)}`]),
  ]
}

const isContinued = (heard: Heard): boolean => {
  const { successes, errors } = endingOf(heard.body.toString())
  return successes === 1 && errors === 0
}

/** One answer out of two, and no byte of its text is missing or said twice. */
const continued = (of: Case, heard: Heard): readonly string[] => {
  const { shape } = of.row.route
  const own = of.direct.get('lead-1')?.reply.body.toString() ?? ''
  const [given, wanted] = [saidIn(shape, heard.body.toString()), saidIn(shape, own)]
  return [...wholly(of), ...(given === wanted ? [] : [`continued to ${given.slice(0, 200)}`])]
}

/** What became of an answer that broke after its beginning. */
export const brokenAnswer = (
  of: Case,
  mayContinue: boolean,
): { readonly continued: boolean; readonly complaints: readonly string[] } => {
  const { heard } = of.seen
  if (heard === undefined) return { continued: false, complaints: ['no answer'] }
  const status = heard.status === statusOf(of.script) ? [] : [`status ${heard.status}`]
  if (of.row.kind === 'bytes') {
    const looksWhole = heard.whole && of.seen.released === 'ended'
    return {
      continued: false,
      complaints: [...status, ...(looksWhole ? ['truncated bytes look whole'] : [])],
    }
  }
  if (mayContinue && isContinued(heard)) return { continued: true, complaints: continued(of, heard) }
  return { continued: false, complaints: [...status, ...brokenEvents(of, heard)] }
}
