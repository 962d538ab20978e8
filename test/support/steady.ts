import { type Served, serve } from '../../src/listen/serve.ts'
import { systemClock } from '../../src/shared/clock.ts'
import type { Stage } from '../../src/stage/stage.ts'
import type { Json, JsonObject } from '../../src/wire/json.ts'
import type { Start } from './harness.ts'

const EPOCH = Date.UTC(2026, 0, 1)

export type Steady = {
  readonly start: Start
  /** Moves the gateway's clock forward: cooldowns and minutes end, timers that run keep their time. */
  readonly pass: (ms: number) => void
  /** The gateway behind the door, for readings that have no public form yet. Throws before the start. */
  readonly served: () => Served
}

/**
 * A gateway whose chance and time are written down: back-off jitter rolls `roll` (default 0: no sleep but the one a
 * provider asked for), and the clock can be moved.
 */
export const steady = (roll: () => number = () => 0): Steady => {
  const system = systemClock()
  const started = system.now()
  let passed = 0
  const now = () => system.now() + passed
  let running: Served | undefined
  return {
    start: async options => {
      running = await serve({
        ...options,
        // A minute begins with the test: what is counted per minute is not cut in two by the hour it runs at.
        clock: { ...system, now, wall: () => EPOCH + now() - started },
        dice: { random: roll },
      })
      return running
    },
    pass: ms => {
      passed += ms
    },
    served: () => {
      if (running === undefined) throw new Error('the gateway has not started')
      return running
    },
  }
}

export const chat = (model: string, more: JsonObject = {}): JsonObject => ({
  model,
  messages: [{ role: 'user', content: 'Line, please.' }],
  ...more,
})

export const response = (model: string, more: JsonObject = {}): JsonObject => ({
  model,
  input: 'Line, please.',
  ...more,
})

/** A call of the Messages API. */
export const message = (model: string, more: JsonObject = {}): JsonObject => ({
  ...chat(model),
  max_tokens: 64,
  ...more,
})

/** Which upstream models were asked, in order of arrival. */
export const asked = (stage: Stage): readonly Json[] =>
  stage.requests.map(hit => (hit.json as JsonObject).model ?? null)

/** This upstream model answers every request with this status, and with nothing that says how long to wait. */
export const failing = (
  stage: Stage,
  model: string,
  status: number,
  more: { readonly body?: JsonObject; readonly headers?: Readonly<Record<string, string>> } = {},
): void => {
  const body = more.body ?? { error: { message: `${model} is out`, type: null, param: null, code: null } }
  // biome-ignore lint/suspicious/noThenProperty: the script's own word for what follows; nobody awaits it.
  stage.script([], { model, then: { kind: 'status', status, body, ...more } })
}
