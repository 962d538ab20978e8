import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type Served, serve } from '../../src/listen/serve.ts'
import { requestLogPath } from '../../src/record/log.ts'
import type { RequestRecord } from '../../src/record/trail.ts'
import type { Start } from './harness.ts'

/** A gateway whose counters and log can be read while it runs. */
export type Inside = {
  /** For `play`. */
  readonly start: Start
  readonly served: () => Served
  /** Every line of the request log so far. */
  readonly records: () => Promise<readonly RequestRecord[]>
  /** Waits until `count` calls are recorded; rejects after `patienceMs` (5000). */
  readonly recorded: (count: number, patienceMs?: number) => Promise<readonly RequestRecord[]>
}

/** Every line of a gateway's request log so far. */
export const recordsIn = async (
  { house }: Pick<Served, 'house'>,
  dataDir: string,
): Promise<readonly RequestRecord[]> => {
  await house.journal.flush()
  const text = await readFile(requestLogPath(dataDir), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as RequestRecord)
}

export type InsideOptions = { readonly memoryBytes?: number }

export const inside = (options: InsideOptions = {}): Inside => {
  let running: Served | undefined
  let dataDir = ''
  const served = (): Served => {
    assert.ok(running, 'the gateway has not been started')
    return running
  }
  const records = (): Promise<readonly RequestRecord[]> => recordsIn(served(), dataDir)
  return {
    start: async given => {
      dataDir = given.dataDir
      running = await serve({ ...given, ...options })
      return running
    },
    served,
    records,
    recorded: async (count, patienceMs = 5000) => {
      const late = performance.now() + patienceMs
      for (;;) {
        const found = await records()
        if (found.length >= count) return found
        assert.ok(performance.now() < late, `${found.length} of ${count} calls were recorded in time`)
        await new Promise(resolve => setImmediate(resolve))
      }
    },
  }
}

/** Polls at the event loop's pace until `holds`; rejects after `patienceMs` (5000). For state that has no event. */
export const until = async (what: string, holds: () => boolean, patienceMs = 5000): Promise<void> => {
  const late = performance.now() + patienceMs
  while (!holds()) {
    assert.ok(performance.now() < late, `not in time: ${what}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}
