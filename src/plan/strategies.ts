import type { Deployment, RoutingStrategy } from '../config/config.ts'
import type { Dice } from '../house.ts'
import type { Board } from '../shared/board.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { type Prompt, underLimits } from './limits.ts'
import type { Candidate } from './wish.ts'

/** What a strategy may look at. */
export type Outlook = {
  readonly board: Pick<Board, 'inFlight' | 'usage' | 'latencies'>
  readonly dice: Dice
  /** router_settings.routing_strategy_args. */
  readonly args: JsonObject
  readonly stream: boolean
  readonly prompt: Prompt
  /** USD per token, input and output added; undefined: unknown. */
  readonly priceOf: (deployment: Deployment) => number | undefined
}

export type Draw = { readonly candidate: Candidate; readonly because: string }

type Strategy = (eligible: readonly Candidate[], outlook: Outlook) => Draw | undefined

/** What cost-based routing assumes of a deployment without a known price, in USD per token. */
const UNKNOWN_PRICE = 5.0

const anyOf = (candidates: readonly Candidate[], dice: Dice): Candidate | undefined =>
  candidates[Math.floor(dice.random() * candidates.length)]

const draw = (candidate: Candidate | undefined, because: string): Draw | undefined =>
  candidate === undefined ? undefined : { candidate, because }

/** Those with the lowest score; a tie is broken by the dice, never by place in the file. */
const lowest = (
  candidates: readonly Candidate[],
  dice: Dice,
  score: (candidate: Candidate) => number,
): Candidate | undefined => {
  const scores = candidates.map(score)
  const least = Math.min(...scores)
  return anyOf(
    candidates.filter((_, place) => scores[place] === least),
    dice,
  )
}

const MEASURES = ['weight', 'rpm', 'tpm'] as const

/**
 * Weighted random. The measure is the first of weight, rpm and tpm that the *first* candidate has; a candidate
 * without it has no share. Uniform when the first has none of them, or when all shares are zero.
 */
const simpleShuffle: Strategy = (eligible, { dice }) => {
  const measure = MEASURES.find(name => eligible[0]?.deployment[name] !== undefined)
  if (measure === undefined) return draw(anyOf(eligible, dice), 'simple-shuffle')
  const shares = eligible.map(({ deployment }) => Math.max(0, deployment[measure] ?? 0))
  const total = shares.reduce((sum, share) => sum + share, 0)
  if (!(total > 0)) return draw(anyOf(eligible, dice), 'simple-shuffle')
  let roll = dice.random() * total
  const place = shares.findIndex(share => {
    roll -= share
    return roll < 0
  })
  // Rounding may leave a crumb of the roll after the last share.
  const last = shares.findLastIndex(share => share > 0)
  return draw(eligible[place === -1 ? last : place], `simple-shuffle by ${measure}`)
}

const leastBusy: Strategy = (eligible, { board, dice }) =>
  draw(
    lowest(eligible, dice, ({ deployment }) => board.inFlight(deployment.id)),
    'least-busy',
  )

const average = (numbers: readonly number[]): number =>
  numbers.length === 0 ? 0 : numbers.reduce((sum, one) => sum + one, 0) / numbers.length

const number = (value: Json | undefined, otherwise: number): number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : otherwise

/** Random among those within lowest_latency_buffer of the lowest average; an untested deployment counts as 0. */
const latencyBased: Strategy = (eligible, outlook) => {
  const { board, dice, args, stream } = outlook
  const latency = ({ deployment }: Candidate): number => {
    const { perToken, firstToken } = board.latencies(deployment.id)
    return average(stream && firstToken.length > 0 ? firstToken : perToken)
  }
  const allowed = eligible.filter(candidate => underLimits(candidate, outlook, 'at-limit'))
  const known = allowed.map(candidate => ({ candidate, seconds: latency(candidate) }))
  const least = Math.min(...known.map(({ seconds }) => seconds))
  const bound = least + number(args.lowest_latency_buffer, 0) * least
  const near = known.filter(({ seconds }) => seconds <= bound).map(({ candidate }) => candidate)
  return draw(anyOf(near, dice), 'latency-based-routing')
}

/** Fewest tokens this minute among those under their limits. */
const usageBased =
  (because: RoutingStrategy): Strategy =>
  (eligible, outlook) => {
    const { board, dice } = outlook
    const allowed = eligible.filter(candidate => underLimits(candidate, outlook, 'below-limit'))
    return draw(
      lowest(allowed, dice, ({ deployment }) => board.usage(deployment.id).tokens),
      because,
    )
  }

const costBased: Strategy = (eligible, outlook) => {
  const allowed = eligible.filter(candidate => underLimits(candidate, outlook, 'at-limit'))
  const price = ({ deployment }: Candidate) => outlook.priceOf(deployment) ?? UNKNOWN_PRICE
  return draw(lowest(allowed, outlook.dice, price), 'cost-based-routing')
}

const STRATEGIES: Readonly<Record<RoutingStrategy, Strategy>> = {
  'simple-shuffle': simpleShuffle,
  'least-busy': leastBusy,
  'latency-based-routing': latencyBased,
  'usage-based-routing': usageBased('usage-based-routing'),
  'usage-based-routing-v2': usageBased('usage-based-routing-v2'),
  'cost-based-routing': costBased,
}

/** One of `eligible`, by the strategy's rule. undefined: none of them is under its limits. */
export const drawBy = (
  strategy: RoutingStrategy,
  eligible: readonly Candidate[],
  outlook: Outlook,
): Draw | undefined => STRATEGIES[strategy](eligible, outlook)

/** The price a deployment declares in its parameters; a half that is missing counts as unknown. */
export const declaredPrice = ({ inputCostPerToken, outputCostPerToken }: Deployment): number | undefined =>
  inputCostPerToken === undefined && outputCostPerToken === undefined
    ? undefined
    : (inputCostPerToken ?? UNKNOWN_PRICE) + (outputCostPerToken ?? UNKNOWN_PRICE)
