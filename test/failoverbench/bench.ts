import type { JsonObject } from '../../src/wire/json.ts'
import type { Owner } from '../support/harness.ts'
import type { Target } from './client.ts'
import { configFor } from './config.ts'
import { type Cell, cellOf, drive } from './drive.ts'
import type { Endpoint } from './endpoint.ts'
import { CHAT_STREAM } from './endpoints.ts'
import type { Absent, Report } from './report.ts'
import { type Profile, type Scenario, scenariosOf } from './scenarios.ts'
import { startWall } from './wall.ts'

export type Plan = {
  readonly profile: Profile
  readonly endpoints: readonly Endpoint[]
  /** Ids of scenarios; all when absent. */
  readonly only?: readonly string[]
  /** Starts what is driven, given its configuration and the address of the wall. */
  readonly start: (config: JsonObject, wallUrl: string) => Promise<Target>
}

/** What can be run, the longest first, and what cannot be, with its reason. */
export const cellsOf = (scenarios: readonly Scenario[], endpoints: readonly Endpoint[]) => {
  const cells: Cell[] = []
  const absent: Absent[] = []
  for (const scenario of scenarios)
    for (const endpoint of endpoints) {
      const reason = scenario.cannot(endpoint)
      if (reason === undefined) cells.push(cellOf(scenario, endpoint, endpoint === CHAT_STREAM))
      else absent.push({ scenario, endpoint, reason })
    }
  return { cells: cells.sort((one, other) => durationOf(other) - durationOf(one)), absent }
}

const durationOf = ({ scenario }: Cell): number =>
  scenario.sequence === undefined
    ? scenario.patienceSeconds
    : (scenario.sequence.count * scenario.sequence.everyMs) / 1000 + scenario.patienceSeconds

/** Drives the plan's scenarios on its endpoints. Throws when a healthy call is not answered. */
export const bench = async (owner: Owner, { profile, endpoints, only, start }: Plan): Promise<Report> => {
  const wall = await startWall(profile.paceMs)
  owner.after(() => wall.close())
  const scenarios = scenariosOf(profile).filter(({ id }) => only === undefined || only.includes(id))
  const { cells, absent } = cellsOf(scenarios, endpoints)
  const results = await drive({
    wall,
    cells,
    start: () => start(configFor(cells, wall.baseUrl, profile), wall.baseUrl),
  })
  const order = (id: string): number => scenarios.findIndex(scenario => scenario.id === id)
  return {
    scenarios,
    endpoints,
    absent,
    results: [...results].sort((one, other) => order(one.cell.scenario.id) - order(other.cell.scenario.id)),
  }
}
