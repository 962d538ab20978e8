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
