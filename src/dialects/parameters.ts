import type { Route } from '../routes.ts'
import { MESSAGES_PARAMETERS } from './anthropic-parameters.ts'
import { PARAMETERS } from './openai-parameters.ts'

/** Parameters that some published route of the dialect has. */
const KNOWN: ReadonlySet<string> = new Set(
  Object.values(PARAMETERS).flatMap(route => Object.keys(route.parameters)),
)

/** Routes whose bodies other vendors extend with parameters of their own (top_k, chat_template_kwargs, …). */
const EXTENDED: ReadonlySet<string> = new Set([
  '/chat/completions',
  '/completions',
  '/responses',
  '/embeddings',
  '/rerank',
  '/messages',
])

/** Has the published route a parameter of this name at the top of its body? */
export const publishes = (route: Route, key: string): boolean => {
  const name = `POST ${route.upstream}`
  const published = PARAMETERS[name] ?? MESSAGES_PARAMETERS[name]
  return published !== undefined && Object.hasOwn(published.parameters, key)
}

/**
 * May an operator's default of this name be added to this route's body? A parameter that the dialect publishes for
 * other routes only (temperature on /responses/compact) would be refused as unknown.
 */
export const accepts = (route: Route, key: string): boolean =>
  publishes(route, key) || (EXTENDED.has(route.upstream) && !KNOWN.has(key))

/** One parameter under two names, which providers refuse side by side. */
const TWINS: Readonly<Record<string, string>> = {
  max_tokens: 'max_completion_tokens',
  max_completion_tokens: 'max_tokens',
}

/** The other name of a parameter, on a route that has both. */
export const twinOf = (route: Route, key: string): string | undefined => {
  const twin = Object.hasOwn(TWINS, key) ? TWINS[key] : undefined
  return twin !== undefined && publishes(route, key) && publishes(route, twin) ? twin : undefined
}

/** Parameters that providers refuse, or that say nothing, without another one. */
const NEEDS: Readonly<Record<string, string>> = {
  stream_options: 'stream',
  tool_choice: 'tools',
  parallel_tool_calls: 'tools',
  function_call: 'functions',
  top_logprobs: 'logprobs',
}

/** Without which parameter this one is left out of what an operator adds to a body. */
export const neededBy = (key: string): string | undefined =>
  Object.hasOwn(NEEDS, key) ? NEEDS[key] : undefined
