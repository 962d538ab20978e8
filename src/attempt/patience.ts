import type { Deployment } from '../config/config.ts'
import { objectOf, textOf } from '../dialects/read-json.ts'
import type { ClientBody } from '../read/body.ts'
import { peekAt } from '../read/parse.ts'
import type { Json } from '../wire/json.ts'

/**
 * How long a stream may take to its first content when nobody has said it and another group stands by. A hung provider
 * costs the caller these seconds instead of the whole timeout; a model that is only slow must not lose its calls, so
 * the limit grows with the prompt, is never less than three times what this deployment has been seen to need, and does
 * not hold at all where thinking was asked for or declared.
 */
const LEAST_MS = 12_000
/** Prompts this large may take a second longer: what slow hardware reads in a second. */
const BYTES_PER_SECOND = 16 * 1024
const TIMES_SLOWEST = 3
/** One slow answer is forgotten over the next few hundred. */
const FADING = 0.99
/** A deployment that has never spoken gets twice the time after each silence, and after these, all the time there is. */
const MOST_DOUBLINGS = 4

/** What has been seen of one deployment. Forgotten with the configuration that named it. */
type Seen = {
  /** The slowest first content lately, milliseconds; undefined: it has never spoken. */
  slowestMs: number | undefined
  doublings: number
  /** clock.now() of the last doubling: attempts that began before it say nothing new. */
  doubledAt: number
}

const memory = new WeakMap<Deployment, Seen>()

const seenOf = (deployment: Deployment): Seen => {
  const known = memory.get(deployment)
  if (known !== undefined) return known
  const made: Seen = { slowestMs: undefined, doublings: 0, doubledAt: Number.NEGATIVE_INFINITY }
  memory.set(deployment, made)
  return made
}

/** Milliseconds from the start of an attempt to its first content; undefined: no limit. */
export const patienceMs = (deployment: Deployment, promptBytes: number): number | undefined => {
  const least = LEAST_MS + Math.ceil((promptBytes / BYTES_PER_SECOND) * 1000)
  const seen = memory.get(deployment)
  if (seen === undefined) return least
  if (seen.slowestMs !== undefined) return Math.max(least, seen.slowestMs * TIMES_SLOWEST)
  return seen.doublings >= MOST_DOUBLINGS ? undefined : least * 2 ** seen.doublings
}

/** The deployment spoke `ms` after its attempt began. */
export const noteSpoke = (deployment: Deployment, ms: number): void => {
  const seen = seenOf(deployment)
  seen.slowestMs = Math.max(ms, (seen.slowestMs ?? 0) * FADING)
}

/** An attempt that began at `startedAt` ran out of patience at `now`. */
export const noteSilent = (deployment: Deployment, startedAt: number, now: number): void => {
  const seen = seenOf(deployment)
  // A burst that falls silent together is one silence.
  if (startedAt < seen.doubledAt) return
  seen.doublings += 1
  seen.doubledAt = now
}

/** Parameters that ask a model to think before it speaks, or to work in the background. */
const THINKING = ['reasoning_effort', 'reasoning', 'thinking', 'background'] as const
const IDLE_WORDS: ReadonlySet<string> = new Set(['none', 'minimal', 'disabled'])

const asksToThink = (value: Json | undefined): boolean => {
  if (value === undefined || value === null || value === false) return false
  const word = textOf(value) ?? textOf(objectOf(value)?.effort) ?? textOf(objectOf(value)?.type)
  return word === undefined || !IDLE_WORDS.has(word)
}

/** The call may rightly be silent for long: the request asks for thinking, or the deployment says that it thinks. */
export const mayThink = (body: ClientBody, deployment: Deployment): boolean => {
  if (deployment.info.supportsReasoning) return true
  const peek = peekAt(body)
  return THINKING.some(
    key =>
      asksToThink(peek(key)) ||
      asksToThink(deployment.defaults[key]) ||
      asksToThink(deployment.extraBody[key]),
  )
}
