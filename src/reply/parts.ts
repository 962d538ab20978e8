import type { Content } from '../attempt/outcome.ts'
import type { Settled } from '../attempt/settled.ts'
import type { Usage } from '../dialects/shape.ts'
import type { Failure } from '../failure.ts'
import type { Step } from '../record/trail.ts'
import type { Rewriter } from './rewrite.ts'
import { costFor } from './served.ts'

/** One provider's part of an answer; most answers have one part. */
export type Part = {
  readonly settled: Extract<Settled, { kind: 'answered' }>
  readonly content: Extract<Content, { kind: 'stream' }>
  readonly rewriter: Rewriter
  /** Its step in the trail. */
  readonly step: number
  /** Text that had been delivered before it, UTF-16 units. */
  readonly from: number
  readonly resumed: Step['resumed']
}

type Told = { readonly usage: Usage | undefined; readonly estimated: boolean }

/** Text of this length in tokens, about: nobody has counted a stream that broke. */
const aboutTokens = (units: number): number => Math.ceil(units / 4)

/** What a part was sent beside the prompt. */
const givenTo = (part: Part): number => (part.resumed === 'continuation' ? aboutTokens(part.from) : 0)

/** What a part has said, from where it had to begin: a splice says again what was delivered. */
const saidBy = (part: Part, until: number): number =>
  aboutTokens(part.resumed === 'splice' ? until : until - part.from)

/** Some dialects count at the beginning and again at the end: until then what was told is no more than a beginning. */
const toldWhole = ({ content: { progress } }: Part): boolean => progress.final || progress.whole

/** What a part that did not end had told so far, and for its answer no less than what of it was delivered. */
const begunBy = (part: Part, own: Usage, until: number | undefined): Told => {
  const said = until === undefined ? 0 : saidBy(part, until)
  return { usage: { ...own, outputTokens: Math.max(own.outputTokens, said) }, estimated: true }
}

/**
 * The usage of each part: what its provider told, or for one that broke before it told it, what a later part says of
 * the prompt and the length of what was delivered. Undefined where no provider has told anything. `until`: how much
 * text has been delivered in all, UTF-16 units; undefined when nobody kept account of it.
 */
export const usagesOf = (parts: readonly Part[], until?: number): readonly Told[] =>
  parts.map((part, at) => {
    const own = part.content.progress.usage
    const next = parts[at + 1]
    if (own !== undefined && toldWhole(part)) return { usage: own, estimated: false }
    // No answer has a prompt of nothing: there it is not counted yet.
    if (own !== undefined && own.inputTokens > 0) return begunBy(part, own, next?.from ?? until)
    if (next === undefined) return { usage: undefined, estimated: false }
    const teller = parts.slice(at + 1).find(later => later.content.progress.usage !== undefined)
    const told = teller?.content.progress.usage
    if (teller === undefined || told === undefined) return { usage: undefined, estimated: false }
    const prompt = Math.max(0, told.inputTokens - givenTo(teller))
    return {
      usage: { inputTokens: prompt + givenTo(part), outputTokens: saidBy(part, next.from) },
      estimated: true,
    }
  })

const OPTIONAL = [
  'cachedInputTokens',
  'cacheWriteTokens',
  'reasoningTokens',
  'audioSeconds',
] as const satisfies readonly (keyof Usage)[]

/** Undefined when one of them is: a sum that leaves something out is not the usage. */
export const summed = (usages: readonly (Usage | undefined)[]): Usage | undefined => {
  const [first, ...others] = usages
  if (first === undefined) return undefined
  let sum = first
  for (const usage of others) {
    if (usage === undefined) return undefined
    const known = sum
    const more = OPTIONAL.flatMap(key =>
      known[key] === undefined && usage[key] === undefined
        ? []
        : [[key, (known[key] ?? 0) + (usage[key] ?? 0)] as const],
    )
    sum = {
      inputTokens: known.inputTokens + usage.inputTokens,
      outputTokens: known.outputTokens + usage.outputTokens,
      ...Object.fromEntries(more),
    }
  }
  return sum
}

/** Usage and cost of the whole answer. */
export const totalOf = (
  parts: readonly Part[],
  until: number | undefined,
): { readonly usage: Usage | undefined; readonly costUsd: number | undefined } => {
  const usages = usagesOf(parts, until).map(told => told.usage)
  let costUsd: number | undefined = 0
  for (const [at, { settled }] of parts.entries()) {
    const own = costFor(settled.answered, usages[at])
    costUsd = costUsd === undefined || own === undefined ? undefined : costUsd + own
  }
  return { usage: summed(usages), costUsd }
}

/** The part has ended: its step says how, before anything follows. Steps are values: one that changes is replaced. */
export const tellEnd = (part: Part, failure: Failure | undefined, now: number): void => {
  const { answered, trail } = part.settled
  const step = trail.steps[part.step]
  if (step === undefined) return
  const { firstContentAt, startedAt } = answered
  trail.steps[part.step] = {
    ...step,
    ms: now - startedAt,
    ...(firstContentAt === undefined ? {} : { firstTokenMs: firstContentAt - startedAt }),
    ...(failure === undefined
      ? {}
      : { outcome: failure.class, message: failure.message, next: 'end: the answer had begun' }),
  }
}

/** When nothing more will come: what of it the client's dialect had no place for. */
export const tellLost = (parts: readonly Part[]): void => {
  for (const { settled, step: at } of parts) {
    const lost = settled.answered.lost?.() ?? []
    const step = settled.trail.steps[at]
    if (step !== undefined && lost.length > 0)
      settled.trail.steps[at] = { ...step, lost: [...step.lost, ...lost] }
  }
}

/** When nothing more will come: who used what. */
export const tellUsages = (parts: readonly Part[], until: number | undefined): void => {
  for (const [at, { usage, estimated }] of usagesOf(parts, until).entries()) {
    const part = parts[at]
    const step = part?.settled.trail.steps[part.step]
    if (part === undefined || step === undefined || usage === undefined) continue
    const { answered, trail } = part.settled
    const costUsd = costFor(answered, usage)
    trail.steps[part.step] = {
      ...step,
      usage,
      ...(costUsd === undefined ? {} : { costUsd }),
      ...(estimated ? { estimated } : {}),
    }
  }
}
