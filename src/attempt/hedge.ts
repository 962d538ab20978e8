import type { Hedging } from '../config/config.ts'
import { SHAPES } from '../dialects/index.ts'
import type { Usage } from '../dialects/shape.ts'
import { isFinal } from '../failure.ts'
import { domainOf, isTied, select } from '../plan/select.ts'
import type { Candidate } from '../plan/wish.ts'
import type { Lease } from '../shared/board.ts'
import { Departure, type Signal } from '../signal.ts'
import { IN_STEP } from '../turn.ts'
import type { Json } from '../wire/json.ts'
import { classify } from './classify.ts'
import { type Level, type Picked, type Play, wishNow } from './level.ts'
import { isMocked } from './mock.ts'
import { OUTRUN, type Tried, tryOnce } from './once.ts'
import type { Answered, Failed, Outcome } from './outcome.ts'
import { conclude, jobOf, note, type Run } from './run.ts'
import { seenBy } from './seen-by.ts'

/**
 * A second attempt beside a first one that is slow to speak. Whoever answers first is the answer, and the other one is
 * given up in the same breath, so that no byte of it is ever passed on. At most one for a request.
 */

/** What one learns of the slowest twentieth is no reason to hurry: sooner than this nobody notices the difference. */
const SOONEST_MS = 100

/** Stops with the client, and alone once the other one has answered. */
class Place extends Departure {
  reason: unknown

  constructor(client: Signal) {
    super()
    if (client.aborted) this.abort()
    else client.addEventListener('abort', () => this.abort(), { once: true })
  }
  giveUp(): void {
    this.reason = OUTRUN
    this.abort()
  }
}

/** One of the two. */
type Rival = { readonly run: Run; readonly place: Place; readonly tried: Promise<Tried> }

/** How the group of this attempt hedges, when this attempt may be hedged. Each request earns its share, once in a group. */
export const hedgingFor = (play: Play, level: Level, run: Run): Hedging | undefined => {
  const { stop, call, house, trail } = play
  const { hedges } = call.config.router
  const hedging = hedges?.get(stop.named) ?? hedges?.get(stop.group) ?? hedges?.get('*')
  // A deployment that is named by its id may be asked beside its group: that is no further request of the group.
  if (hedging === undefined || stop.byId || play.resumption !== undefined || level.attempts > 1)
    return undefined
  // Whichever order it is served by: those before it may rest.
  if (!trail.steps.some(step => step.group === stop.group))
    house.board.budget.earn(stop.group, hedging.maxPercent)
  return isEligible(play, run.choice.candidate) ? hedging : undefined
}

const isEligible = (play: Play, candidate: Candidate): boolean => {
  const { call, wish, trail, house } = play
  return (
    wish.candidates.length > 1 &&
    trail.hedged !== true &&
    wish.pin === undefined &&
    !call.unowned &&
    call.echoes.size === 0 &&
    !isMocked(call) &&
    mayDouble(play, candidate) &&
    // Who keeps a session together, or finds its prompt in a cache, is asked alone.
    !isTied(candidate, wish, { config: call.config, board: house.board })
  )
}

const saysNothing = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0)

/** The request may be with this deployment and another one at once. */
const mayDouble = (play: Play, candidate: Candidate): boolean => {
  const { route } = play.call
  const terms = SHAPES[route.shape].hedge
  if (terms === undefined || route.crossing === 'never' || candidate.deployment.mockResponse !== undefined)
    return false
  const peek = seenBy(play.parcel, { ...candidate, overrides: play.stop.overrides.body })
  return (
    terms.without.every(key => saysNothing(peek(key))) &&
    Object.entries(terms.only ?? {}).every(([key, value]) => peek(key) === value)
  )
}

const enter = (play: Play, run: Run): Rival => {
  const place = new Place(play.call.context.departed)
  return { run, place, tried: tryOnce(jobOf(play, run, place)) }
}

