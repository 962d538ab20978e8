import { CAPSULE_PREFIX, type Capsule, type Capsules, type Opened } from '../capsule.ts'
import { summaryMessage } from '../dialects/compaction-answer.ts'
import { lateResults } from '../dialects/compaction-calls.ts'
import { Refusal } from '../failure.ts'
import type { CompactionWire, Route } from '../routes.ts'
import { type CompactionItem, compactionItems } from '../wire/compaction-items.ts'
import type { Edit } from '../wire/edit.ts'
import type { JsonIndex } from '../wire/index.ts'
import type { ClientBody } from './body.ts'

/** Enough to tell one from another, and too little to be used. */
const shown = (text: string): string =>
  text.length <= 24 ? text : `${text.slice(0, 16)}...${text.slice(-4)}`

const REASONS: Readonly<Record<Exclude<Opened<Capsule>['kind'], 'opened'>, string>> = {
  unknown: 'The key it was sealed with is not configured here.',
  broken: 'Encrypted content could not be decrypted or parsed.',
}

/** In the words that clients know from the provider of the dialect. */
export const unreadable = (encrypted: string, param: string, reason: string): Refusal =>
  new Refusal(400, `The encrypted content ${shown(encrypted)} could not be verified. Reason: ${reason}`, {
    type: 'invalid_request_error',
    param,
    code: 'invalid_encrypted_content',
  })

const opened = (item: CompactionItem, param: string, capsules: Capsules, tenant: string): Capsule => {
  const found = capsules.open(item.encrypted, tenant)
  if (found.kind === 'opened') return found.content
  throw unreadable(item.encrypted, param, REASONS[found.kind])
}

/** Behind a capsule: results of calls that only the summary tells of. The first capsule is the one that came first. */
const lateEdits = (body: JsonIndex, key: string, capsules: readonly CompactionItem[]): readonly Edit[] => {
  const [first] = capsules
  if (first === undefined) return []
  return lateResults(body, key, first.at).map(({ at, message }) => ({
    op: 'set',
    path: [key, String(at)],
    value: message,
    why: 'expand-capsule',
  }))
}

/**
 * Every capsule of the list becomes the message it holds, before anything is sent to anybody. A capsule that does not
 * open for this tenant refuses the call: leaving it out would lose the conversation, and passing it on would too.
 */
const capsuleEdits = (
  items: readonly CompactionItem[],
  key: string,
  capsules: Capsules,
  tenant: string,
): readonly Edit[] =>
  items.map(item => {
    const { summary } = opened(item, `${key}[${item.at}].encrypted_content`, capsules, tenant)
    return {
      op: 'set',
      path: [key, String(item.at)],
      value: summaryMessage(summary),
      why: 'expand-capsule',
    }
  })

/** A call that ends with a trigger is answered in another way, and what is learned of it holds for its like alone. */
export const asTrigger = (route: Route): Route => ({ ...route, name: 'responses.trigger', shape: 'trigger' })

/** What a call has to do with compaction. */
export type Compaction = {
  readonly edits: readonly Edit[]
  /** How it asks for one. */
  readonly wire: CompactionWire | undefined
  /** Compactions that only a provider can read. */
  readonly natives: readonly NativeItem[]
}

/** Where it stands, and what it is known by. */
export type NativeItem = { readonly path: readonly [key: string, at: string]; readonly encrypted: string }

const NONE: Compaction = { edits: [], wire: undefined, natives: [] }

const nativesIn = (items: readonly CompactionItem[], key: string): readonly NativeItem[] =>
  items
    .filter(({ encrypted }) => encrypted !== '' && !encrypted.startsWith(CAPSULE_PREFIX))
    .map(({ at, encrypted }) => ({ path: [key, String(at)], encrypted }))

/** Opens the capsules of a body and sees whether it asks for a compaction. Throws Refusal, naming the item. */
export const readCompaction = (
  body: ClientBody,
  route: Route,
  capsules: Capsules,
  tenant: string,
): Compaction => {
  const { items: key, compacts } = route
  if (key === undefined || body.kind !== 'json') return NONE
  const { items, trigger } = compactionItems(body.index, key)
  const asked = compacts === 'endpoint' || (compacts === 'trigger' && trigger !== undefined)
  if (!asked && items.length === 0) return NONE
  const sealed = items.filter(({ encrypted }) => encrypted.startsWith(CAPSULE_PREFIX))
  return {
    edits: [...capsuleEdits(sealed, key, capsules, tenant), ...lateEdits(body.index, key, sealed)],
    wire: asked ? compacts : undefined,
    natives: nativesIn(items, key),
  }
}
