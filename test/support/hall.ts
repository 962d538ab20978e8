import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { requestLogPath } from '../../src/record/log.ts'
import type { RequestRecord } from '../../src/record/trail.ts'
import { isObject, type JsonObject } from '../../src/wire/json.ts'
import { MASTER_KEY, type Owner, type Play, type PlayOptions, play, type StageSet } from './harness.ts'
import { until } from './inside.ts'
import type { RawRequest } from './raw.ts'
import { type Steady, steady } from './steady.ts'

/** A gateway of steady chance whose health and log can be read: what most of the museum is shown in. */
export type Hall<Set extends StageSet> = Play<Set> &
  Steady & {
    /** Ids of the deployments that rest now, in alphabetical order. */
    readonly resting: () => readonly string[]
    /** Every line of the request log so far. */
    readonly records: () => Promise<readonly RequestRecord[]>
    /** Waits until `count` calls are recorded; rejects after five seconds. */
    readonly recorded: (count: number) => Promise<readonly RequestRecord[]>
    /** Waits until no call is inside; rejects unless nothing is held or in flight then. */
    readonly quiet: () => Promise<void>
  }

export const openHall = async <Set extends StageSet>(
  t: Owner,
  options: Omit<PlayOptions<Set>, 'start'>,
): Promise<Hall<Set>> => {
  const house = steady()
  const running = await play(t, { ...options, start: house.start })
  const snapshot = () => house.served().house.board.snapshot()
  const records = async (): Promise<readonly RequestRecord[]> => {
    await house.served().house.journal.flush()
    const text = await readFile(requestLogPath(running.dataDir), 'utf8').catch(() => '')
    return text
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as RequestRecord)
  }
  return {
    ...running,
    ...house,
    resting: () =>
      snapshot()
        .flatMap(one => (one.cooling === undefined ? [] : [one.id]))
        .toSorted(),
    records,
    recorded: async count => {
      const late = performance.now() + 5000
      for (;;) {
        const found = await records()
        if (found.length >= count) return found
        assert.ok(performance.now() < late, `${found.length} of ${count} calls were recorded in time`)
        await new Promise(resolve => setImmediate(resolve))
      }
    },
    quiet: async () => {
      await until('no call is inside', () => house.served().traffic.inside === 0)
      assert.deepEqual(
        snapshot().filter(one => one.inFlight !== 0),
        [],
      )
      assert.equal(house.served().house.memory.held, 0)
    },
  }
}

/** The error object of an answer; fails when there is none. */
export const errorOf = (reply: { readonly json: () => JsonObject; readonly text: string }): JsonObject => {
  const { error } = reply.json()
  assert.ok(isObject(error), reply.text)
  return error
}

/** Headers of a request with the master key and these. */
export const keyed = (
  ...more: readonly (readonly [name: string, value: string])[]
): Pick<RawRequest, 'headers'> & object => ({
  headers: [['authorization', `Bearer ${MASTER_KEY}`], ...more],
})

/** One step of a record in short: who was asked, what became of it. */
export const tracesOf = (record: RequestRecord | undefined): readonly (readonly [string, string])[] =>
  (record?.steps ?? []).map(step => [step.deployment, step.outcome] as const)
