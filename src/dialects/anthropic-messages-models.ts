/**
 * What the generations of Claude differ in, read from a model's name as any vendor writes it (`claude-opus-4-5-20251101`,
 * `anthropic.claude-3-7-sonnet-20250219-v1:0`, `claude-sonnet-4@20250514`). A Claude whose name tells no number is taken
 * for one of the newest; a model of another name has the parameters of the first generation that could think.
 */
export type Traits = {
  /** Thinking by a count of tokens: `thinking: {type: 'enabled', budget_tokens}`. */
  readonly budget: boolean
  /** `thinking: {type: 'adaptive'}`: the model decides how much, `output_config.effort` leans it. */
  readonly adaptive: boolean
  readonly effort: boolean
  /** Effort words beyond 'high'. */
  readonly efforts: ReadonlySet<string>
  /** temperature, top_p and top_k may be set. */
  readonly sampling: boolean
  /** temperature and top_p may be set both. */
  readonly bothSampling: boolean
  /** output_config.format and strict tools. */
  readonly structured: boolean
  /** A conversation may end with the beginning of the answer. Source: Anthropic's guide for moving to 4.6. */
  readonly prefill: boolean
  /** Tokens that an answer may have at most, where the client names no limit: other APIs have none by default. */
  readonly longest: number
}

const NUMBERS =
  /claude-(?:instant-)?(?:([a-z]+)-)?(\d)(?:[-.](\d{1,2})(?!\d))?(?:-(?:opus|sonnet|haiku))?(?![a-z])/

/** 3.5, 4, 4.5, 5.5, infinite for a Claude without a number; undefined: no Claude. */
export const generationOf = (model: string): number | undefined => {
  if (!model.includes('claude')) return undefined
  const [, , major, minor = '0'] = NUMBERS.exec(model) ?? []
  return major === undefined ? Number.POSITIVE_INFINITY : Number(`${major}.${minor}`)
}

const NO_WORDS: ReadonlySet<string> = new Set()
const MAX: ReadonlySet<string> = new Set(['max'])
const ALL: ReadonlySet<string> = new Set(['xhigh', 'max'])

const OTHER: Traits = {
  budget: true,
  adaptive: false,
  effort: false,
  efforts: NO_WORDS,
  sampling: true,
  bothSampling: true,
  structured: false,
  prefill: true,
  longest: 4096,
}

/**
 * The API wants a limit and answers a larger one than the model's with 400: so the least that is published for a model
 * of the generation. A Claude without a number is a new one.
 */
const longestOf = (generation: number): number => {
  if (generation >= 3.7) return 32_000
  return generation >= 3.5 ? 8192 : 4096
}

export const traitsOf = (model: string): Traits => {
  const generation = generationOf(model)
  if (generation === undefined) return OTHER
  const efforts = generation >= 4.7 ? ALL : generation >= 4.6 ? MAX : NO_WORDS
  return {
    budget: generation >= 3.7 && generation < 4.7,
    adaptive: generation >= 4.6,
    effort: generation >= 4.6 || /claude-opus-4-5/.test(model),
    efforts,
    sampling: generation < 4.7,
    bothSampling: generation < 4.1,
    structured: generation >= 4.5 || /claude-opus-4-1/.test(model),
    prefill: generation < 4.6,
    longest: longestOf(generation),
  }
}
