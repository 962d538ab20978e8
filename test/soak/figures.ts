/** A value at a moment, in any unit of time. */
export type Point = { readonly at: number; readonly value: number }

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/**
 * The slope of the line through the points, by Theil and Sen: the median over all pairs. Up to 29 % of the points may
 * be anything, so one collection of garbage or one burst does not turn it. NaN with fewer than two moments.
 */
export const slopeOf = (points: readonly Point[]): number => {
  const slopes: number[] = []
  for (const [place, one] of points.entries())
    for (const other of points.slice(place + 1))
      if (other.at !== one.at) slopes.push((other.value - one.value) / (other.at - one.at))
  return median(slopes)
}

/** The lowest point of each window of so many units of time. */
export const lowsOf = (points: readonly Point[], window: number): readonly Point[] =>
  [...Map.groupBy(points, ({ at }) => Math.floor(at / window)).values()].map(near =>
    near.reduce((low, point) => (point.value < low.value ? point : low)),
  )
