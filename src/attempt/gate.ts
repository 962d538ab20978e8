import type { StreamEvent } from '../dialects/shape.ts'
import type { JsonObject } from '../wire/json.ts'
import type { Progress } from './progress.ts'
import type { LiveStream, Trouble } from './stream.ts'

/** Lifecycle events are held, not passed: this many bytes of them at most. */
const HELD_BYTES = 8 * 1024 * 1024
/** What an event takes beside its bytes: a flood of empty ones is a flood, too. */
const EVENT_BYTES = 256
/** A whole answer whose end does not come has this long: its usage may still be on its way. */
export const END_MS = 5_000

/** A stream that has answered. It is paused; events that were already on their way are in `held`. */
export type Opened = {
  readonly kind: 'open'
  readonly held: StreamEvent[]
  /** How many of `held` the progress has seen; the relay judges the rest. */
  readonly noted: number
  /** clock.now() of the first content. */
  readonly firstContentAt: number
  /** What came after the gate opened and before the relay listened. */
  ended: boolean
  trouble: Trouble | undefined
}

export type Gated =
  | Opened
  | { readonly kind: 'error'; readonly error: JsonObject }
  | { readonly kind: 'trouble'; readonly trouble: Trouble }
  /** The upstream closed before content and before its end. */
  | { readonly kind: 'cut' }

/** What is wrong with an answer that ended without content; undefined: it may be a whole one. */
export type EmptyEnd = (events: readonly StreamEvent[]) => JsonObject | undefined

/**
 * The commit gate: resolves once the attempt has produced content or has failed.
 * Until then nothing has reached the client, so failing over is free and invisible.
 */
export const gate = (
  live: LiveStream,
  progress: Progress,
  { now, emptyEnd }: { readonly now: () => number; readonly emptyEnd: EmptyEnd },
): Promise<Gated> =>
  new Promise(resolve => {
    const atEnd = (): JsonObject | undefined => (progress.content ? undefined : emptyEnd(held))
    const held: StreamEvent[] = []
    let bytes = 0
    let opened: Opened | undefined
    const open = (ended: boolean): void => {
      opened = { kind: 'open', held, noted: held.length, firstContentAt: now(), ended, trouble: undefined }
      if (!ended) live.pause()
      resolve(opened)
    }
    const fail = (result: Gated): void => {
      live.abort()
      resolve(result)
    }
    const judge = (event: StreamEvent): Gated | undefined => {
      held.push(event)
      if (opened !== undefined) return undefined
      bytes += event.bytes.length + EVENT_BYTES
      const sight = progress.note(event)
      if (sight.kind === 'error') return { kind: 'error', error: sight.error }
      // Content ends the holding, however large it is: a picture comes in one event.
      if (sight.kind === 'content' || (sight.kind === 'final' && sight.speaks && atEnd() === undefined))
        open(false)
      else if (bytes > HELD_BYTES) return { kind: 'trouble', trouble: { kind: 'oversize' } }
      // A finish without content may still be followed by the end.
      if (sight.kind === 'terminal') {
        const error = atEnd()
        if (error !== undefined) return { kind: 'error', error }
        open(false)
      }
      return undefined
    }
    live.listen({
      events: batch => {
        for (const event of batch) {
          const failed = judge(event)
          if (failed !== undefined) return fail(failed)
        }
        if (opened === undefined && progress.finished) live.endWithin(END_MS)
      },
      end: () => {
        if (opened !== undefined) opened.ended = true
        else if (progress.whole) {
          const error = atEnd()
          if (error === undefined) open(true)
          else fail({ kind: 'error', error })
        } else fail({ kind: 'cut' })
      },
      trouble: trouble => {
        if (opened !== undefined) opened.trouble = trouble
        else fail({ kind: 'trouble', trouble })
      },
    })
  })
