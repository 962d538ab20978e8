import type { Transcript } from '../capsule.ts'
import type { House } from '../house.ts'
import { transcriptKey } from '../plan/transcripts.ts'

/** A conversation as it was kept, the first response first. */
export type Chain = readonly Transcript[]

/** Responses of one conversation, each going on from the one before it. */
const MOST_RESPONSES = 1_000
/** How long one conversation is looked for in all. */
const LONGEST_MS = 5_000

/**
 * Everything that led to a response, out of what is kept for this tenant. undefined: not all of it is there. Part of a
 * conversation is none: who goes on from it would not know what it does not know.
 */
export const keptChain = async (
  id: string,
  tenant: string,
  {
    mostBytes,
    house,
  }: { readonly mostBytes: number; readonly house: Pick<House, 'keep' | 'seal' | 'clock'> },
): Promise<Chain | undefined> => {
  const until = house.clock.now() + LONGEST_MS
  const found: Transcript[] = []
  let bytes = 0
  for (let next = id; next !== ''; ) {
    if (found.length >= MOST_RESPONSES || house.clock.now() > until) return undefined
    const kept = await house.keep.get(transcriptKey(next, tenant))
    const opened = kept === undefined ? undefined : house.seal.transcripts.open(kept, tenant)
    if (opened?.kind !== 'opened' || opened.content.id !== next) return undefined
    const { content } = opened
    bytes += content.input.length + content.output.length
    if (bytes > mostBytes) return undefined
    found.push(content)
    next = content.previous
  }
  return found.reverse()
}
