import type { Clock } from '../house.ts'
import type { Hub, Way } from './exchange.ts'
import type { HealthEvent } from './ports.ts'
import { readEvent } from './read-event.ts'
import { Standing } from './standing.ts'

/** One end of a channel between two processes, as Node's: a message is a plain value, in order, or lost. */
export type Channel = {
  /** Does not wait. `sent` hears that the message has left, or cannot. May throw when there is no channel. */
  readonly send: (message: HealthMessage, sent: (error: Error | null) => void) => void
  readonly onMessage: (hear: (message: unknown) => void) => void
}

/** What goes over it: events, or the question of what holds, which comes first. */
export type HealthMessage = { readonly health: readonly HealthEvent[] | 'what holds' }

/** Messages that have not left yet; beyond this the peer does not read, and is told what holds when it does. */
const MOST_UNSENT = 64

/** How long a start waits for what holds, milliseconds. */
export const READY_MS = 250

const eventsIn = (message: unknown): readonly HealthEvent[] => {
  const { health } = (message ?? {}) as { readonly health?: unknown }
  return Array.isArray(health)
    ? health.map(readEvent).filter((event): event is HealthEvent => event !== undefined)
    : []
}

const isQuestion = (message: unknown): boolean =>
  (message as Partial<HealthMessage> | null | undefined)?.health === 'what holds'

/** Sends without waiting and without growing: what a peer that does not read has missed, it hears from `standing`. */
const createPost = (send: Channel['send'], standing: Hub['standing']) => {
  let unsent = 0
  let behind = false

  const post = (message: HealthMessage): void => {
    if (unsent >= MOST_UNSENT) {
      behind = true
      return
    }
    unsent += 1
    try {
      send(message, error => {
        unsent -= 1
        if (!behind || unsent > 0 || error !== null) return
        behind = false
        post({ health: [...standing()] })
      })
    } catch {
      // The channel is gone, and with it everybody who could be told.
      unsent -= 1
    }
  }
  return post
}

/** A worker's way to the other workers of its machine: its parent passes everything on. */
export const createChannelWay =
  ({ send, onMessage }: Channel, clock: Clock) =>
  (hub: Hub): Way => {
    const post = createPost(send, hub.standing)
    let open = true
    const { promise: ready, resolve } = Promise.withResolvers<void>()
    const cancel = clock.after(READY_MS, resolve)
    onMessage(message => {
      const events = eventsIn(message)
      if (open) for (const event of events) hub.heard(event)
      // The first answer is the one to the question, however little holds.
      if (Array.isArray((message as Partial<HealthMessage> | null)?.health)) {
        cancel()
        resolve()
      }
    })
    post({ health: 'what holds' })
    return {
      tell: event => {
        if (open) post({ health: [event] })
      },
      ready,
      close: () => {
        open = false
        cancel()
        resolve()
      },
    }
  }

export type Relay = {
  /** A worker that is there from now on. The answer ends it. */
  readonly join: (channel: Channel) => () => void
}

/** The parent's part: passes on what one worker tells, and keeps what holds for those that start later. */
export const createRelay = (clock: Pick<Clock, 'wall'>): Relay => {
  const standing = new Standing(clock)
  const members = new Map<object, (message: HealthMessage) => void>()

  const join: Relay['join'] = ({ send, onMessage }) => {
    const member = {}
    const post = createPost(send, () => standing.events())
    members.set(member, post)
    onMessage(message => {
      if (isQuestion(message)) return post({ health: [...standing.events()] })
      const news = eventsIn(message).filter(event => standing.take(event))
      if (news.length === 0) return
      for (const [other, tell] of members) if (other !== member) tell({ health: news })
    })
    return () => members.delete(member)
  }
  return { join }
}
