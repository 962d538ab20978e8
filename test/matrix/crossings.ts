import { routeNamed } from '../support/requests.ts'
import { FAULTS } from './faults/index.ts'
import { kindNamed } from './kinds.ts'
import { type Row, rowOf } from './rows.ts'
import { type Breadth, type Cell, Sheet } from './sheet.ts'
import type { Source } from './sources.ts'
import { SOURCES } from './ways.ts'

/**
 * The dimension that has two dialects in it: whoever asks in one of them, of a provider that speaks a second, and is
 * answered by one that speaks a third.
 */

/** The kinds of provider on both ends of a crossing. */
export const ENDS: readonly string[] = [
  'chat',
  'responses',
  'azure',
  'xai',
  'anthropic',
  'gemini',
  'vertex-claude',
  'vertex-gemini',
  'cohere',
  'bedrock',
]

const crossing = (source: Source, first: string, backup: string): Row => ({
  ...rowOf(routeNamed(source.route), source.stream),
  label: `${source.name}: ${first} → ${backup}`,
  pair: { source, first: kindNamed(first).name, backup: kindNamed(backup).name },
  ...(source.more === undefined ? {} : { more: source.more }),
})

/** Every source from every kind of provider to every kind. */
export const crossingRows = (): readonly Row[] =>
  SOURCES.flatMap(source => ENDS.flatMap(first => ENDS.map(backup => crossing(source, first, backup))))

/** What only a wire can show is below every dialect. */
export const CROSSING_FAULTS = FAULTS.filter(({ wire }) => wire !== 'only')

/**
 * A part of the crossings in which any three of source, first, backup and fault meet each other at least once: what goes
 * wrong between three of them goes wrong here. Whether whoever stands in is struck as well alternates.
 */
export const isCovering = ({ row: { pair }, fault, target }: Cell): boolean => {
  if (pair === undefined) return true
  const source = SOURCES.indexOf(pair.source)
  const [first, backup] = [ENDS.indexOf(pair.first), ENDS.indexOf(pair.backup)]
  const struck = CROSSING_FAULTS.indexOf(fault)
  if ((source + first + backup + struck) % ENDS.length !== 0) return false
  const alternate = (first + (source >> 1) + Math.floor(struck / ENDS.length)) % 2
  return (target === 'none' ? 1 : 0) === alternate
}

/** Whoever stands in is well, or is struck in the same way. Clients stay: those that leave know no dialect. */
const BREADTH: Breadth = {
  targets: ['dialect', 'none'],
  clients: ['stays'],
  has: cell => cell.row.pair?.source.thin !== true || isCovering(cell),
}

export const crossingSheet = (rows = crossingRows(), faults = CROSSING_FAULTS): Sheet =>
  new Sheet(rows, faults, BREADTH)
