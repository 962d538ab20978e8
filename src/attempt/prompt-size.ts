import type { Call } from '../call.ts'
import { sizeSaid } from '../dialects/error-size.ts'
import type { Failure } from '../failure.ts'
import { fitsAnyway, wantedOf } from '../plan/compaction.ts'
import type { Stop } from '../plan/plan.ts'
import { countPromptTokens } from '../record/tokens.ts'
import { valueAt } from '../wire/index.ts'
import type { Json } from '../wire/json.ts'

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

/** What the walk knows of its prompt once a provider, or a check of ours, has said that it does not fit. */
export class PromptSize {
  readonly #call: Call
  #said: number | undefined
  #counted: number | undefined

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
    // A fallback with a prompt of its own is another request.
    if (PROMPT_KEYS.some(key => key in stop.overrides.body)) return stop
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
