import type { Transcript } from '../capsule.ts'
import type { House } from '../house.ts'
import { transcriptKey } from '../plan/transcripts.ts'
import { indexObject } from '../wire/index.ts'
import { itemsIn } from '../wire/items.ts'

/** A conversation as it was kept, the first response first. */
export type Chain = readonly Transcript[]

/** Responses of one conversation, each going on from the one before it. */
const MOST_RESPONSES = 1_000
/** How long one conversation is looked for in all. */
const LONGEST_MS = 5_000

/** A response as its owner tells it. */
export type Told = {
  readonly transcript: Transcript
  /** Ids of the items that it lists as the response's input. */
  readonly listed: ReadonlySet<string>
}

export type Sources = {
  readonly mostBytes: number
  readonly house: Pick<House, 'seal' | 'clock'> & { readonly keep: Pick<House['keep'], 'get'> }
  /** Asked for what is not kept. Never rejects. */
  readonly otherwise?: (id: string) => Promise<Told | undefined>
}

const keptOf = async (
  id: string,
  tenant: string,
  { keep, seal }: Sources['house'],
): Promise<Transcript | undefined> => {
  const kept = await keep.get(transcriptKey(id, tenant))
  const opened = kept === undefined ? undefined : seal.transcripts.open(kept, tenant)
  return opened?.kind === 'opened' && opened.content.id === id ? opened.content : undefined
}

/** Some providers list everything that led to a response as its input: then the one before it is in there. */
const isListed = ({ output }: Transcript, listed: ReadonlySet<string>): boolean => {
  if (listed.size === 0) return false
  const items = itemsIn(indexObject(Buffer.from(`{"output":${output}}`)), 'output')
  return items.length > 0 && items.every(({ id }) => listed.has(id))
}

/**
 * Everything that led to a response, out of what is kept for this tenant. undefined: not all of it is there. Part of a
 * conversation is none: who goes on from it would not know what it does not know.
 */
export const keptChain = async (id: string, tenant: string, sources: Sources): Promise<Chain | undefined> => {
  const { mostBytes, house, otherwise } = sources
  const until = house.clock.now() + LONGEST_MS
  const found: Transcript[] = []
  let bytes = 0
  let listed: ReadonlySet<string> = new Set()
  for (let next = id; next !== ''; ) {
    if (found.length >= MOST_RESPONSES || house.clock.now() > until) return undefined
    const kept = await keptOf(next, tenant, house)
    const told = kept === undefined ? await otherwise?.(next) : undefined
    const content = kept ?? told?.transcript
    if (content === undefined) return undefined
    if (isListed(content, listed)) break
    listed = told?.listed ?? new Set()
    bytes += content.input.length + content.output.length
    if (bytes > mostBytes) return undefined
    found.push(content)
    next = content.previous
  }
  return found.reverse()
}
