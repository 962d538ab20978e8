import type { FailureClass } from '../failure.ts'
import type { BoardOptions } from './board.ts'
import { createDomains } from './domains.ts'
import { ALONE } from './exchange.ts'
import { createLeases } from './leases.ts'
import type { HealthEvent, RestKind } from './ports.ts'
import { Rests, type Standing } from './rests.ts'
import { createWarmth } from './warmth.ts'

/** Why a deployment is not asked now. */
export type Cooling = {
  /** clock.now() value. */
  readonly until: number
  readonly kind: RestKind
  /** Not even that nobody else is left is a reason to ask it. */
  readonly firm: boolean
  /** The time is over; one request is finding out whether the trouble is. */
  readonly probing: boolean
  readonly status: number
  readonly because: FailureClass
}

const coolingOf = ({ rest, probing }: Standing, now: number): Cooling => {
  const { until, kind, firm, status, because } = rest
  // A probe may end at any moment.
  return { until: probing ? now : until, kind, firm: firm && !probing, probing, status, because }
}

/** Two rests hold at once: the longer one is named, and both have to be over. */
const both = (one: Cooling | undefined, other: Cooling | undefined): Cooling | undefined => {
  if (one === undefined || other === undefined) return one ?? other
  const longer = other.until > one.until ? other : one
  return { ...longer, firm: one.firm || other.firm, probing: one.probing && other.probing }
}

/** The part of a board that others share: what rests, and what has to be waited for. Read here, told to them. */
export const createReplica = ({ clock, dice, config, exchange = ALONE }: BoardOptions) => {
  const probes = () => config().router.failover.probes
  const rests = new Rests({ clock, probes })
  const domainRests = new Rests({ clock, probes })
  const domains = createDomains(clock)
  const warmth = createWarmth({ clock, config })
  const leases = createLeases({ clock, dice, config, domains, rests, domainRests, warmth, exchange })

  const hear = (event: HealthEvent): void => {
    const soon = (wall: number) => clock.now() + wall - clock.wall()
    if (event.kind === 'bound') return void domains.wait(event.domain, soon(event.until))
    const { deployment, domain, began } = event
    // Only what is configured here, and still means the same.
    if (deployment !== undefined && config().byId.get(deployment)?.domain !== domain) return
    const book = deployment === undefined ? domainRests : rests
    const key = deployment ?? domain
    if (event.kind === 'rest') {
      const rest = { ...event.rest, until: soon(event.rest.until) }
      if (rest.until > clock.now())
        book.begin(key, domain, rest, { admission: leases.admissions(), wall: began })
    } else if (book.recover(key, { admission: undefined, wall: began })) {
      book.relax(key, event.level)
      if (deployment === undefined) warmth.beginDomain(domain)
      else warmth.begin(deployment)
    }
  }
  const leave = exchange.subscribe(hear)

  const cooling = (id: string, domain: string, own: string): Cooling | undefined => {
    const one = rests.standing(id, own)
    const other = domainRests.standing(domain, domain)
    if (one === undefined && other === undefined) return undefined
    const now = clock.now()
    return both(one && coolingOf(one, now), other && coolingOf(other, now))
  }

  return {
    leases,
    domains,
    rests,
    warmth,
    cooling,
    leave,
    calm: () => rests.size === 0 && domainRests.size === 0 && domains.size() === 0,
    probes: () => rests.probes + domainRests.probes,
  }
}
