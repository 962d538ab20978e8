import type { Controls } from '../call.ts'
import { CONTROL_KEYS } from '../read/controls.ts'
import { CREDENTIAL_KEYS } from '../read/refusals.ts'
import type { Json, JsonObject } from '../wire/json.ts'

/** What a dict fallback asks of the gateway for its own hop. */
export type HopControls = Partial<Pick<Controls, 'numRetries' | 'timeoutMs' | 'streamTimeoutMs'>>

export type Overrides = {
  /** Values for the body of this hop; null removes one. */
  readonly body: JsonObject
  readonly controls: HopControls
}

const OURS: ReadonlySet<string> = new Set([...CONTROL_KEYS, ...CREDENTIAL_KEYS])

/** As everywhere in the file, a number may be text. Whatever is none was refused where it was read. */
const amount = (value: Json | undefined): number | undefined => {
  const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof parsed === 'number' && Number.isFinite(parsed) && parsed >= 0 ? parsed : undefined
}

const hopControls = (values: JsonObject): HopControls => {
  const retries = amount(values.num_retries)
  // 0 sets no limit.
  const timeout = amount(values.timeout) || amount(values.request_timeout)
  const streamTimeout = amount(values.stream_timeout)
  return {
    ...(retries === undefined ? {} : { numRetries: retries }),
    ...(!timeout ? {} : { timeoutMs: timeout * 1000 }),
    ...(!streamTimeout ? {} : { streamTimeoutMs: streamTimeout * 1000 }),
  }
}

export const NO_OVERRIDES: Overrides = { body: {}, controls: {} }

/** Splits the values of a dict fallback. What the gateway itself reads never becomes a part of the body. */
export const splitOverrides = (values: JsonObject): Overrides => {
  const entries = Object.entries(values)
  if (entries.length === 0) return NO_OVERRIDES
  return {
    body: Object.fromEntries(entries.filter(([key]) => !OURS.has(key))),
    controls: hopControls(values),
  }
}
