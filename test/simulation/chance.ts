import { seededDice } from '../../src/shared/clock.ts'

/** Rolls of one seed, in words. The same seed rolls the same. */
export type Chance = {
  /** A whole number, both ends included. */
  readonly int: (least: number, most: number) => number
  readonly pick: <T>(list: readonly T[]) => T
  /** True so many times in a hundred. */
  readonly percent: (share: number) => boolean
  /** One of the names, each with its weight. */
  readonly weigh: <Name extends string>(weights: Readonly<Record<Name, number>>) => Name
  /** Between `least` and `most` of them, in the order of the list. */
  readonly some: <T>(list: readonly T[], least: number, most: number) => readonly T[]
}

export const chanceOf = (seed: number): Chance => {
  const { random } = seededDice(seed)
  const int = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1))
  const pick = <T>(list: readonly T[]): T => list[int(0, list.length - 1)] as T
  return {
    int,
    pick,
    percent: share => random() * 100 < share,
    weigh: weights => {
      const names = Object.keys(weights) as (keyof typeof weights)[]
      let roll = random() * names.reduce((sum, name) => sum + weights[name], 0)
      for (const name of names) {
        roll -= weights[name]
        if (roll < 0) return name
      }
      return names.at(-1) as (typeof names)[number]
    },
    some: (list, least, most) => {
      const left = [...list]
      while (left.length > most) left.splice(int(0, left.length - 1), 1)
      while (left.length > least && random() < 0.5) left.splice(int(0, left.length - 1), 1)
      return left
    },
  }
}

/** Members that are there: the rest is left out, so that a scenario shows what it is about. */
export const given = <T extends object>(members: T): { [Key in keyof T]: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>
  }
