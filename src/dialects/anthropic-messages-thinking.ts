import type { JsonObject } from '../wire/json.ts'
import type { Traits } from './anthropic-messages-models.ts'
import type { Losses } from './losses.ts'
import type { Effort, NeutralRequest } from './neutral.ts'

/** How much a model shall think, in the words of its generation. */
export type Thinking = {
  readonly thinking?: JsonObject
  readonly effort?: string
  /** Tokens of a budget: max_tokens has to be larger. */
  readonly budget?: number
}

/** The API takes no smaller budget. */
export const LEAST_BUDGET = 1024

/** Budgets for models that have no efforts, in tokens. */
const BUDGETS: Readonly<Record<Exclude<Effort, 'none'>, number>> = {
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 24_576,
  max: 32_000,
}

/** An effort for a count of tokens, where no count can be given. */
const effortFor = (tokens: number): Effort =>
  tokens <= BUDGETS.low ? 'low' : tokens <= BUDGETS.medium ? 'medium' : 'high'

const wordFor = (effort: Effort, { efforts }: Traits): string => {
  if (effort === 'minimal' || effort === 'none') return 'low'
  if (effort !== 'xhigh' && effort !== 'max') return effort
  return efforts.has(effort) ? effort : 'high'
}

const displayed = ({ thoughts }: NeutralRequest): JsonObject =>
  thoughts === undefined ? {} : { display: thoughts === 'shown' ? 'summarized' : 'omitted' }

const adaptive = (request: NeutralRequest, traits: Traits): Thinking => {
  const { effort, thinkingTokens, thoughts } = request
  if (effort === 'none') return { thinking: { type: 'disabled' } }
  if (thinkingTokens !== undefined && traits.budget)
    return {
      thinking: { type: 'enabled', budget_tokens: thinkingTokens, ...displayed(request) },
      budget: thinkingTokens,
      ...(effort === undefined ? {} : { effort: wordFor(effort, traits) }),
    }
  const asked = effort ?? (thinkingTokens === undefined ? undefined : effortFor(thinkingTokens))
  if (asked === undefined && thoughts === undefined) return {}
  return {
    thinking: { type: 'adaptive', ...displayed(request) },
    ...(asked === undefined ? {} : { effort: wordFor(asked, traits) }),
  }
}

const budgeted = (request: NeutralRequest, traits: Traits, losses: Losses): Thinking => {
  const { effort, thinkingTokens, thoughts } = request
  if (effort === 'none' || (effort === undefined && thinkingTokens === undefined)) {
    if (thoughts === 'shown' && effort !== 'none')
      losses.warn('reasoning.summary', 'this model thinks only when it is told how much')
    return {}
  }
  if (thoughts === 'hidden') losses.warn('reasoning.summary', 'this model shows what it thinks')
  const budget = Math.max(LEAST_BUDGET, thinkingTokens ?? BUDGETS[effort ?? 'medium'])
  const word = effort !== undefined && traits.effort ? { effort: wordFor(effort, traits) } : {}
  return { thinking: { type: 'enabled', budget_tokens: budget }, budget, ...word }
}

/** Nothing for a model that cannot think; asked for all the same, that is a loss. */
export const thinkingFor = (request: NeutralRequest, traits: Traits, losses: Losses): Thinking => {
  const { effort, thinkingTokens } = request
  if (traits.adaptive) return adaptive(request, traits)
  if (traits.budget) return budgeted(request, traits, losses)
  const asked =
    thinkingTokens !== undefined || (effort !== undefined && effort !== 'none' && effort !== 'minimal')
  if (asked) losses.lose('reasoning_effort')
  return {}
}
