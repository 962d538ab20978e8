import type { Shape } from '../dialects/shape.ts'
import type { ClientBody } from '../read/body.ts'
import { peekAt } from '../read/parse.ts'
import type { Json } from '../wire/json.ts'
import type { Hop } from './adapt.ts'

const counted = (value: Json | undefined): number =>
  typeof value === 'number' && value > 1 ? Math.floor(value) : 1

/** A list of prompts is answered prompt by prompt; a list of numbers is one prompt in tokens. */
const promptsIn = (prompt: Json | undefined): number =>
  Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1

/**
 * How many answers one stream will bring: `n` of the request, or of the values that the deployment or a fallback entry
 * sets, for each prompt. A stream is whole only when so many have ended, so too many is the safe side.
 */
export const choicesOf = (
  body: ClientBody,
  { deployment, overrides }: Hop,
  answersIn?: Shape['answersIn'],
): number => {
  const peek = peekAt(body)
  if (answersIn !== undefined) return answersIn(peek)
  // The field of a form is a text.
  const own = body.kind === 'multipart' ? Number(peek('n')) : peek('n')
  const each = Math.max(...[own, deployment.defaults.n, deployment.extraBody.n, overrides.n].map(counted))
  return each * promptsIn(peek('prompt'))
}
