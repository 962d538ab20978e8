import type { Call } from '../call.ts'
import type { Deployment, FallbackTarget } from '../config/config.ts'
import { type Failure, type FailureClass, VERDICTS } from '../failure.ts'
import type { Compacting, CompactionWay } from '../providers/provider.ts'
import type { CompactionWire } from '../routes.ts'
import { type Lessons, WAYS } from '../shared/lessons.ts'
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
export type Wanted = {
  readonly wire: CompactionWire
  readonly summarises: boolean
  /** Ways that a deployment should have and, as it has said of late, has not. Default: none. */
  readonly lacks?: (candidate: Candidate) => readonly CompactionWay[]
}

export const wantedOf = (
  { compaction: wire, config }: Pick<Call, 'compaction' | 'config'>,
  { summarises }: { readonly summarises?: true },
  lessons?: Pick<Lessons, 'of'>,
): Wanted | undefined => {
  if (wire === undefined) return undefined
  const wanted = { wire, summarises: summarises === true }
  return lessons === undefined || config.router.learning === undefined
    ? wanted
    : { ...wanted, lacks: candidate => lackedBy(candidate, lessons) }
}

const lackedBy = ({ deployment, model }: Candidate, lessons: Pick<Lessons, 'of'>): readonly CompactionWay[] =>
  lessons.of(deployment, WAYS, model)?.flatMap(one => (one.kind === 'way' ? [one.way] : [])) ?? NONE

export const wayOf = (candidate: Candidate, { wire, summarises, lacks }: Wanted): CompactionWay => {
  if (summarises) return 'summary'
  const ways = waysOf(candidate.deployment)
  const lacked = ways.length === 0 ? NONE : (lacks?.(candidate) ?? NONE)
  return preferred(lacked.length === 0 ? ways : ways.filter(way => !lacked.includes(way)), wire)
}

/**
 * The way that a deployment has said not to have: there is no such address, or what came back is something else. What
 * was never answered says nothing of whom it was sent to. A summary is an ordinary call.
 */
export const lackingWay = (
  compacting: Compacting | undefined,
  failure: Pick<Failure, 'class'>,
  upstreamStatus: number | undefined,
): CompactionWay | undefined =>
  compacting === undefined || compacting.way === 'summary' || upstreamStatus === undefined
    ? undefined
    : failure.class === 'unsupported'
      ? compacting.way
      : undefined

/** A summary is made for any window: what does not fit into it is cut. */
export const fitsAnyway = (candidate: Candidate, wanted: Wanted | undefined): boolean =>
  wanted !== undefined && wayOf(candidate, wanted) === 'summary'

/** Lower is better: nothing is changed, another wire, the provider's own words, ours. */
const rankOf = (way: CompactionWay, wire: CompactionWire): number =>
  way === wire ? 0 : way === 'own' ? 2 : way === 'summary' ? 3 : 1

/** Those that do it best; all of them when it does not matter. */
export const bestOf = (candidates: readonly Candidate[], wanted: Wanted): readonly Candidate[] => {
  const ranks = candidates.map(candidate => rankOf(wayOf(candidate, wanted), wanted.wire))
  const best = Math.min(...ranks)
  return candidates.filter((_, place) => ranks[place] === best)
}

/** How it was made, in one word: by the client's own wire, the other one, the provider's own way, or a summary. */
export const toldWay = ({ way, wire }: Pick<Compacting, 'way' | 'wire'>, provider: string): string => {
  if (way === 'own') return provider
  if (way === 'summary') return 'emulated'
  return way === wire ? 'native' : 'native-other-wire'
}

/** The word for how a deployment would be asked now. */
export const toldBy = (candidate: Candidate, wanted: Wanted): string =>
  toldWay({ wire: wanted.wire, way: wayOf(candidate, wanted) }, candidate.deployment.provider.name)

/** What a deployment is to make of a call for a compaction. */
export const compactingBy = (candidate: Candidate, wanted: Wanted): Compacting => {
  const { maxInputTokens, supportsVision, supportsReasoning } = candidate.deployment.info
  return {
    wire: wanted.wire,
    way: wayOf(candidate, wanted),
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
