import type { World } from './facts.ts'

/** Something that must hold whatever happens. `step` is asked after every event, `end` when all is over. */
export type Invariant = {
  readonly name: string
  /** What holds, as a sentence. */
  readonly sentence: string
  /** What does not hold; empty: all is well. The same text is told once. */
  readonly step?: (world: World) => readonly string[]
  readonly end?: (world: World) => readonly string[]
}

export type Violation = { readonly invariant: string; readonly text: string; readonly at: number }
