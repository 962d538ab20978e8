import type { Clock } from '../house.ts'
import type { Signal } from '../signal.ts'

/** Who waits, and for how long. */
export type Waiter = {
  /** Smaller goes first; of equals, who came first. */
  readonly priority: number
  /** Until the deployment that is waited for may be asked. */
  readonly ms: number
  /** The client left. */
  readonly signal: Signal
  /** So many may wait in this group; one more is not let in. */
  readonly most: number
}

/** Requests that wait for a resting group, by group. */
export type Queue = {
  /** undefined: it is full. True: it is this request's turn to look again; false: its client left. */
  readonly enter: (group: string, waiter: Waiter) => Promise<boolean> | undefined
  readonly waiting: (group?: string) => number
}

/** Between two that are let go: nobody comes back to everybody at once, and the first in order is the first there. */
const GAP_MS = 5

type Entry = {
  readonly priority: number
  readonly due: number
  readonly go: (stayed: boolean) => void
  turn: Turn
}

/** One permission to leave, at its time. Of those whose time has come the first in order takes it, whoever brought it. */
type Turn = { of: Entry | undefined; cancel: () => void }

type Room = { readonly entries: Entry[]; freeAt: number }

/** Behind all that are as urgent. */
const insert = (entries: Entry[], entry: Entry): void => {
  const later = entries.findIndex(other => other.priority > entry.priority)
  entries.splice(later === -1 ? entries.length : later, 0, entry)
}

export const createQueue = (clock: Clock): Queue => {
  const rooms = new Map<string, Room>()

  const remove = (group: string, room: Room, entry: Entry): void => {
    room.entries.splice(room.entries.indexOf(entry), 1)
    if (room.entries.length === 0) rooms.delete(group)
  }

  const fire = (group: string, room: Room, turn: Turn): void => {
    const now = clock.now()
    const first = room.entries.find(entry => entry.due <= now)
    if (first === undefined || turn.of === undefined) return
    const wait = room.freeAt - now
    if (wait > 0) {
      turn.cancel = clock.after(wait, () => fire(group, room, turn))
      return
    }
    room.freeAt = now + GAP_MS
    // The first in order goes, and leaves its own turn to the one whose turn it took.
    first.turn.of = turn.of
    turn.of.turn = first.turn
    remove(group, room, first)
    first.go(true)
  }

  const enter: Queue['enter'] = (group, { priority, ms, signal, most }) => {
    const room = rooms.get(group) ?? { entries: [], freeAt: 0 }
    if (room.entries.length >= most) return undefined
    rooms.set(group, room)
    return new Promise(resolve => {
      const turn: Turn = { of: undefined, cancel: () => {} }
      const leave = (): void => {
        entry.turn.of = undefined
        entry.turn.cancel()
        remove(group, room, entry)
        resolve(false)
      }
      const go = (stayed: boolean): void => {
        signal.removeEventListener('abort', leave)
        resolve(stayed)
      }
      const entry: Entry = { priority, due: clock.now() + ms, go, turn }
      turn.of = entry
      insert(room.entries, entry)
      turn.cancel = clock.after(ms, () => fire(group, room, turn))
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  const waiting: Queue['waiting'] = group =>
    group === undefined
      ? [...rooms.values()].reduce((sum, { entries }) => sum + entries.length, 0)
      : (rooms.get(group)?.entries.length ?? 0)

  return { enter, waiting }
}
