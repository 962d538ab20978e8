import type { Call } from '../call.ts'
import { sizeSaid } from '../dialects/error-size.ts'
import type { Failure } from '../failure.ts'
import { fitsAnyway, wantedOf } from '../plan/compaction.ts'
import type { Stop } from '../plan/plan.ts'
import type { Candidate, Wish } from '../plan/wish.ts'
import { countPromptTokens } from '../record/tokens.ts'
import { valueAt } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'
import type { Play } from './level.ts'
import { ruleOf } from './policy.ts'
import type { Trail } from './settled.ts'

/** Members of a body that are the prompt. */
const PROMPT_KEYS = [
  'messages',
  'contents',
  'system',
  'systemInstruction',
  'input',
  'prompt',
  'instructions',
  'tools',
] as const
const COMPLETION_KEYS = ['max_completion_tokens', 'max_output_tokens', 'max_tokens'] as const

/** Pictures, files and encrypted reasoning are no text: how many tokens they are, only their provider knows. */
const OPAQUE_UNITS = 256
const isOpaque = (text: string): boolean =>
  text.startsWith('data:') || (text.length >= OPAQUE_UNITS && /^[\w+/=-]+$/.test(text))

const textOf = (value: Json): string => {
  if (typeof value === 'string') return isOpaque(value) ? '' : value
  if (typeof value !== 'object' || value === null) return ''
  return (Array.isArray(value) ? value : Object.values(value)).map(textOf).join(' ')
}

const isTokens = (value: Json): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every(one => typeof one === 'number')

/** Texts, or lists of token numbers, each of which has the window to itself. */
const isBatch = (value: Json): value is Json[] =>
  Array.isArray(value) && value.length > 0 && value.every(one => typeof one === 'string' || isTokens(one))

/** From the first time that the prompt did not fit, what is known to be too small for it is not asked. */
export const hearSize = (trail: Trail, call: Call, failure: Failure): PromptSize => {
  trail.prompt ??= new PromptSize(call)
  trail.prompt.hear(failure)
  return trail.prompt
}

/** It did not fit in this group: by a deployment's word, or by a check of ours before anybody was asked. */
export const noteTooLong = (play: Play, failure: Failure): void => {
  const { trail, call, stop } = play
  const prompt = hearSize(trail, call, failure)
  if (ruleOf(play, failure) !== 'larger') return
  const refused = trail.steps.filter(step => step.group === stop.group && step.outcome === 'context_window')
  const windows = refused.map(step => call.config.byId.get(step.deployment)?.info.maxInputTokens ?? 0)
  prompt.refuse(stop, Math.max(0, ...windows))
}

/** One deployment that is named by its id, and a group that is asked for a summary, are asked something of their own. */
const isWhole = ({ byId, summarises }: Stop): boolean => !byId && summarises !== true

/** A fallback with a prompt of its own is another request. */
const hasOwnPrompt = ({ overrides }: Stop): boolean => PROMPT_KEYS.some(key => key in overrides.body)

/** What the walk knows of its prompt once a provider, or a check of ours, has said that it does not fit. */
export class PromptSize {
  readonly #call: Call
  #said: number | undefined
  #counted: number | undefined
  /** By group: the largest declared window that it did not fit. */
  readonly #refused = new Map<string, number>()

  constructor(call: Call) {
    this.#call = call
  }

  /** Providers count differently: the smallest count passes over the fewest. */
  hear({ message }: Failure): void {
    const size = sizeSaid(message)
    if (size === undefined) return
    const tokens = size.tokens - (size.withCompletion ? this.#completion() : 0)
    this.#said = Math.min(this.#said ?? Number.POSITIVE_INFINITY, Math.max(0, tokens))
  }

  /** The stop with those of its deployments that may be large enough, or why there is none. */
  fitting(stop: Stop): Stop | { readonly skipped: string } {
    if (hasOwnPrompt(stop)) return stop
    const wanted = wantedOf(this.#call, stop)
    const candidates = stop.candidates.filter(
      candidate =>
        candidate.deployment.info.maxInputTokens === undefined ||
        fitsAnyway(candidate, wanted) ||
        this.#tokens(candidate.model) <= candidate.deployment.info.maxInputTokens,
    )
    if (candidates.length === stop.candidates.length) return stop
    if (candidates.length > 0) return { ...stop, candidates }
    const windows = stop.candidates.map(one => one.deployment.info.maxInputTokens ?? 0)
    const by = this.#said === undefined ? 'counted here' : 'as its provider counted'
    return {
      skipped: `${stop.named} is too small: ${this.#said ?? this.#counted} tokens, ${by}, do not fit into ${Math.max(...windows)}`,
    }
  }

  refuse(stop: Stop, window: number): void {
    if (isWhole(stop)) this.#refused.set(stop.group, window)
  }

  /** Of the group only those are asked any more that say to hold it. */
  isNarrow(stop: Stop): boolean {
    return isWhole(stop) && this.#refused.has(stop.group)
  }

  /** What is wished of a group that has refused it: of those that say how much they hold, who holds it and more. */
  narrowed(wish: Wish, stop: Stop): Wish {
    if (!this.isNarrow(stop)) return wish
    const refused = this.#refused.get(stop.group) ?? 0
    const holds = (candidate: Candidate): boolean => {
      const window = candidate.deployment.info.maxInputTokens
      return (
        window !== undefined &&
        window > refused &&
        (fitsAnyway(candidate, wish.compaction) || this.#tokens(candidate.model) <= window)
      )
    }
    return { ...wish, candidates: hasOwnPrompt(stop) ? [] : wish.candidates.filter(holds) }
  }

  /** Counted at most once, and only when a window is known and no provider has said a number. */
  #tokens(model: string): number {
    if (this.#said !== undefined) return this.#said
    this.#counted ??= countOf(this.#call, model)
    return this.#counted
  }

  #completion(): number {
    for (const key of COMPLETION_KEYS) {
      const value = memberOf(this.#call, key)
      if (typeof value === 'number' && value > 0) return value
    }
    return 0
  }
}

const memberOf = ({ body }: Call, key: string): Json | undefined =>
  body.kind === 'json' ? valueAt(body.index, key) : undefined

/** The text of the prompt: never more than the provider will count of it, give or take the vocabulary. */
const countOf = (call: Call, model: string): number => {
  let tokens = 0
  for (const key of PROMPT_KEYS) {
    const value = memberOf(call, key)
    if (value === undefined) continue
    const parts = isTokens(value) ? [value] : isBatch(value) ? value : undefined
    const sizes = parts?.map(part => (isTokens(part) ? part.length : countPromptTokens(textOf(part), model)))
    tokens += sizes === undefined ? countPromptTokens(textOf(value), model) : Math.max(...sizes)
  }
  return tokens
}
