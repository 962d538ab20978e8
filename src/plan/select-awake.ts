import type { Board, Cooling } from '../shared/board.ts'
import type { FilterDesk } from './filters.ts'
import { allCooling, isNothing, type Left, type Nothing, ownerUnavailable } from './select-nothing.ts'
import type { Candidate, Wish } from './wish.ts'

/** How much health counts in one pick. */
export type Patience = {
  /** Milliseconds that a deployment's rate-limit domain may still have to be waited for. Default: any. */
  readonly patienceMs?: number | undefined
  /** Another group would be asked if this one had nobody. Default: none. */
  readonly hasFallback?: (() => boolean) | undefined
}

/** The rate-limit domain a request for this candidate counts against at its provider. */
export const domainOf = ({ deployment, model }: Candidate, { route }: Pick<Wish, 'route'>): string => {
  // Objects that a provider owns are read back without a model: they have a limit of their own.
  if (route.model === 'owner' || route.model === 'sealed-id') return deployment.boundary
  if (model === deployment.upstreamModel) return deployment.domain
  // One wildcard deployment stands for many models, and each has the limit it has under its own name.
  return `${deployment.boundary.slice(0, -1)},${JSON.stringify(model)}]`
}

/** resting: a guess of ours, which may be set aside. firm: nothing is sent, whoever asks. */
type Standing = 'ready' | 'probing' | 'resting' | 'firm'

type Rested = { readonly candidate: Candidate; readonly standing: Standing; readonly until: number }

type Health = {
  readonly board: Pick<Board, 'calm' | 'cooling' | 'domainNotBefore'>
  readonly now: number
}

const standingOf = (candidate: Candidate, wish: Wish, { board, now }: Health, how: Patience): Rested => {
  const domain = domainOf(candidate, wish)
  const bound = board.domainNotBefore(domain) ?? now
  const cooling = wish.ignoreCooldown ? undefined : board.cooling(candidate.deployment.id, domain)
  const until = Math.max(bound, cooling?.until ?? now)
  // What the provider asked for holds for everybody, a target named by its id included.
  if (bound - now > (how.patienceMs ?? Number.POSITIVE_INFINITY))
    return { candidate, standing: 'firm', until }
  return { candidate, standing: cooling === undefined ? 'ready' : judged(cooling), until }
}

const judged = ({ firm, probing }: Cooling): Standing => (firm ? 'firm' : probing ? 'probing' : 'resting')

export type Awake = {
  readonly wish: Wish
  /** All who could be meant, whatever their order; the scope is part of it. */
  readonly group: readonly Candidate[]
  readonly filters: FilterDesk
  readonly board: Board
  readonly how: Patience
  /** The filters that do not look at health. */
  readonly sift: (candidates: readonly Candidate[]) => Left<Candidate>
}

const listOf = (left: Left<Candidate>): readonly Candidate[] => (isNothing(left) ? [] : left)

/**
 * What may be set aside. When fewer than half of the group would be left and no other group stands by, soft rests:
 * they are guesses, and too many wrong ones would make the outage. When nobody at all would be left, a deployment
 * that a probe is at may be asked by others, too.
 */
const setAside = (from: Awake, ready: (candidate: Candidate) => boolean): ReadonlySet<Standing> => {
  const { group, how, sift, filters } = from
  const could = listOf(sift(group))
  const left = could.filter(ready).length
  const panics = left < could.length * filters.config.router.failover.panicShare
  if ((left > 0 && !panics) || how.hasFallback?.() === true) return NOTHING
  return panics ? PANIC : NOBODY_LEFT
}

const NOTHING: ReadonlySet<Standing> = new Set()
const NOBODY_LEFT: ReadonlySet<Standing> = new Set(['probing'])
const PANIC: ReadonlySet<Standing> = new Set(['probing', 'resting'])

/** Those of the scope that may be asked now. Firm rests and bounds are never set aside. */
export const awakeOf = (scope: readonly Candidate[], from: Awake): Left<Candidate> => {
  const { wish, board, how, sift, filters } = from
  const health = { board, now: filters.clock.now() }
  const look = (candidate: Candidate): Rested => standingOf(candidate, wish, health, how)
  const rested = scope.map(look)
  const awake = rested.filter(one => one.standing === 'ready').map(one => one.candidate)
  if (awake.length === scope.length) return sift(scope)
  const aside = setAside(from, candidate => look(candidate).standing === 'ready')
  const asked =
    aside.size === 0
      ? awake
      : rested.filter(one => one.standing === 'ready' || aside.has(one.standing)).map(one => one.candidate)
  const left = asked.length > 0 ? listOf(sift(asked)) : []
  if (left.length > 0) return left
  // The reason is named as if nothing were resting: what can never serve is not told to try again later.
  const meant = sift(scope)
  if (isNothing(meant)) return meant
  const all = wish.candidates.every(candidate => look(candidate).standing !== 'ready')
  return coolingDown({ rests: rested.filter(one => meant.includes(one.candidate)), all }, from, health.now)
}

type Rests = { readonly rests: readonly Rested[]; readonly all: boolean }

const coolingDown = ({ rests, all }: Rests, { wish, board, filters }: Awake, now: number): Nothing => {
  const inOrder = [...rests].sort((one, other) => one.until - other.until)
  const [first] = inOrder
  const retryAfterMs = first === undefined ? undefined : Math.max(0, first.until - now)
  const kindOf = ({ candidate }: Rested) =>
    wish.ignoreCooldown ? undefined : board.cooling(candidate.deployment.id, domainOf(candidate, wish))?.kind
  const passing = inOrder.find(one => kindOf(one) !== 'hard')
  const passesInMs = passing === undefined ? undefined : Math.max(0, passing.until - now)
  if (wish.pin !== undefined && first !== undefined) {
    const { candidate } = rests.find(one => one.candidate.deployment.id === wish.pin?.deploymentId) ?? first
    // A bound without a rest is a rate limit.
    const status = board.cooling(candidate.deployment.id, domainOf(candidate, wish))?.status ?? 429
    return { ...ownerUnavailable(wish, { status, retryAfterMs: retryAfterMs ?? 0 }), passesInMs }
  }
  const nothing = allCooling(wish, {
    preCallChecks: filters.config.router.enablePreCallChecks,
    coolingIds: inOrder.map(one => one.candidate.deployment.id),
    all,
    retryAfterMs,
  })
  return passesInMs === undefined ? nothing : { ...nothing, passesInMs }
}
