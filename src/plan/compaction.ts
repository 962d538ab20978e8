import type { Call } from '../call.ts'
import type { Deployment, FallbackTarget } from '../config/config.ts'
import { type FailureClass, VERDICTS } from '../failure.ts'
import type { Compacting, CompactionWay } from '../providers/provider.ts'
import type { CompactionWire } from '../routes.ts'
import { fallbacksFor } from './resolve.ts'
import type { Candidate } from './wish.ts'

/** How conversations are compacted, deployment by deployment. */

const NONE: readonly CompactionWay[] = []

/** The ways that a deployment has of its own. */
export const waysOf = ({ info, connection }: Deployment): readonly CompactionWay[] =>
  info.compaction?.filter(way => way !== 'own' || connection.compactsItself === true) ??
  connection.compaction ??
  NONE

/** The client's own wire, else the other one, else the provider's own way, else an ordinary call for a summary. */
const preferred = (ways: readonly CompactionWay[], wire: CompactionWire): CompactionWay => {
  if (ways.includes(wire)) return wire
  return ways[0] ?? 'summary'
}

/** A compaction that is asked for: by which wire, and whether it has to be a summary, whatever else there is. */
export type Wanted = { readonly wire: CompactionWire; readonly summarises: boolean }

export const wantedOf = (
  { compaction: wire }: Pick<Call, 'compaction'>,
  { summarises }: { readonly summarises?: true },
): Wanted | undefined => (wire === undefined ? undefined : { wire, summarises: summarises === true })

export const wayOf = (deployment: Deployment, { wire, summarises }: Wanted): CompactionWay =>
  summarises ? 'summary' : preferred(waysOf(deployment), wire)

/** A summary is made for any window: what does not fit into it is cut. */
export const fitsAnyway = (deployment: Deployment, wanted: Wanted | undefined): boolean =>
  wanted !== undefined && wayOf(deployment, wanted) === 'summary'

/** Lower is better: nothing is changed, another wire, the provider's own words, ours. */
const rankOf = (way: CompactionWay, wire: CompactionWire): number =>
  way === wire ? 0 : way === 'own' ? 2 : way === 'summary' ? 3 : 1

/** Those that do it best; all of them when it does not matter. */
export const bestOf = (candidates: readonly Candidate[], wanted: Wanted): readonly Candidate[] => {
  const ranks = candidates.map(({ deployment }) => rankOf(wayOf(deployment, wanted), wanted.wire))
  const best = Math.min(...ranks)
  return candidates.filter((_, place) => ranks[place] === best)
}

/** How it was made, in one word: by the client's own wire, the other one, the provider's own way, or a summary. */
export const toldWay = ({ way, wire }: Compacting, provider: string): string => {
  if (way === 'own') return provider
  if (way === 'summary') return 'emulated'
  return way === wire ? 'native' : 'native-other-wire'
}

/** What a deployment is to make of a call for a compaction. */
export const compactingBy = (deployment: Deployment, wanted: Wanted): Compacting => {
  const { maxInputTokens, supportsVision, supportsReasoning } = deployment.info
  return {
    wire: wanted.wire,
    way: wayOf(deployment, wanted),
    window: maxInputTokens,
    sees: supportsVision,
    thinks: supportsReasoning,
  }
}

/**
 * Who is asked for a summary when the whole way was gone: the compaction_model of the group that the client named.
 * It follows what a general fallback would follow, and a history that did not fit.
 */
export const lastResort = (
  { compaction, config }: Call,
  first: { readonly named: string; readonly group: string },
  failure: FailureClass,
): readonly FallbackTarget[] => {
  const { compactionModels, fallbackOnContentPolicy } = config.router
  if (compaction === undefined || compactionModels === undefined) return []
  const { fallback } = VERDICTS[failure]
  if (fallback === 'none' || (fallback === 'content_policy' && !fallbackOnContentPolicy)) return []
  return fallbacksFor(compactionModels, first.named, first.group, config) ?? []
}
