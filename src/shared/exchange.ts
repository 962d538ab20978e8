import type { Clock } from '../house.ts'
import type { HealthEvent, HealthExchange } from './ports.ts'
import { isPlausible } from './read-event.ts'
import { Standing } from './standing.ts'

/** Nobody else is there. */
export const ALONE: HealthExchange = { publish: () => {}, subscribe: () => () => {} }

/** What a way to other boards gets from the hub it is part of. */
export type Hub = {
  /** Somebody else has told this. */
  readonly heard: (event: HealthEvent) => void
  /** What has to be told to somebody who knows nothing. */
  readonly standing: () => Iterable<HealthEvent>
}

/** One way to other boards. */
export type Way = {
  /** Does not wait, does not throw, and keeps nothing for later: what holds can be told again from the hub. */
  readonly tell: (event: HealthEvent) => void
  /** Settles when what holds elsewhere was heard, or when waiting for it any longer is not worth it. Never rejects. */
  readonly ready: Promise<void>
  readonly close: () => void
}

export type HubExchange = HealthExchange & {
  readonly attach: <Kind extends Way>(make: (hub: Hub) => Kind) => Kind
}

/** Milliseconds are whole outside a board, so that a copy that went another way is the same event. */
const whole = (event: HealthEvent): HealthEvent => {
  if (event.kind === 'bound') return { ...event, until: Math.ceil(event.until) }
  if (event.kind === 'recovery') return event
  return { ...event, rest: { ...event.rest, until: Math.ceil(event.rest.until) } }
}

/**
 * A board's exchange over any number of ways. What comes over two of them is heard once; what was told while a way was
 * broken is told over it when it is mended, because what holds is remembered here.
 */
export const createHub = (clock: Pick<Clock, 'wall'>): HubExchange => {
  const standing = new Standing(clock)
  const ways: Way[] = []
  const listeners = new Set<(event: HealthEvent) => void>()

  const hub: Hub = {
    heard: event => {
      if (!isPlausible(event, clock.wall()) || !standing.take(event)) return
      for (const hear of listeners) hear(event)
    },
    standing: () => standing.events(),
  }

  return {
    publish: given => {
      const event = whole(given)
      if (!standing.take(event)) return
      for (const way of ways) way.tell(event)
    },
    subscribe: hear => {
      for (const event of standing.events()) hear(event)
      listeners.add(hear)
      return () => listeners.delete(hear)
    },
    attach: make => {
      const way = make(hub)
      ways.push(way)
      return way
    },
  }
}
