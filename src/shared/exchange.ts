import type { Clock } from '../house.ts'
import type { HealthEvent, HealthExchange } from './ports.ts'

/** Nobody else is there. */
export const ALONE: HealthExchange = { publish: () => {}, subscribe: () => () => {} }

/** Newcomers are told at most so many standing events; the oldest are forgotten first. */
const MOST_STANDING = 10_000

const keyOf = (event: HealthEvent): string =>
  event.kind === 'bound' ? `bound ${event.domain}` : `rest ${event.domain} ${event.deployment ?? ''}`

/** Milliseconds since the epoch; a recovery ends nothing later on. */
const endOf = (event: HealthEvent): number =>
  event.kind === 'bound' ? event.until : event.kind === 'rest' ? event.rest.until : 0

/** Boards of one process joined in memory. Events are copied as a socket would: what is not plain data does not pass. */
export const createMemoryExchange = (clock: Pick<Clock, 'wall'>): { readonly join: () => HealthExchange } => {
  const members = new Map<object, (event: HealthEvent) => void>()
  // The last event of each subject, as a server would keep it with a time to live.
  const standing = new Map<string, HealthEvent>()

  const holds = (event: HealthEvent): boolean => event.kind === 'recovery' || endOf(event) > clock.wall()

  const keep = (event: HealthEvent) => {
    const key = keyOf(event)
    const known = standing.get(key)
    // The longest deadline is what holds.
    if (known !== undefined && event.kind !== 'recovery' && endOf(known) > endOf(event)) return
    standing.delete(key)
    standing.set(key, event)
    const oldest = standing.keys().next()
    if (standing.size > MOST_STANDING && !oldest.done) standing.delete(oldest.value)
  }

  const join = (): HealthExchange => {
    const member = {}
    return {
      publish: event => {
        const copy = JSON.stringify(event)
        keep(event)
        for (const [other, hear] of members) if (other !== member) hear(JSON.parse(copy) as HealthEvent)
      },
      subscribe: hear => {
        for (const event of standing.values()) if (holds(event)) hear(event)
        members.set(member, hear)
        return () => members.delete(member)
      },
    }
  }
  return { join }
}