/** The attempt, and a hedge beside it if it takes too long. Both get their steps; what is returned goes on alone. */
export const hedged = async (play: Play, level: Level, run: Run, hedging: Hedging): Promise<Outcome> => {
  const first = enter(play, run)
  // It is on its way before it is timed: an answer that comes with the hedge's time is in time.
  await IN_STEP
  const second = await secondFor(play, level, first, hedging)
  if (hedging.after === 'p95')
    for (const rival of [first, second])
      void rival?.tried.then(tried => learn(play, rival.run, tried)).catch(() => {})
  if (second === undefined) return conclude(play, run, await first.tried)
  try {
    return await settled(play, level, [first, second])
  } catch (error) {
    // An attempt does not throw; if one does all the same, nobody is left alone with an open connection.
    for (const { place } of [first, second]) place.giveUp()
    second.run.lease.release()
    throw error
  }
}

const secondFor = async (
  play: Play,
  level: Level,
  first: Rival,
  { after }: Hedging,
): Promise<Rival | undefined> => {
  const { board } = play.house
  const { deployment } = first.run.choice.candidate
  const learned = after === 'p95' ? board.delays(deployment, play.call.stream).p95() : after
  if (learned === undefined) return undefined
  const ms = after === 'p95' ? Math.max(SOONEST_MS, learned) : learned
  return (await isLate(play, first, ms)) ? hedgeFor(play, level, first.run) : undefined
}

const isLate = ({ house }: Play, { tried }: Rival, ms: number): Promise<boolean> =>
  new Promise(resolve => {
    const cancel = house.clock.after(ms, () => resolve(true))
    const inTime = (): void => {
      cancel()
      resolve(false)
    }
    tried.then(inTime, inTime)
  })

/** Begins the hedge; undefined: there is nobody for it, or no leave, and the first goes on alone. */
const hedgeFor = (play: Play, level: Level, first: Run): Rival | undefined => {
  const { house, stop, allowance, call } = play
  const { board, clock } = house
  if (call.context.departed.aborted || allowance.spent || !board.budget.mayHedge(stop.group)) return undefined
  const choice = elsewhere(play, level, first)
  const lease = choice === undefined ? undefined : freeSlot(play, choice)
  if (choice === undefined || lease === undefined) return undefined
  const extra = board.budget.hedge(stop.group)
  allowance.attemptsLeft -= 1
  level.tried.add(choice.candidate.deployment.id)
  play.trail.hedged = true
  const startedAt = clock.now()
  const waited = Math.round(startedAt - first.startedAt)
  const because = `hedge: nothing after ${waited} ms${choice.because === '' ? '' : `; ${choice.because}`}`
  const run: Run = { choice: { ...choice, because }, lease, startedAt, waitedMs: 0, hedge: true }
  const second = enter(play, run)
  const over = (): void => extra.release()
  second.tried.then(over, over)
  return second
}

/** Somebody of the same level whose provider has a limit of its own, and who rests in no way. */
const elsewhere = (play: Play, level: Level, { choice }: Run): Picked | undefined => {
  const wish = wishNow(play)
  const taken = domainOf(choice.candidate, wish)
  const out = new Set(level.tried)
  for (const one of wish.candidates)
    if (domainOf(one, wish) === taken || !mayDouble(play, one)) out.add(one.deployment.id)
  // Nothing is waited for and no rest is set aside: there is somebody at work already.
  const how = { atOrder: level.order, patienceMs: 0, hasFallback: () => true }
  const found = select(wish, out, play.desk, how)
  return found.kind === 'picked' ? found : undefined
}

/** A hedge that stood in line for a parallel slot would come too late. */
const freeSlot = ({ house, stop, wish }: Play, { candidate }: Picked): Lease | undefined => {
  const patience = new Departure()
  const domain = domainOf(candidate, wish)
  const slot = house.board.admit(candidate.deployment, stop.group, patience, domain)
  if (!(slot instanceof Promise)) return slot
  slot.catch(() => {})
  patience.abort()
  return undefined
}

