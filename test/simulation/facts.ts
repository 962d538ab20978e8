import type { Config, Deployment } from '../../src/config/config.ts'
import type { FailureClass } from '../../src/failure.ts'
import type { RequestRecord } from '../../src/record/trail.ts'
import type { MemoryBoard } from '../../src/shared/board.ts'
import type { JsonObject } from '../../src/wire/json.ts'
import type { SimClient } from './client.ts'
import type { Act, Scenario } from './scenario.ts'
import type { SimClock } from './time.ts'

/** What one request upstream was, and how far its answer came. Times are clock times, `…Step` the order of events. */
export type Hit = {
  readonly index: number
  readonly at: number
  readonly step: number
  /** Whose request this is, by its body. */
  readonly client: number | undefined
  /** `host/model`. */
  readonly upstream: string
  readonly host: string
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
  readonly act: Act
  readonly headersMs: number | undefined
  /** The text that the request put into the answer's mouth; '' for nearly all. */
  readonly prefill: string
  status: number | undefined
  /** The first content left the upstream. */
  contentStep: number | undefined
  /** The answer was whole, though perhaps not ended: a finish reason, or everything of a document. */
  wholeStep: number | undefined
  /** The dialect's own end was sent. */
  endStep: number | undefined
  /** What the provider asked to be left alone for, in milliseconds from `overAt`. */
  askedMs: number | undefined
  over: 'ended' | 'reset' | 'fault' | 'aborted' | undefined
  overAt: number
  overStep: number
  /** Everything the provider said of its answer's text. */
  said: string
  readonly usage: { readonly input: number; readonly output: number } | undefined
}

export type Settling = {
  readonly at: number
  readonly step: number
  readonly lease: number
  readonly openedAt: number
  /** `host/model` that the deployment leads to. */
  readonly upstream: string
  readonly deployment: string
  readonly domain: string
  readonly kind: 'success' | 'failure' | 'neutral'
  readonly class: FailureClass | undefined
  /** Whose rest it changed: until when before, until when now. */
  readonly cooled: readonly (readonly [id: string, before: number | undefined, after: number | undefined])[]
}

export type Reloaded = {
  readonly at: number
  readonly step: number
  readonly accepted: boolean
  readonly before: readonly Reading[]
  readonly after: readonly Reading[]
  readonly sameConfig: boolean
}

/** What the board says of one deployment. */
export type Reading = {
  readonly id: string
  readonly domain: string
  readonly inFlight: number
  readonly cooling: number | undefined
  /** Nothing may be sent to its domain before. */
  readonly notBefore: number | undefined
  /** The class of failure that it rests for. */
  readonly because: string | undefined
}

/** Everything that happened, as far as anybody outside the gateway can know, and the gateway's own public gauges. */
export type World = {
  readonly scenario: Scenario
  readonly clock: SimClock
  readonly board: MemoryBoard
  /** The configuration in force by the simulator's own account. */
  readonly config: () => Config
  readonly clients: SimClient[]
  readonly hits: Hit[]
  readonly records: RequestRecord[]
  readonly lines: string[]
  /** What the board said when a request that nobody was asked for was recorded, by call id. */
  readonly readings: Map<string, readonly Reading[]>
  readonly settlings: Settling[]
  readonly reloads: Reloaded[]
  /** Leases that were opened. */
  leases: number
  /** What the gateway said went wrong inside it. */
  readonly faults: string[]
  readonly trace: string[]
  /** The order of events. */
  step: number
  /** Calls inside by the door's count, bytes of bodies held. */
  readonly inside: () => number
  readonly held: () => number
  /** Due times of timers that were still armed a while after everybody had gone. */
  readonly leftTimers: number[]
  /** When everybody had gone; undefined: somebody never did. */
  quietAt: number | undefined
}

/** The raw litellm_params of a deployment in a configuration as data. */
export const entriesOf = (
  config: JsonObject,
): readonly { group: string; params: JsonObject; info: JsonObject }[] =>
  ((config.model_list ?? []) as readonly JsonObject[]).map(entry => ({
    group: String(entry.model_name),
    params: (entry.litellm_params ?? {}) as JsonObject,
    info: (entry.model_info ?? {}) as JsonObject,
  }))

/** The simulated provider behind a deployment. */
export const hostOf = ({ connection }: Deployment): string =>
  /\/\/(\w+)\.sim/.exec(connection.baseUrl)?.[1] ?? ''

export const tell = (world: World, what: string): number => {
  world.step += 1
  world.trace.push(`${world.clock.now()} ${what}`)
  return world.step
}
