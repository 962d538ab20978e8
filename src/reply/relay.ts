import type { ServerResponse } from 'node:http'
import { END_MS } from '../attempt/gate.ts'
import type { Content } from '../attempt/outcome.ts'
import type { Ledger } from '../attempt/resume-ledger.ts'
import type { LiveStream, Trouble } from '../attempt/stream.ts'
import type { Sight, StreamEvent } from '../dialects/shape.ts'
import type { Clock } from '../house.ts'
import type { Signal } from '../signal.ts'
import type { JsonObject } from '../wire/json.ts'
import type { Pulse } from './pulse.ts'

/** After the terminal event the client is done; the upstream gets this long to close its side for reuse. */
const LINGER_MS = 1_000

/** How a relayed stream ended. */
export type StreamEnd =
  | { readonly kind: 'complete' }
  | { readonly kind: 'client_left' }
  /** The gateway's own time was over. */
  | { readonly kind: 'curtain' }
  | { readonly kind: 'error'; readonly error: JsonObject }
  | { readonly kind: 'trouble'; readonly trouble: Trouble }
  /** The upstream closed without its terminal event. */
  | { readonly kind: 'cut' }

export type Relay = {
  readonly content: Extract<Content, { kind: 'stream' }>
  readonly response: ServerResponse
  readonly rewrite: (event: StreamEvent) => Uint8Array | string
  readonly clock: Clock
  readonly departed: Signal
  readonly curtain: Signal
  /** Remembers what goes out, where the stream may have to be gone on with. */
  readonly ledger: Ledger | undefined
  readonly pulse: Pulse | undefined
  /** The client does not take what it is given. */
  readonly lagging: () => void
  /** Bytes handed to the client so far. */
  written: number
}

/** Pieces of one batch leave in one write, in order. */
const joined = (pieces: readonly (Uint8Array | string)[]): Uint8Array | string => {
  const [only] = pieces
  if (pieces.length === 1 && only !== undefined) return only
  if (pieces.every(piece => typeof piece === 'string')) return pieces.join('')
  return Buffer.concat(pieces.map(piece => (typeof piece === 'string' ? Buffer.from(piece) : piece)))
}

/** The client has to read first. */
const holdBack = ({ response, lagging, content: { live } }: Relay): void => {
  lagging()
  live.pause()
  response.once('drain', () => live.resume())
}

/** Names of events that report how far a provider has come; deltas without a word are none. */
const STEP = /^(?!ping$|message$|keepalive$)(?!.*delta$)./

/**
 * More than a sign of life: content, or a step that has a name of its own, as a search that the provider makes has.
 * A ping, and a chunk that carries nothing, say only that the connection stands.
 */
const says = (event: StreamEvent, sight: Sight | undefined): boolean =>
  sight !== undefined && (sight.kind !== 'lifecycle' || STEP.test(event.event))

/** A connection that is given back in order is used again; one that does not end is closed. */
const linger = (live: LiveStream, clock: Clock): void => {
  const cancel = clock.after(LINGER_MS, () => live.abort())
  live.listen({ events: () => {}, end: cancel, trouble: cancel })
  live.resume()
}

/**
 * Passes a committed stream on, event by event, without delay. Back-pressure holds: while the client does not read,
 * the upstream is paused, so a slow client costs one socket buffer. Never writes after the terminal event.
 */
export const relay = (flow: Relay): Promise<StreamEnd> =>
  new Promise(resolve => {
    const { content, response } = flow
    const { live, progress, opened } = content
    let over = false
    /** All has been said, and the end has a limit. */
    let ending = false
    const settle = (end: StreamEnd): void => {
      if (over) return
      over = true
      flow.departed.removeEventListener('abort', leave)
      flow.curtain.removeEventListener('abort', drop)
      if (end.kind === 'complete' && progress.terminal) linger(live, flow.clock)
      else if (end.kind !== 'complete') live.abort()
      resolve(end)
    }
    const leave = (): void => settle({ kind: 'client_left' })
    const drop = (): void => settle({ kind: 'curtain' })
    const write = (pieces: readonly (Uint8Array | string)[]): void => {
      if (pieces.length === 0) return
      const data = joined(pieces)
      flow.written += typeof data === 'string' ? Buffer.byteLength(data) : data.length
      flow.pulse?.beat()
      if (!response.write(data)) holdBack(flow)
    }
    const pass = (batch: readonly StreamEvent[], noted: number): void => {
      const pieces: (Uint8Array | string)[] = []
      for (const [at, event] of batch.entries()) {
        const sight = at < noted ? undefined : progress.note(event)
        if (sight?.kind === 'error') {
          write(pieces)
          live.abort()
          // As of what breaks behind the end.
          return settle(progress.finished ? { kind: 'complete' } : { kind: 'error', error: sight.error })
        }
        if (says(event, sight)) live.spoke()
        flow.ledger?.note(event)
        pieces.push(flow.rewrite(event))
        if (progress.terminal && (at >= noted || at === noted - 1)) break
      }
      write(pieces)
      if (progress.terminal) settle({ kind: 'complete' })
      else if (progress.finished !== ending) {
        ending = progress.finished
        live.endWithin(ending ? END_MS : undefined)
      }
    }
    const end = (): void => settle(progress.whole ? { kind: 'complete' } : { kind: 'cut' })
    // What breaks behind the end of an answer breaks nothing of it.
    const trouble = (problem: Trouble): void =>
      settle(progress.finished ? { kind: 'complete' } : { kind: 'trouble', trouble: problem })

    flow.departed.addEventListener('abort', leave)
    flow.curtain.addEventListener('abort', drop)
    if (flow.departed.aborted) return leave()
    live.commit()
    live.listen({
      events: batch => !over && pass(batch, 0),
      end: () => !over && end(),
      trouble: problem => !over && trouble(problem),
    })
    pass(opened.held, opened.noted)
    if (over) return
    if (opened.trouble !== undefined) trouble(opened.trouble)
    else if (opened.ended) end()
    // The client may still have to read what an earlier part wrote, and this one nothing of its own to wait for.
    else if (response.writableNeedDrain) response.once('drain', () => live.resume())
    else live.resume()
  })
