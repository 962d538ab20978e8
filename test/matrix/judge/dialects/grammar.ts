import { isObject, type Json, type JsonObject } from '../../../../src/wire/json.ts'

/** What the judges of the dialects share: an answer is read by its published grammar, and every breach is named. */

/** One event as a client's parser hands it on. */
export type Told = { readonly event: string; readonly data: JsonObject }

/** How a stream that is in order ends. cut: neither with its dialect's end nor with an error. */
export type Ending = 'whole' | 'error' | 'cut'

export type Reading = { readonly ending: Ending; readonly complaints: readonly string[] }

export const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {})

export const listOf = (value: Json | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : []

export const isText = (value: Json | undefined): value is string => typeof value === 'string' && value !== ''

export const isCount = (value: Json | undefined): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0

/** Collects what is wrong. */
export class Complaints {
  readonly all: string[] = []

  /** Says it unless the rule holds. */
  must(holds: boolean, breach: string): void {
    if (!holds && !this.all.includes(breach)) this.all.push(breach)
  }
}

/** Counts of one answer: each is a whole number, and the sum is one. */
export const checkUsage = (
  usage: JsonObject,
  [input, output, total]: readonly [input: string, output: string, total?: string],
  found: Complaints,
): void => {
  const [taken, given] = [usage[input], usage[output]]
  found.must(isCount(taken) && isCount(given), `usage: ${JSON.stringify(usage)}`)
  if (total !== undefined && isCount(taken) && isCount(given))
    found.must(usage[total] === taken + given, `usage: ${total} is not the sum`)
}
