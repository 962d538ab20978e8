import type { ServerResponse } from 'node:http'
import type { JsonObject } from '../wire/json.ts'
import { exceptionFrame, type StageFrame } from './bedrock-answer.ts'

/** How an answer goes out, and how it breaks on cue. */

/** What is played: the answer as one document, or as frames. */
export type Performance = {
  readonly whole: () => JsonObject
  readonly frames: () => readonly StageFrame[]
}

/** Where an answer breaks. */
export type Break =
  /** An exception frame inside the stream, after so many content frames. 0: before any content. */
  | { readonly kind: 'exception'; readonly type: string; readonly message: string; readonly after: number }
  /** The connection breaks after so many content frames; without a stream, inside the body. */
  | { readonly kind: 'cut'; readonly after: number }
  /** The stream ends properly but early, after so many content frames. */
  | { readonly kind: 'short'; readonly after: number }
  /** One bit of the frame after so many content frames is wrong. */
  | { readonly kind: 'corrupt'; readonly after: number }

/** Cuts the connection without the end that HTTP asks for. */
const cut = (response: ServerResponse): void => void response.socket?.destroy()

const corrupted = (bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  // The last byte before the checksum belongs to the payload.
  const at = copy.length - 5
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

const write = (response: ServerResponse, bytes: Uint8Array): Promise<void> =>
  new Promise(resolve => response.write(bytes, () => resolve()))

export const playStream = async (
  response: ServerResponse,
  { frames }: Performance,
  cue: Break | undefined,
): Promise<void> => {
  response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
  let said = 0
  for (const [index, frame] of frames().entries()) {
    // Every fault waits at least for the first frame: a stream that says nothing at all is the `status` fault.
    if (cue !== undefined && index > 0 && said === cue.after) {
      if (cue.kind === 'exception') {
        response.end(exceptionFrame(cue.type, cue.message))
        return
      }
      if (cue.kind === 'cut') return cut(response)
      if (cue.kind === 'short') return void response.end()
      await write(response, corrupted(frame.bytes))
      said += 1
      continue
    }
    await write(response, frame.bytes)
    if (frame.content) said += 1
  }
  response.end()
}

export const playWhole = async (
  response: ServerResponse,
  { whole }: Performance,
  cue: Break | undefined,
): Promise<void> => {
  const body = new TextEncoder().encode(JSON.stringify(whole()))
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  if (cue?.kind !== 'cut') return void response.end(body)
  await write(response, body.subarray(0, body.length >> 1))
  cut(response)
}
