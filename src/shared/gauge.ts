/** Counts by name. Never negative; a name at zero is forgotten, so names chosen by clients do not pile up. */
export const createGauge = () => {
  const counts = new Map<string, number>()
  return {
    value: (name: string): number => counts.get(name) ?? 0,
    total: (): number => {
      let sum = 0
      for (const count of counts.values()) sum += count
      return sum
    },
    up: (name: string): void => {
      counts.set(name, (counts.get(name) ?? 0) + 1)
    },
    down: (name: string): void => {
      const left = (counts.get(name) ?? 0) - 1
      if (left > 0) counts.set(name, left)
      else counts.delete(name)
    },
  }
}
