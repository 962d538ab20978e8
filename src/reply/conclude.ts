import type { ServerResponse } from 'node:http'
import type { Received } from '../call.ts'
import type { House } from '../house.ts'
import { limitPatience } from './patience.ts'
import type { Finish } from './reply.ts'

const taken = (response: ServerResponse, finish: Finish): Finish =>
  response.writableFinished || finish.end !== 'complete' ? finish : { ...finish, end: 'client_left' }

/**
 * Ends an answer whose last byte was written, and says how it ended. Most answers are with the kernel at once; one
 * that waits for a slow reader is over when it has been read, or left.
 */
export const conclude = (
  { received, house }: { readonly received: Received; readonly house: House },
  finish: Finish,
): Promise<Finish> | Finish => {
  const { response } = received
  if (response.destroyed) return taken(response, finish)
  // A server that closes takes an ended answer for an idle connection, read or not: so it ends when it is read.
  if (response.writableNeedDrain) response.once('drain', () => response.end())
  else response.end()
  if (response.writableLength === 0) return finish
  limitPatience(received, house)
  // 'close' comes after the last byte as well as instead of it.
  return new Promise(resolve => response.once('close', () => resolve(taken(response, finish))))
}
