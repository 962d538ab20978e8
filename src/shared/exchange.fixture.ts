import type { Clock } from '../house.ts'
import type { HealthEvent, HealthExchange } from './ports.ts'
import { Standing } from './standing.ts'

/** Boards of one process joined in memory. Events are copied as a socket would: what is not plain data does not pass. */
export const createMemoryExchange = (clock: Pick<Clock, 'wall'>): { readonly join: () => HealthExchange } => {
  const members = new Map<object, (event: HealthEvent) => void>()
  const standing = new Standing(clock)

  const join = (): HealthExchange => {
    const member = {}
    return {
      publish: event => {
        if (!standing.take(event)) return
        const copy = JSON.stringify(event)
        for (const [other, hear] of members) if (other !== member) hear(JSON.parse(copy) as HealthEvent)
      },
      subscribe: hear => {
        for (const event of standing.events()) hear(event)
        members.set(member, hear)
        return () => members.delete(member)
      },
    }
  }
  return { join }
}
