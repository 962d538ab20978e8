import type { Config, Deployment } from '../config/config.ts'
import type { Clock, Dice } from '../house.ts'
import type { Board } from '../shared/board.ts'
import { bestOf } from './compaction.ts'
import {
  type FilterDesk,
  LIMIT_WAIT_MS,
  orderLevels,
  orderOf,
  preCallChecked,
  servingRoute,
  withinModelLimits,
} from './filters.ts'
import { tagged } from './filters-tags.ts'
import { promptOf } from './limits.ts'
import { tiesOf } from './select-affinity.ts'
import { awakeOf, domainOf, type Patience } from './select-awake.ts'
import {
  exhausted,
  isNothing,
  type Left,
  noneForMode,
  noneHealthy,
  ownerUnavailable,
  rateLimited,
} from './select-nothing.ts'
import { type Draw, declaredPrice, drawBy, type Outlook, withShare } from './strategies.ts'
import type { Candidate, Choice, Pin, Wish } from './wish.ts'

export { isPastLimit, orderLevels, orderOf } from './filters.ts'
export { isTied, rememberServed } from './select-affinity.ts'
export { domainOf } from './select-awake.ts'

/** What selection reads and never writes. */
export type Desk = {
  readonly config: Config
  readonly board: Board
  readonly clock: Clock
  readonly dice: Dice
  /** USD per token, input and output added. Default: what the deployment declares. */
  readonly priceOf?: (deployment: Deployment) => number | undefined
  /** False when a provider refuses the parameter. Default: every provider carries it. */
  readonly carries?: (deployment: Deployment, parameter: 'response_format') => boolean
}

/** What the loop asks of one pick. */
export type How = Patience & {
  /** Only this level of orderLevels(). A level that no candidate has asks for nothing; a pin goes before it. */
  readonly atOrder?: number | undefined
  /** Tried deployments that may be picked again once no untried one is left. Default: none. */
  readonly mayRepeat?: ReadonlySet<string> | undefined
}

const NONE: readonly Candidate[] = []

const idOf = ({ deployment }: Candidate): string => deployment.id

/**
 * One deployment for one attempt, or why there is none. In this order: the route's mode, the pin or the order level
 * asked for, health, pre-call checks, hard limits, tags; then, of those left, those whose rate-limit domain takes
 * requests now before those that would have to wait, the untried before the tried, the lowest order, for a compaction
 * those that do it best, the soft affinities, the routing strategy.
 *
 * An affinity chooses inside the lowest order only: a session that a backup served goes home when its primary is back.
 */
export const select = (wish: Wish, tried: ReadonlySet<string>, desk: Desk, how: How = {}): Choice => {
  if (wish.candidates.length === 0) return noneHealthy(wish)
  const serving = servingRoute(wish)
  if (serving.length === 0) return noneForMode(wish)
  const scope = wish.pin === undefined ? atLevel(serving, how.atOrder) : sharing(serving, wish.pin)
  if (scope.length === 0) return ownerUnavailable(wish, undefined)
  const filters = filterDesk(wish, desk)
  const eligible = desk.board.calm()
    ? sift(scope, wish, filters)
    : awakeOf(scope, {
        wish,
        group: wish.pin === undefined ? serving : scope,
        filters,
        board: desk.board,
        how,
        sift: candidates => sift(candidates, wish, filters),
      })
  if (isNothing(eligible)) return eligible
  const { mayRepeat } = how
  const fresh = tried.size === 0 ? eligible : eligible.filter(candidate => !tried.has(idOf(candidate)))
  const repeat = mayRepeat?.size ? eligible.filter(candidate => mayRepeat.has(idOf(candidate))) : NONE
  const pool = soonest(fresh, repeat, wish, desk)
  if (pool.length === 0) return exhausted(wish)
  const picked = settle(pool, wish, outlookOf(wish, filters, desk), desk)
  return picked ?? rateLimited(wish, LIMIT_WAIT_MS)
}

/** Somebody would be picked now, and has a parallel slot. */
export const hasTaker = (wish: Wish, desk: Desk, how: How): boolean => {
  const found = select(wish, NOBODY, desk, how)
  return found.kind === 'picked' && desk.board.hasRoom(idOf(found.candidate))
}

const NOBODY: ReadonlySet<string> = new Set()

const atLevel = (candidates: readonly Candidate[], order: number | undefined): readonly Candidate[] => {
  if (order === undefined) return candidates
  const level = candidates.filter(candidate => orderOf(candidate) === order)
  return level.length > 0 ? level : candidates
}

/** Who can read pinned state: its owner, and whoever has the owner's base URL and credential. */
const sharing = (candidates: readonly Candidate[], pin: Pin): readonly Candidate[] =>
  candidates.filter(
    ({ deployment }) => deployment.id === pin.deploymentId || deployment.boundary === pin.boundary,
  )

const anything = (): boolean => true

