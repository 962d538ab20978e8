import type { Deployment } from '../config/config.ts'
import type { Usage } from '../dialects/shape.ts'
import type { Failure } from '../failure.ts'
import { createGauge } from './gauge.ts'
import { type Attempt, learn, noteServed, recover, type State, type Surroundings } from './health.ts'

/** How an attempt ended, for everything that hangs on it: in-flight gauge, usage windows, latency, health. */
export type AttemptEnd =
  | {
      readonly kind: 'success'
      readonly usage: Usage | undefined
      readonly totalMs: number
      readonly firstTokenMs: number | undefined
    }
  | {
      readonly kind: 'failure'
      readonly failure: Failure
      readonly totalMs: number
      /** It is this process's own trouble: other boards are not told. */
      readonly here?: boolean
      /** What the endpoint is for (model_info.mode). */
      readonly modes?: readonly string[]
    }
  /** Nobody's fault: the client left, the gateway erred. Health and latency stay as they were. */
  | { readonly kind: 'neutral' }

/** Held while one attempt runs. Settled exactly once, on every exit; a second settle is ignored and counted. */
export type Lease = {
  /** It is the one that goes to see whether a rest is over for good. */
  readonly probe: boolean
  readonly settle: (end: AttemptEnd) => void
  /**
   * The answer is there, or its stream has begun: a probe has found what it went for, and others need not wait for its end.
   * `modes`: what the endpoint is for.
   */
  readonly answered: (modes?: readonly string[]) => void
  /** A neutral end unless there has been one: for exits that nobody planned. */
  readonly release: () => void
  /** The same before anything was sent: no request is counted for it. */
  readonly withdraw: () => void
}

const NEUTRAL: AttemptEnd = { kind: 'neutral' }

/** What every lease of a board counts in. */
class Books {
  readonly around: Surroundings
  readonly groups = createGauge()
  open = 0
  extraSettles = 0

  constructor(around: Surroundings) {
    this.around = around
  }
}

class BoardLease implements Lease {
  readonly #books: Books
  readonly #attempt: Attempt
  readonly #group: string
  readonly probe: boolean
  #settled = false

  constructor(books: Books, attempt: Attempt, group: string) {
    this.#books = books
    this.#attempt = attempt
    this.#group = group
    this.probe = attempt.probe
    attempt.state.tally.request(1)
    books.groups.up(group)
    books.open += 1
  }

  settle(end: AttemptEnd): void {
    if (this.#settled) this.#books.extraSettles += 1
    else this.#end(end)
  }

  answered(modes?: readonly string[]): void {
    if (this.#settled) return
    if (modes !== undefined) noteServed(this.#attempt, modes)
    if (!this.probe) return
    recover(this.#books.around, this.#attempt)
    this.#closeProbe()
  }

  release(): void {
    if (!this.#settled) this.#end(NEUTRAL)
  }

  withdraw(): void {
    if (this.#settled) return
    this.#attempt.state.tally.request(-1)
    this.#end(NEUTRAL)
  }

  #end(end: AttemptEnd): void {
    this.#settled = true
    try {
      // What the attempt taught is known before a waiting one starts.
      learn(this.#books.around, this.#attempt, end)
    } finally {
      if (this.probe) this.#closeProbe()
      this.#books.groups.down(this.#group)
      this.#books.open -= 1
      this.#attempt.state.slots.leave()
    }
  }

  /** Whatever it has found: a place that is not given back would lock the deployment out for ever. */
  #closeProbe(): void {
    const { rests, domainRests } = this.#books.around
    const { deployment, domain, admission } = this.#attempt
    rests.closeProbe(deployment.id, admission)
    domainRests.closeProbe(domain, admission)
  }
}

export type Leases = {
  readonly open: (deployment: Deployment, group: string, state: State, domain: string) => Lease
  /** There is a credential again: what rests for the want of one need not rest any longer. */
  readonly mended: (deployment: Deployment) => void
  readonly groupInFlight: (group: string) => number
  readonly inFlight: () => number
  readonly extraSettles: () => number
}

/** Opens leases: counts an attempt in, and out again exactly once. */
export const createLeases = (
  given: Omit<Surroundings, 'admissions'>,
): Leases & Pick<Surroundings, 'admissions'> => {
  let admissions = 0
  const around: Surroundings = { ...given, admissions: () => admissions }
  const books = new Books(around)
  const { clock, rests, domainRests } = around

  const isProbe = (deployment: Deployment, domain: string): boolean => {
    if (rests.size === 0 && domainRests.size === 0) return false
    const own = rests.openProbe(deployment.id, admissions)
    return domainRests.openProbe(domain, admissions) || own
  }

  const open: Leases['open'] = (deployment, group, state, domain) => {
    admissions += 1
    const probe = isProbe(deployment, domain)
    const attempt = { deployment, state, domain, admission: admissions, wall: clock.wall(), probe }
    return new BoardLease(books, attempt, group)
  }

  const mended: Leases['mended'] = ({ id, domain }) => {
    if (rests.standing(id, domain)?.rest.because !== 'credential') return
    admissions += 1
    if (rests.recover(id, { admission: admissions, wall: clock.wall() })) around.warmth.begin(id)
  }

  return {
    open,
    mended,
    admissions: () => admissions,
    groupInFlight: books.groups.value,
    inFlight: () => books.open,
    extraSettles: () => books.extraSettles,
  }
}
