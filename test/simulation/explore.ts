import { generate } from './generate.ts'
import type { Invariant, Violation } from './invariant.ts'
import { INVARIANTS, NOT_YET } from './invariants.ts'
import { printed } from './print.ts'
import { type RunOptions, run } from './run.ts'
import type { Scenario } from './scenario.ts'
import { type Shrunk, shrink } from './shrink.ts'

/** The invariants that hold today. */
export const HELD: readonly Invariant[] = INVARIANTS.filter(({ name }) => !NOT_YET.has(name))

const named = (name: string): readonly Invariant[] => INVARIANTS.filter(invariant => invariant.name === name)

/** Makes the smallest scenario in which the same invariant does not hold; `tries` bounds the work. */
export const smallest = (
  scenario: Scenario,
  { invariant }: Violation,
  { tries, ...options }: RunOptions & { readonly tries?: number | undefined } = {},
): Promise<Shrunk> => {
  const invariants = named(invariant)
  const fails = async (smaller: Scenario): Promise<boolean> => {
    try {
      return (await run(smaller, { ...options, invariants })).violations.length > 0
    } catch {
      // It cannot be played: its configuration is not accepted.
      return false
    }
  }
  return shrink(scenario, fails, tries)
}

export type Findings = {
  readonly seed: number
  readonly violation: Violation
  /** A script that can be kept: the smallest scenario that was found. */
  readonly script: string
}

export type Explored = {
  readonly schedules: number
  readonly requests: number
  readonly attempts: number
  readonly findings: readonly Findings[]
}

export type Exploration = {
  readonly first: number
  readonly schedules: number
  /** Default: those that hold today. */
  readonly invariants?: readonly Invariant[]
  /** Stops after so many findings. */
  readonly most?: number
  /** Tries for making one small. */
  readonly tries?: number
  readonly progress?: (done: number) => void
}

/** Plays the schedules of consecutive seeds. */
export const explore = async (exploration: Exploration): Promise<Explored> => {
  const { first, schedules, invariants = HELD, most = 3, tries, progress } = exploration
  const findings: Findings[] = []
  let [requests, attempts, played] = [0, 0, 0]
  for (let seed = first; seed < first + schedules && findings.length < most; seed++) {
    const scenario = generate(seed)
    // Asking again afterwards is half the work, and shows the same every time.
    const probes = seed % 2 === 1
    const { world, violations } = await run(scenario, { invariants, probes })
    played += 1
    requests += world.clients.length
    attempts += world.hits.length
    progress?.(played)
    const [violation] = violations
    if (violation === undefined) continue
    const shrunk = await smallest(scenario, violation, { tries, probes })
    const again = await run(shrunk.scenario, { invariants: named(violation.invariant), probes })
    findings.push({ seed, violation, script: printed(shrunk.scenario, again.violations[0] ?? violation) })
  }
  return { schedules: played, requests, attempts, findings }
}
