import type { Observation } from './observation.ts'

/** What one check found; `ok` is undefined where it has nothing to judge. */
export type Finding = { readonly ok: boolean | undefined; readonly why: string }

/**
 * required: a failure fails the scenario. advisory: a failure makes a pass partial. told: never counts.
 * Ids are those of the public catalogue; `own` marks a check that it does not have.
 */
export type Check = {
  readonly id: string
  readonly rank: 'required' | 'advisory' | 'told'
  readonly own?: true
  readonly judge: (seen: Observation) => Finding
}

type Rank = Check['rank']
type Judge = Check['judge']

const check =
  (id: string, judge: Judge) =>
  (rank: Rank): Check => ({ id, rank, judge })

const times = (count: number): string => (count === 1 ? 'one attempt' : `${count} attempts`)
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
const last = ({ calls }: Observation) => calls.at(-1)

export const noHang = check('no_hang', ({ calls }) => {
  const hung = calls.filter(({ outcome }) => outcome === 'hang').length
  return { ok: hung === 0, why: hung === 0 ? 'every call ended' : `${hung} of ${calls.length} did not end` }
})

export const noCutAnswer = (id: string) =>
  check(id, ({ calls }) => {
    const cut = calls.find(({ outcome, complete }) => outcome === 'answer' && !complete)
    return { ok: cut === undefined, why: cut === undefined ? 'no part looked whole' : cut.told }
  })

export const complete = (id: string) =>
  check(id, seen => {
    const ok = seen.calls.every(call => call.complete)
    return { ok, why: ok ? 'whole' : (last(seen)?.told ?? 'no call') }
  })

export const attemptsAtLeast = (id: string, least: number) =>
  check(id, ({ primary }) => ({
    ok: primary.length >= least,
    why: `${times(primary.length)} at the primary`,
  }))

export const attemptsAtMost = (id: string, most: number) =>
  check(id, ({ primary }) => ({ ok: primary.length <= most, why: `${times(primary.length)} at the primary` }))

export const attemptsExactly = (id: string, count: number) =>
  check(id, ({ primary }) => ({
    ok: primary.length === count,
    why: `${times(primary.length)} at the primary`,
  }))

export const firstGapAtLeast = (id: string, leastMs: number) =>
  check(id, ({ primary: [first, second] }) => {
    if (first === undefined || second === undefined) return { ok: false, why: 'no second attempt' }
    const gap = second.at - first.at
    return { ok: gap >= leastMs, why: `${seconds(gap)} between the first two attempts` }
  })

export const attemptsWithin = (id: string, windowMs: number, most: number) =>
  check(id, ({ primary }) => {
    const from = primary[0]?.at ?? 0
    const count = primary.filter(({ at }) => at - from < windowMs).length
    return { ok: count <= most, why: `${times(count)} within ${seconds(windowMs)}` }
  })

const took = (seen: Observation): number => last(seen)?.seconds ?? Number.POSITIVE_INFINITY

export const secondsAtMost = (id: string, most: number) =>
  check(id, seen => ({
    ok: last(seen)?.outcome !== 'hang' && took(seen) <= most,
    why: `${took(seen).toFixed(1)} s, limit ${most.toFixed(1)} s`,
  }))

/** A body that comes whole may take long to make: that is no fault, and nothing is judged. */
export const firstTokenWithin = (id: string, most: number) =>
  check(id, seen =>
    seen.incremental
      ? secondsAtMost(id, most)('advisory').judge(seen)
      : { ok: undefined, why: 'an answer that comes whole has no first token' },
  )

export const aliveAfter = check('alive_after', ({ alive }) => ({
  ok: alive,
  why: alive ? 'a healthy call was answered afterwards' : 'a healthy call was not answered afterwards',
}))

export const fallbackUsed = (id: string) =>
  check(id, ({ fallback }) => ({
    ok: fallback.length > 0,
    why: `${times(fallback.length)} at the fallback`,
  }))

export const namesFallback = check('reports_fallback_model', seen => {
  if (seen.fallback.length === 0) return { ok: undefined, why: 'the fallback was not used' }
  const model = last(seen)?.model
  return { ok: model === seen.fallbackModel, why: `the answer names ${model ?? 'no model'}` }
})

export const usagePresent = (id: string) =>
  check(id, seen => {
    if (!seen.tellsUsage) return { ok: undefined, why: 'the format has no place for usage' }
    const ok = last(seen)?.usage === true
    return { ok, why: ok ? 'usage was told' : 'no usage' }
  })

export const noPrefillMasking = check('no_prefill_masking', seen => {
  const refused = seen.fallback.filter(({ refusedPrefill }) => refusedPrefill).length
  const failed = last(seen)?.outcome === 'error'
  return { ok: refused === 0 || !failed, why: `${refused} beginnings refused, then: ${last(seen)?.told}` }
})

const whileDown = ({ calls, downMs }: Observation) => calls.filter(({ sentAt }) => sentAt < downMs)

export const servedWhileDown = check('served_during_outage', seen => {
  const sent = whileDown(seen)
  const served = sent.filter(({ complete: whole }) => whole).length
  return {
    ok: sent.length > 0 && served === sent.length,
    why: `${served} of ${sent.length} served in the outage`,
  }
})

export const backWithin = (mostMs: number) =>
  check('recovered', ({ primary, downMs }) => {
    const back = primary.find(({ answered }) => answered)
    if (back === undefined) return { ok: false, why: 'the primary was not used again' }
    const after = back.at - downMs
    return { ok: after <= mostMs, why: `the primary answered ${seconds(after)} after it was back` }
  })

export const probesAtMostRequests = check('probe_discipline', seen => {
  const asked = seen.primary.filter(({ at }) => at < seen.downMs).length
  const sent = whileDown(seen).length
  return { ok: asked <= sent, why: `${times(asked)} at the primary for ${sent} requests in the outage` }
})

/** The catalogue has no such check. A request that fails over must reach the next provider as the client wrote it. */
export const nothingAdded: Check = {
  id: 'nothing_added',
  rank: 'required',
  own: true,
  judge: ({ primary, fallback }) => {
    const foreign = [...new Set([...primary, ...fallback].flatMap(arrival => arrival.foreign))]
    return {
      ok: foreign.length === 0,
      why: foreign.length === 0 ? 'no member but the client’s' : `added: ${foreign.join(', ')}`,
    }
  },
}
