import { createGunzip, type Gunzip } from 'node:zlib'

/**
 * Compressed answers are unfolded on threads of the machine, which virtual time knows nothing of: it stands still as long
 * as one of them is at work. Watched where the engine's own decoder begins and ends a piece.
 */

type Done = (error?: Error | null, data?: unknown) => void
type Watched = Gunzip & { _transform: (chunk: unknown, encoding: unknown, done: Done) => void }

const working = new Set<Gunzip>()

const prototype = Object.getPrototypeOf(createGunzip()) as Watched
const { _transform: transform } = prototype

prototype._transform = function (this: Watched, chunk, encoding, done) {
  // A broken archive closes the stream, and no piece is ever done.
  if (!working.has(this)) this.once('close', () => working.delete(this))
  working.add(this)
  transform.call(this, chunk, encoding, (...told) => {
    working.delete(this)
    done(...told)
  })
}

/** Bytes are with another thread. */
export const isUnfolding = (): boolean => working.size > 0
