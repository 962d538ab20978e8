import type { Deployment, RoutingStrategy } from '../config/config.ts'
import type { Dice } from '../house.ts'
import type { Board } from '../shared/board.ts'
import type { Json, JsonObject } from '../wire/json.ts'
import { type Prompt, underLimits } from './limits.ts'
import type { Candidate, Choice } from './wish.ts'

/** What a strategy may look at. */
export type Outlook = {
  readonly board: Pick<Board, 'inFlight' | 'usage' | 'latencies' | 'pace' | 'warming' | 'warmth'>
  readonly dice: Dice
  /** router_settings.routing_strategy_args. */
  readonly args: JsonObject
  readonly stream: boolean
  readonly prompt: Prompt
  /** USD per token, input and output added; undefined: unknown. */
  readonly priceOf: (deployment: Deployment) => number | undefined
}

/** Who was drawn, and why. */
export type Draw = Extract<Choice, { readonly kind: 'picked' }>

type Strategy = (eligible: readonly Candidate[], outlook: Outlook) => Draw | undefined

/** What cost-based routing assumes of a deployment without a known price, in USD per token. */
const UNKNOWN_PRICE = 5.0

const anyOf = (candidates: readonly Candidate[], dice: Dice): Candidate | undefined =>
  candidates[Math.floor(dice.random() * candidates.length)]

const draw = (candidate: Candidate | undefined, because: string): Draw | undefined =>
  candidate === undefined ? undefined : { kind: 'picked', candidate, because }

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
const simpleShuffle: Strategy = (eligible, { board, dice }) => {
  const measure = MEASURES.find(name => eligible[0]?.deployment[name] !== undefined)
  const warming = board.warming()
  if (measure === undefined && !warming) return draw(anyOf(eligible, dice), 'simple-shuffle')
  const written = eligible.map(({ deployment }) =>
    measure === undefined ? 1 : Math.max(0, deployment[measure] ?? 0),
  )
  const place = drawPlace(warming ? warmed(written, eligible, board) : written, dice)
  const because = measure === undefined ? 'simple-shuffle' : `simple-shuffle by ${measure}`
  return place === undefined
    ? draw(anyOf(eligible, dice), 'simple-shuffle')
    : draw(eligible[place], warming ? `${because}, slow start` : because)
}

const warmed = (
  shares: readonly number[],
  eligible: readonly Candidate[],
  board: Pick<Board, 'warmth'>,
): readonly number[] =>
  shares.map((share, place) => share * board.warmth(eligible[place]?.deployment.id ?? ''))

/** A place in proportion to its share. undefined: all shares are zero. */
const drawPlace = (shares: readonly number[], dice: Dice): number | undefined => {
  const total = shares.reduce((sum, share) => sum + share, 0)
  if (!(total > 0)) return undefined
  let roll = dice.random() * total
  const place = shares.findIndex(share => {
    roll -= share
    return roll < 0
  })
  // Rounding may leave a crumb of the roll after the last share.
  const last = shares.findLastIndex(share => share > 0)
  return place === -1 ? last : place
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

/**
 * What a deployment that nobody has tested costs while somebody is finding out, in seconds: more than any that is
 * known. Before that it costs nothing, so that it is tested.
 */
const UNTESTED_SECONDS = 1e6

/**
 * Power of two choices: of two deployments, drawn by weight, the one that the request is likely to leave sooner. Two,
 * because to take the best of all sends every request of a moment to the same one.
 */
const powerOfTwo: Strategy = (eligible, outlook) => {
  const { board, dice, stream } = outlook
  const allowed = eligible.filter(candidate => underLimits(candidate, outlook, 'at-limit'))
  const written = allowed.map(({ deployment }) => Math.max(0, deployment.weight ?? 1))
  const warm = board.warming() ? warmed(written, allowed, board) : written
  const weights = warm.some(weight => weight > 0) ? warm : warm.map(() => 1)
  const one = drawPlace(weights, dice)
  if (one === undefined) return undefined
  const other = drawPlace(
    weights.map((weight, place) => (place === one ? 0 : weight)),
    dice,
  )
  if (other === undefined) return draw(allowed[one], 'p2c: the only one')
  const cost = (place: number): number => {
    const id = allowed[place]?.deployment.id ?? ''
    const inFlight = board.inFlight(id)
    const seconds = board.pace(id, stream) ?? (inFlight === 0 ? 0 : UNTESTED_SECONDS)
    return ((inFlight + 1) * seconds) / (weights[place] ?? 1)
  }
  // Those two were drawn at random: of equals the first is as good as any.
  return draw(allowed[cost(other) < cost(one) ? other : one], 'p2c')
}

const STRATEGIES: Readonly<Record<RoutingStrategy, Strategy>> = {
  'simple-shuffle': simpleShuffle,
  'least-busy': leastBusy,
  'latency-based-routing': latencyBased,
  'usage-based-routing': usageBased('usage-based-routing'),
  'usage-based-routing-v2': usageBased('usage-based-routing-v2'),
  'cost-based-routing': costBased,
  p2c: powerOfTwo,
}

const BY_WEIGHT: ReadonlySet<RoutingStrategy> = new Set(['simple-shuffle', 'p2c'])

/** Those that the strategy would draw at all: where it goes by weight, not those with a weight of 0 beside others. */
export const withShare = (
  strategy: RoutingStrategy,
  eligible: readonly Candidate[],
): readonly Candidate[] => {
  if (!BY_WEIGHT.has(strategy)) return eligible
  const shared = eligible.filter(({ deployment }) => deployment.weight !== 0)
  return shared.length > 0 ? shared : eligible
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
