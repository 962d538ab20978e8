import type { Deployment } from '../config/config.ts'
import type { Usage } from '../dialects/shape.ts'
import type { Failure } from '../failure.ts'
import type { Candidate } from '../plan/wish.ts'
import type { Compacting, Draft } from '../providers/provider.ts'
import type { Lease } from '../shared/board.ts'
import { type EditName, printPath } from '../wire/edit.ts'
import type { JsonIndex } from '../wire/index.ts'
import type { Opened } from './gate.ts'
import type { Progress } from './progress.ts'
import type { LiveStream } from './stream.ts'

/** An attempt that has answered. Its lease is still held: whoever finishes the reply settles it. */
export type Answered = {
  readonly kind: 'answered'
  readonly deployment: Deployment
  /** Upstream model name. */
  readonly model: string
  /** The group that served, as the client knows it. */
  readonly group: string
  readonly status: number
  /** Upstream headers, lower-case. */
  readonly headers: Readonly<Record<string, string>>
  readonly content: Content
  readonly lease: Lease
  readonly startedAt: number
  readonly firstContentAt: number | undefined
  /** How a compaction was made; undefined: the call asked for none. */
  readonly compaction: Compacting | undefined
  /** A later failure of this answer without the credential that was sent for it. */
  readonly conceal: (failure: Failure) => Failure
  /** Names of what the client had sent and this provider did not get; undefined: nothing. */
  readonly dropped: readonly string[] | undefined
  /** What of the answer, as far as it has come, the client's dialect has no place for, as the trail tells it. */
  readonly lost?: () => readonly string[]
}

export type Content =
  /** A whole body. `index` is there when it is a JSON object. */
  | {
      readonly kind: 'document'
      readonly bytes: Uint8Array
      readonly index: JsonIndex | undefined
      readonly usage: Usage | undefined
    }
  /** Events, or with `raw` plain bytes (audio, files), that are passed on as they come. */
  | {
      readonly kind: 'stream'
      readonly live: LiveStream
      readonly progress: Progress
      readonly opened: Opened
      readonly raw: boolean
    }

export type Failed = {
  readonly kind: 'failed'
  readonly failure: Failure
  /** Upstream HTTP status, when there was one. */
  readonly upstreamStatus: number | undefined
  /** What was sent, and to whom, when its provider blames it: it may say what it can do without. */
  readonly blamed?: { readonly draft: Draft; readonly candidate: Candidate }
}

export type Outcome = Answered | Failed

/** What the trail keeps of the draft. Joined, a name is a string of one piece: the log is written sooner. */
export const editNames = (draft: Draft): readonly string[] =>
  draft.edits.map(({ op, path, why }) => [op, ' ', path.join('.'), ' (', why, ')'].join(''))

/** Edits that take something away which was meant for the provider. */
const TAKES_AWAY: ReadonlySet<EditName> = new Set([
  'drop-params',
  'additional-drop-params',
  'foreign-key',
  'learned-parameter',
  'thinking-form',
  'foreign-reasoning',
  'foreign-id',
])

/** What of the client's request is not in the draft, by name; undefined: everything is. */
export const droppedBy = ({ edits, warnings }: Draft): readonly string[] | undefined => {
  let names: string[] | undefined
  for (const { op, path, why } of edits) {
    if (op !== 'drop' || !TAKES_AWAY.has(why)) continue
    names ??= []
    names.push(printPath(path))
  }
  if (warnings.length === 0) return names
  return [...(names ?? []), ...warnings.map(warning => warning.lost)]
}
