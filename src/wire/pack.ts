/** Pieces that pile up before it is worth looking at them. */
export const MANY_PIECES = 1024
/** Below this average a piece costs more than what is in it: an object of its own, and the buffer it was cut from. */
const SMALL_BYTES = 1024

/**
 * Puts the pieces from `from` on together if they are small, so that a body in chunks of one byte takes the memory
 * of its bytes. Returns how many pieces at the start need no second look. Called each time MANY_PIECES have come.
 */
export const pack = (pieces: Uint8Array[], from: number): number => {
  const recent = pieces.slice(from)
  const size = recent.reduce((sum, piece) => sum + piece.length, 0)
  if (size > recent.length * SMALL_BYTES) return pieces.length
  pieces.splice(from, recent.length, Buffer.concat(recent))
  return from + 1
}
