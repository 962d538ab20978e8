import { CROSSING_FAULTS, crossingRows, ENDS, isCovering } from './crossings.ts'
import type { Row } from './rows.ts'
import type { Cell } from './sheet.ts'
import { SOURCES } from './ways.ts'

/** Which crossings `npm test` plays. */

/** Source, first, backup and fault of a cell, as numbers. */
type Sides = readonly number[]

const sidesOf = (row: Row, struck: number): Sides => {
  const { pair } = row
  if (pair === undefined) return []
  return [SOURCES.indexOf(pair.source), ENDS.indexOf(pair.first), ENDS.indexOf(pair.backup), struck]
}

/** Every two of the sides, each two under a number of its own. */
const twosOf = (sides: Sides): readonly number[] =>
  sides.flatMap((one, at) =>
    sides.slice(at + 1).map((other, later) => ((at * 4 + at + 1 + later) * 100 + one) * 100 + other),
  )

const MOST_TWOS = 6

/** Thinned crossings in which any two of their sides meet: those first that bring the most which have not met yet. */
const probes = (): ReadonlySet<number> => {
  const cells = crossingRows()
    .filter(({ pair }) => pair?.source.thin === true)
    .flatMap(row =>
      CROSSING_FAULTS.flatMap((fault, struck) => (isDue(row, fault) ? [sidesOf(row, struck)] : [])),
    )
  const [met, chosen] = [new Set<number>(), new Set<number>()]
  for (let wanted = MOST_TWOS; wanted > 0; wanted -= 1)
    for (const sides of cells) {
      const twos = twosOf(sides)
      if (twos.filter(two => !met.has(two)).length < wanted) continue
      for (const two of twos) met.add(two)
      chosen.add(keyOf(sides))
    }
  return chosen
}

const keyOf = (sides: Sides): number => sides.reduce((key, side) => key * 100 + side, 0)

const isDue = (row: Row, fault: Cell['fault']): boolean =>
  (['dialect', 'none'] as const).some(target => isCovering({ row, fault, target, client: 'stays' }))

let chosen: ReadonlySet<number> | undefined

/** Any three of what a crossing is made of meet; of a thinned one, which has no more than that, any two. */
export const isProbe = (cell: Cell): boolean => {
  const { row, fault } = cell
  if (row.pair?.source.thin !== true) return isCovering(cell)
  chosen ??= probes()
  return isCovering(cell) && chosen.has(keyOf(sidesOf(row, CROSSING_FAULTS.indexOf(fault))))
}