const filterDesk = (wish: Wish, desk: Desk): FilterDesk => ({
  config: desk.config,
  board: desk.board,
  clock: desk.clock,
  prompt: promptOf(wish),
  carries: desk.carries ?? anything,
})

const outlookOf = (wish: Wish, { prompt }: FilterDesk, desk: Desk): Outlook => ({
  board: desk.board,
  dice: desk.dice,
  args: desk.config.router.strategyArgs,
  stream: wish.stream,
  prompt,
  priceOf: desk.priceOf ?? declaredPrice,
})

/** The filters that do not look at cooldowns. `group`: all that could be meant, whatever their health. */
const sift = (candidates: readonly Candidate[], wish: Wish, filters: FilterDesk): Left<Candidate> => {
  const { router } = filters.config
  const checked = preCallChecked(candidates, wish, filters)
  if (isNothing(checked)) return checked
  const limited = withinModelLimits(checked, wish, filters)
  if (isNothing(limited)) return limited
  const rules = {
    enabled: router.enableTagFiltering,
    matchAny: router.tagFilteringMatchAny,
    group: wish.candidates,
  }
  return tagged(limited, wish, rules)
}

/**
 * Nobody waits for one rate-limit domain while another can take the request, be it at a deployment that may be asked
 * again. Of several that have to be waited for, the one that comes back first.
 */
const soonest = (
  fresh: readonly Candidate[],
  repeat: readonly Candidate[],
  wish: Wish,
  { board, clock }: Desk,
): readonly Candidate[] => {
  if (board.calm()) return fresh.length > 0 ? fresh : repeat
  const bound = (candidate: Candidate) => board.domainNotBefore(domainOf(candidate, wish)) ?? clock.now()
  for (const pool of [fresh, repeat]) {
    const ready = pool.filter(candidate => bound(candidate) <= clock.now())
    if (ready.length > 0) return ready
  }
  const waiting = [...fresh, ...repeat]
  const first = Math.min(...waiting.map(bound))
  return waiting.filter(candidate => bound(candidate) === first)
}

const settle = (pool: readonly Candidate[], wish: Wish, outlook: Outlook, desk: Desk): Draw | undefined => {
  const owner =
    wish.pin === undefined ? undefined : pool.find(candidate => idOf(candidate) === wish.pin?.deploymentId)
  if (owner !== undefined)
    return { kind: 'picked', candidate: owner, because: `pinned by ${wish.pin?.because}` }
  const orders = orderLevels(pool)
  for (const order of orders) {
    const ofOrder = orders.length === 1 ? pool : pool.filter(candidate => orderOf(candidate) === order)
    const level = readersAmong(ofOrder, wish)
    // Over its limits: who does it less well is asked, and then the next order, before the call is refused.
    const picked =
      (wish.compaction === undefined
        ? undefined
        : drawn(bestOf(level, wish.compaction), wish, outlook, desk)) ?? drawn(level, wish, outlook, desk)
    if (picked !== undefined) return picked
  }
  return undefined
}

/** Who has a free slot is asked before who has to be waited for. */
const drawn = (level: readonly Candidate[], wish: Wish, outlook: Outlook, desk: Desk): Draw | undefined => {
  const { strategy } = desk.config.router
  if (level.length < 2) return tiedTo(level, wish, outlook, desk) ?? drawBy(strategy, level, outlook)
  const draw = (among: readonly Candidate[]) =>
    tiedTo(among, wish, outlook, desk) ?? drawBy(strategy, among, outlook)
  const hasRoom = (one: Candidate) => desk.board.hasRoom(idOf(one))
  if (level.every(hasRoom)) return draw(level)
  const wanted = withShare(strategy, level)
  const free = wanted.filter(hasRoom)
  if (free.length > 0) return draw(free) ?? draw(level)
  const picked = draw(level)
  if (picked === undefined) return undefined
  const mayServe = (one: Candidate) => drawBy(strategy, [one], outlook) !== undefined
  return { ...picked, beside: wanted.filter(one => one !== picked.candidate && mayServe(one)) }
}

/** Inside one order who can read all of the request comes before who has to do without its reasoning. */
const readersAmong = (level: readonly Candidate[], { origin }: Wish): readonly Candidate[] => {
  if (origin === undefined) return level
  const readers = level.filter(({ deployment }) => deployment.boundary === origin)
  return readers.length > 0 ? readers : level
}

/** The remembered deployment, when it is among those that may be used now and under its limits. */
const tiedTo = (level: readonly Candidate[], wish: Wish, outlook: Outlook, desk: Desk): Draw | undefined => {
  for (const { key, because } of tiesOf(wish, desk.config)) {
    const id = desk.board.recall(key)
    const remembered = level.filter(candidate => idOf(candidate) === id)
    const picked =
      remembered.length > 0 ? drawBy(desk.config.router.strategy, remembered, outlook) : undefined
    if (picked !== undefined) return { kind: 'picked', candidate: picked.candidate, because }
  }
  return undefined
}
