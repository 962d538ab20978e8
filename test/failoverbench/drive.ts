import { setTimeout as sleep } from 'node:timers/promises'
import { callOnce, type Target } from './client.ts'
import type { Endpoint } from './endpoint.ts'
import type { Call, Observation } from './observation.ts'
import type { Scenario } from './scenarios.ts'
import { type Judged, judge } from './verdict.ts'
import type { Player, Wall } from './wall.ts'

/** A healthy call is answered within this, or the gateway counts as dead. */
const PROBE_SECONDS = 10
/** Cells begin one after the other, so that none of them measures the crowd. */
const STAGGER_MS = 25

/** One scenario on one endpoint, with a primary and a fallback of its own: nothing that one cell does reaches another. */
export type Cell = {
  readonly scenario: Scenario
  readonly endpoint: Endpoint
  readonly primary: string
  readonly fallback: string
}

/** The endpoint of the public bench has the public names. */
export const cellOf = (scenario: Scenario, endpoint: Endpoint, plain: boolean): Cell => {
  const ending = plain ? '' : `-${endpoint.id}`
  const fallback = scenario.prefill ? 'fb-ok' : 'fb-ok-noprefill'
  return {
    scenario,
    endpoint,
    primary: `${scenario.model}${ending}`,
    fallback: `${fallback}-${scenario.id.toLowerCase()}${ending}`,
  }
}

export type Result = Judged & { readonly cell: Cell; readonly seen: Observation; readonly seconds: number }

type Stage = { readonly cell: Cell; readonly primary: Player; readonly fallback: Player }

const setUp = (wall: Wall, cell: Cell): Stage => {
  const { endpoint, scenario } = cell
  return {
    cell,
    primary: wall.add({ model: cell.primary, endpoint, fault: scenario.fault, prefill: false }),
    fallback: wall.add({
      model: cell.fallback,
      endpoint,
      fault: { kind: 'none' },
      prefill: scenario.prefill,
    }),
  }
}

const callsOf = async ({ scenario, endpoint, primary }: Cell, target: Target): Promise<readonly Call[]> => {
  const began = performance.now()
  const { count, everyMs } = scenario.sequence ?? { count: 1, everyMs: 0 }
  const calls: Call[] = []
  for (let number = 0; number < count; number++) {
    await sleep(Math.max(0, began + number * everyMs - performance.now()))
    const sentAt = performance.now() - began
    calls.push({ sentAt, ...(await callOnce(target, endpoint, primary, scenario.patienceSeconds)) })
  }
  return calls
}

const downMsOf = ({ fault }: Scenario): number =>
  fault.kind === 'status' && typeof fault.lasts === 'object' && 'ms' in fault.lasts ? fault.lasts.ms : 0

const run = async ({ cell, primary, fallback }: Stage, target: Target): Promise<Result> => {
  const { scenario, endpoint } = cell
  const began = performance.now()
  primary.begin()
  fallback.begin()
  const calls = await callsOf(cell, target)
  const seconds =
    scenario.sequence === undefined ? (calls[0]?.seconds ?? 0) : (performance.now() - began) / 1000
  // What the probe asks must not count as an attempt of the scenario.
  const log = { primary: [...primary.arrivals], fallback: [...fallback.arrivals] }
  const probe = await callOnce(target, endpoint, cell.fallback, PROBE_SECONDS)
  const seen: Observation = {
    calls,
    ...log,
    fallbackModel: cell.fallback,
    alive: probe.complete,
    tellsUsage: endpoint.tellsUsage,
    incremental: endpoint.incremental,
    downMs: downMsOf(scenario),
  }
  return { cell, seen, seconds, ...judge(scenario.ideal, scenario.checks, seen) }
}

/** A healthy call on each endpoint. Throws when one is not answered: then the bench is broken, or the gateway all over. */
const control = async (cells: readonly Cell[], target: Target): Promise<void> => {
  const known = new Set<Endpoint>()
  for (const { endpoint, fallback } of cells) {
    if (known.has(endpoint)) continue
    known.add(endpoint)
    const { complete, told } = await callOnce(target, endpoint, fallback, PROBE_SECONDS)
    if (!complete) throw new Error(`a healthy call on ${endpoint.title} is not answered: ${told}`)
  }
}

/** What drives a set of cells through one gateway. `start` is called when every model is on the wall. */
export type Order = {
  readonly wall: Wall
  readonly cells: readonly Cell[]
  readonly start: () => Promise<Target>
}

/** All cells at the same time, in the order given. */
export const drive = async ({ wall, cells, start }: Order): Promise<readonly Result[]> => {
  const stages = cells.map(cell => setUp(wall, cell))
  const target = await start()
  await control(cells, target)
  return Promise.all(
    stages.map(async (stage, place) => {
      await sleep(place * STAGGER_MS)
      return run(stage, target)
    }),
  )
}
