import { isDeepStrictEqual } from 'node:util'
import { isObject, type Json, type JsonObject } from '../../../src/wire/json.ts'
import { type Expected, verdictOf } from '../oracle.ts'
import type { Row } from '../rows.ts'
import type { Asked, Request } from '../seen.ts'
import { FIRST, FOREIGN, LEAD, mayCross, playersFor } from '../targets.ts'
import type { Case } from './case.ts'

const brief = (asked: readonly Asked[]): string =>
  asked.length === 0 ? 'nobody' : asked.map(({ id }) => id).join(', ')

const sameRequest = (one: Request, other: Request): string | undefined => {
  if (one.method !== other.method || one.path !== other.path) return `${one.method} ${one.path}`
  const headers = one.headers.filter(header => !other.headers.includes(header))
  if (headers.length > 0 || one.headers.length !== other.headers.length)
    return `headers ${headers.join('; ')}`
  return one.body.equals(other.body) ? undefined : 'another body'
}

/** A provider that is to go on from the beginning of an answer finds it at the end of what it is asked. */
export const goesOn = (body: Buffer): boolean => {
  try {
    const asked = JSON.parse(body.toString()) as Json
    const last = isObject(asked) && Array.isArray(asked.messages) ? asked.messages.at(-1) : undefined
    return isObject(last) && last.role === 'assistant'
  } catch {
    return false
  }
}

/** The call of the compact endpoint by the other wire: its trigger is in the body. */
const byOtherWire = ({ route }: Row, { path, body }: Request): boolean =>
  route.compacts === 'endpoint' && path.endsWith('/responses') && body.includes('"compaction_trigger"')

/** By the other wire: the body of a direct call, its trigger behind the conversation, and nothing stored. */
const differsFromTriggered = (request: Request, own: Request): string | undefined => {
  const direct = JSON.parse(own.body.toString()) as JsonObject
  const { input = [] } = direct
  const said = typeof input === 'string' ? [{ role: 'user', content: input }] : (input as readonly Json[])
  const expected = { ...direct, input: [...said, { type: 'compaction_trigger' }], store: false }
  return isDeepStrictEqual(JSON.parse(request.body.toString()), expected) ? undefined : 'another body'
}

/**
 * Every provider got what a direct request would have brought it, and nothing else; but whoever has said that it has no
 * endpoint for compactions may be asked the same by the other wire.
 */
export const requests = ({ seen, direct, row }: Case): readonly string[] =>
  seen.asked.flatMap(({ id, request }) => {
    if (request === undefined) return []
    const own = direct.get(id)?.request
    if (own === undefined) return [`${id} was asked, which has no such endpoint`]
    const difference = byOtherWire(row, request)
      ? differsFromTriggered(request, own)
      : sameRequest(request, own)
    return difference === undefined ? [] : [`${id} got what no direct request brings: ${difference}`]
  })

/** An untried deployment is asked before one is asked again. */
const distinct = ({ seen, groupOf }: Case): readonly string[] => {
  const members = [...groupOf].filter(([, group]) => group === LEAD).map(([id]) => id)
  const first = seen.asked.filter(({ id }) => members.includes(id)).slice(0, members.length)
  const owned = new Set(first.map(({ id }) => id)).size
  return owned === first.length ? [] : [`${first[0]?.id} was asked twice before its sibling`]
}

/** Where an answer may be finished by somebody else, that is somebody who might have answered in the first place. */
const recovery = (of: Case, { refused = [] }: Expected): readonly string[] => {
  const { seen, row, target } = of
  const allowed = playersFor(target, row).filter(player =>
    player.group === LEAD ? row.route.crossing !== 'never' || player.id === FIRST : mayCross(row, player),
  )
  const strangers = seen.asked.filter(({ id }) => !allowed.some(player => player.id === id))
  const [first] = seen.asked
  return [
    ...(of.groupOf.get(first?.id ?? '') === (refused.includes(LEAD) ? FOREIGN : LEAD)
      ? []
      : [`asked first: ${brief(seen.asked)}`]),
    ...strangers.map(({ id }) => `${id} was asked, which may not answer`),
    ...requests({
      ...of,
      seen: { ...seen, asked: seen.asked.filter(({ request }) => !(request && goesOn(request.body))) },
    }),
  ]
}

/** The way led where it should, and nowhere else. */
export const path = (of: Case, expected: Expected): readonly string[] => {
  const { seen, groupOf, row } = of
  if (expected.end.kind === 'broken' && expected.end.mayContinue) return recovery(of, expected)
  const groups = seen.asked.map(({ id }) => groupOf.get(id))
  const complaints = requests(of)
  if (groups.join() !== expected.asked.join())
    return [...complaints, `asked: ${brief(seen.asked)}; expected: ${expected.asked.join(', ')}`]
  return row.route.crossing === 'never' ? complaints : [...complaints, ...distinct(of)]
}

/** Nobody is asked before the wait is over that it asked for. */
export const patience = ({ seen: { asked }, fault: { retryAfterMs } }: Case): readonly string[] =>
  retryAfterMs === undefined
    ? []
    : asked.flatMap(({ id, at }, place) => {
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

const UNSUPPORTED = /UnsupportedParamsError/

/** Whoever cannot carry the call said so before anything was sent, and the client is told by whom it went no further. */
export const refusals = (of: Case, { refused = [], asked, end }: Expected): readonly string[] => {
  const { seen, groupOf } = of
  const [record] = seen.records
  const text = seen.heard?.body.toString() ?? ''
  const told = end.kind === 'error' && (asked.length === 0 || refused.includes(LEAD))
  return [...of.refusals].flatMap(([id, word]) => {
    const group = groupOf.get(id) ?? ''
    const steps = record?.steps.filter(({ deployment }) => deployment === id) ?? []
    const wrong = [
      ...(seen.asked.some(one => one.id === id) ? [`${id} was sent what it cannot carry`] : []),
      ...(steps.some(({ outcome }) => outcome !== 'unsupported') ? [`${id} is not said to refuse`] : []),
      ...(refused.includes(group) && steps.length !== 1 ? [`${id} had ${steps.length} turns`] : []),
    ]
    // Of two refusals the first is told.
    const named = !told || id !== FIRST || (UNSUPPORTED.test(text) && text.includes(word))
    return named ? wrong : [...wrong, `the refusal is not told: ${text.slice(0, 300)}`]
  })
}

/** The one that speaks another dialect may not have the endpoint. */
const isUnspoken = (deployment: string, outcome: string): boolean =>
  deployment === FOREIGN && outcome === 'unsupported'

/** Every attempt that failed has one of the names that its fault may have. */
export const names = (of: Case, { end }: Expected): readonly string[] => {
  const { seen, meaning, fault } = of
  if (meaning.kind === 'passes') return []
  const refuses = fault.refusesPrefill === true && end.kind === 'broken' && end.mayContinue
  return (seen.records[0]?.steps ?? []).flatMap(({ outcome, deployment }) => {
    const own = of.meaningFor(deployment)
    const classes = own.kind === 'fails' ? own.classes : meaning.classes
    const allowed = refuses ? [...classes, 'caller_fault'] : classes
    return outcome === 'answered' ||
      allowed.includes(outcome) ||
      isUnspoken(deployment, outcome) ||
      of.refusals.has(deployment)
      ? []
      : [`${deployment} failed as ${outcome}; expected: ${allowed.join(' or ')}`]
  })
}
