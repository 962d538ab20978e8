import type { JsonObject } from '../wire/json.ts'
import type { Traits } from './bedrock-converse-models.ts'
import type { Losses } from './losses.ts'
import type { Effort, NeutralRequest } from './neutral.ts'
import { listOf, objectOf } from './read-json.ts'

/** How much a model shall think, as members of additionalModelRequestFields. */

/** Thinking budgets in tokens; LiteLLM's numbers. A budget must be at least 1024 and below maxTokens. */
const BUDGETS: Readonly<Record<Effort, number>> = {
  none: 0,
  minimal: 1024,
  low: 1024,
  medium: 2048,
  high: 4096,
  xhigh: 8192,
  max: 16384,
}
const LEAST = 1024

const effortFor = (tokens: number): Effort => (tokens <= 2048 ? 'low' : tokens <= 8192 ? 'medium' : 'high')

/** The model is made to call a tool: Claude cannot think before that. */
export const isForced = ({ toolChoice: choice }: NeutralRequest): boolean =>
  choice?.kind === 'required' || choice?.kind === 'tool' || (choice?.kind === 'allowed' && choice.required)

export const wantsThinking = ({ effort, thinkingTokens }: NeutralRequest): boolean =>
  effort === undefined ? thinkingTokens !== undefined : effort !== 'none'

const thinksFirst = (turn: JsonObject | undefined): boolean =>
  objectOf(listOf(turn?.content)?.[0])?.reasoningContent !== undefined

/**
 * In the middle of its answer, or of a tool's round trip Claude takes a budget only when what it thought before the calls comes back, and
 * what another provider thought cannot.
 */
const lacksThoughts = (turns: readonly JsonObject[]): boolean => {
  const [before, last] = [turns.at(-2), turns.at(-1)]
  if (last?.role === 'assistant') return !thinksFirst(last)
  const answers = (listOf(last?.content) ?? []).some(block => objectOf(block)?.toolResult !== undefined)
  return answers && !thinksFirst(before)
}

const budgetFor = (request: NeutralRequest, losses: Losses): JsonObject => {
  const { effort, thinkingTokens, maxTokens } = request
  // A client that counts the tokens out is more precise than an effort.
  const budget = thinkingTokens ?? BUDGETS[effort ?? 'medium']
  const fitting = maxTokens === undefined ? budget : Math.min(budget, maxTokens - 1)
  if (fitting < LEAST) {
    losses.warn('reasoning_effort', 'max_tokens leaves no room for a thinking budget')
    return {}
  }
  return { thinking: { type: 'enabled', budget_tokens: fitting } }
}

const adaptiveFor = ({ effort, thinkingTokens, thoughts }: NeutralRequest): JsonObject => {
  const asked = effort ?? effortFor(thinkingTokens ?? 0)
  const display = thoughts === undefined ? {} : { display: thoughts === 'shown' ? 'summarized' : 'omitted' }
  return {
    thinking: { type: 'adaptive', ...display },
    output_config: { effort: asked === 'minimal' ? 'low' : asked },
  }
}

const begunBy = (last: JsonObject | undefined): string =>
  last?.role === 'assistant' ? 'this beginning of an answer' : 'these tool calls'

const ofClaude = (
  request: NeutralRequest,
  turns: readonly JsonObject[],
  traits: Traits,
  losses: Losses,
): JsonObject => {
  if (isForced(request)) {
    losses.warn('reasoning_effort', 'a model that has to call a tool cannot think first')
    return {}
  }
  if (traits.thinking === 'adaptive') return adaptiveFor(request)
  if (lacksThoughts(turns)) {
    losses.warn('reasoning_effort', `what was thought before ${begunBy(turns.at(-1))} is not there`)
    return {}
  }
  return budgetFor(request, losses)
}

/** gpt-oss knows three words. */
const wordOf = (effort: Effort): string => {
  if (effort === 'minimal') return 'low'
  return effort === 'xhigh' || effort === 'max' ? 'high' : effort
}

/** `turns` are Converse's. Empty for a model that cannot think; asked for all the same, that is a loss. */
export const thinkingFields = (
  request: NeutralRequest,
  turns: readonly JsonObject[],
  traits: Traits,
  losses: Losses,
): JsonObject => {
  if (!wantsThinking(request)) return {}
  const { effort, thinkingTokens } = request
  if (traits.thinking !== 'none') return ofClaude(request, turns, traits, losses)
  if (traits.family === 'gpt-oss')
    return { reasoning_effort: wordOf(effort ?? effortFor(thinkingTokens ?? 0)) }
  losses.lose(effort === undefined ? 'thinking' : 'reasoning_effort')
  return {}
}
