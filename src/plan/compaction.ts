import type { Call } from '../call.ts'
import type { Deployment, FallbackTarget } from '../config/config.ts'
import { type Failure, type FailureClass, VERDICTS } from '../failure.ts'
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

/** `lacking`: ways that it should have and, by its own words, has not. */
export const wayOf = (
  deployment: Deployment,
  { wire, summarises }: Wanted,
  lacking: readonly CompactionWay[] = NONE,
): CompactionWay => {
  if (summarises) return 'summary'
  const ways = waysOf(deployment)
  return preferred(lacking.length === 0 ? ways : ways.filter(way => !lacking.includes(way)), wire)
}

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

/** A deployment has said that it does not have this way; `sure`: in words that hold for the next call as well. */
export type Wayless = { readonly way: CompactionWay; readonly sure: boolean }

/** The place of an item, or of its type: the trigger is the only item that nobody is bound to know. */
const ITEM = /^input\[\d+\](?:\.type)?$/
const OWN_PARAM = /^compaction(?:\.|$)/
const WORD = /\bcompact(?:ion)?(?:_trigger)?\b/i

/** Read out of the failure of a call that went that way; undefined: it failed for another reason. */
export const waylessBy = (
  { way }: Compacting,
  { class: failureClass, message, param, code }: Pick<Failure, 'class' | 'message' | 'param' | 'code'>,
): Wayless | undefined => {
  if (way === 'summary') return undefined
  // No such address there, or an answer that is something else.
  if (failureClass === 'unsupported') return { way, sure: true }
  // An item of the history that it cannot read is no way that it has not.
  if (failureClass !== 'caller_fault' || code === 'invalid_encrypted_content') return undefined
  const named = (way === 'own' ? OWN_PARAM : ITEM).test(param ?? '') && WORD.test(message)
  return named || WORD.test(message) ? { way, sure: named } : undefined
}

/** What a deployment is to make of a call for a compaction. */
export const compactingBy = (
  deployment: Deployment,
  wanted: Wanted,
  lacking: readonly CompactionWay[] = NONE,
): Compacting => {
  const { maxInputTokens, supportsVision, supportsReasoning } = deployment.info
  return {
    wire: wanted.wire,
    way: wayOf(deployment, wanted, lacking),
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