const nameOf = ({ run }: Rival): string => (run.hedge === true ? 'the hedge' : 'the first attempt')

/** The first answer counts. A failure counts only when the other one has failed as well. */
const settled = async (play: Play, level: Level, [first, second]: [Rival, Rival]): Promise<Outcome> => {
  const { trail } = play
  const ended = (rival: Rival) => rival.tried.then(tried => ({ rival, tried }))
  const { rival, tried } = await Promise.race([ended(first), ended(second)])
  const other = rival === first ? second : first
  if (tried.outcome.kind === 'answered') {
    other.place.giveUp()
    conclude(play, other.run, await lost(play, other))
    note(trail, `${nameOf(rival)} answered first`)
    return conclude(play, rival.run, tried)
  }
  const { outcome: failed } = tried
  conclude(play, rival.run, tried)
  if (failed.failure.class !== 'client_gone') note(trail, `${nameOf(other)} goes on`)
  const outcome = conclude(play, other.run, await other.tried)
  return outcome.kind === 'answered' ? outcome : decisive(play, level, failed, outcome)
}

/** Of two failures the last one counts, unless the one before it says that nobody need try again. */
const decisive = ({ trail: { steps } }: Play, level: Level, before: Failed, last: Failed): Failed => {
  const swapped = isFinal(before.failure.class) && !isFinal(last.failure.class)
  const [own, beside] = [steps.at(-2), steps.at(-1)]
  // The last step is the one that the loop goes on from.
  if (swapped && own !== undefined && beside !== undefined)
    steps.splice(-2, 2, { ...beside, next: 'the failure of the other attempt counts' }, { ...own, next: '' })
  level.beside = swapped ? last : before
  return swapped ? before : last
}

const outrun = (sent: boolean): Tried => ({
  outcome: { kind: 'failed', failure: classify({ kind: 'outrun', sent }), upstreamStatus: undefined },
  edits: [],
  lost: [],
  resumed: undefined,
})

/**
 * How a rival ended that was given up. That is known at once, but for a credential that is still being made: nobody
 * waits for that, and nothing will be sent with it.
 */
const lost = (play: Play, rival: Rival): Promise<Tried> =>
  new Promise((resolve, reject) => {
    const cancel = play.house.clock.after(0, () => resolve(outrun(false)))
    const over = rival.tried.then(tried => resolve(putAside(play, rival.run, tried)), reject)
    void over.finally(cancel)
  })

const isPaid = (outcome: Outcome): boolean =>
  outcome.kind === 'failed' && outcome.failure.class === 'outrun' && outcome.failure.possiblyBilled

/** What was sent is paid for. */
const putAside = (play: Play, { choice }: Run, tried: Tried): Tried => {
  const { outcome } = tried
  const end = outcome.kind === 'answered' ? { ...tried, outcome: outrun(true).outcome } : tried
  const usage = outcome.kind === 'answered' ? closeUnread(outcome) : undefined
  if (isPaid(end.outcome)) play.trail.outrun = { candidate: choice.candidate, usage }
  return end
}

/** It answered in the very same moment; what it used is known if its answer was whole. */
const closeUnread = ({ content, lease }: Answered): Usage | undefined => {
  if (content.kind === 'stream') content.live.abort()
  lease.release()
  return content.kind === 'document' ? content.usage : undefined
}

/** Ends that tell no more than that nothing had come by then. */
const SILENT = new Set(['outrun', 'client_gone', 'timeout_headers', 'timeout_first_token', 'timeout_attempt'])

const learn = ({ call, house }: Play, { choice, startedAt }: Run, { outcome }: Tried): void => {
  const delays = house.board.delays(choice.candidate.deployment, call.stream)
  const now = house.clock.now()
  if (outcome.kind === 'answered') delays.spoke((outcome.firstContentAt ?? now) - startedAt)
  else if (SILENT.has(outcome.failure.class)) delays.gaveUp(now - startedAt)
}
