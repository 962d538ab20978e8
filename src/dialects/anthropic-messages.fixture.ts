import type { JsonObject } from '../wire/json.ts'
import { writeMessagesRequest } from './anthropic-messages-write.ts'
import { collectLosses } from './losses.ts'
import type { Asked, NeutralRequest, Part, Turn } from './neutral.ts'

/** Hand-made turns and requests for the tests of the Messages dialect. */

export const OLD = 'claude-3-5-haiku-latest'
export const BUDGETED = 'claude-sonnet-4-5-20250929'
export const NEW = 'claude-opus-4-8'

export type Written = {
  readonly body: JsonObject
  readonly lost: readonly string[]
  readonly warned: readonly string[]
}

export const write = (
  request: Partial<NeutralRequest>,
  model = BUDGETED,
  allowed: readonly string[] = [],
): Written => {
  const losses = collectLosses()
  const whole = { turns: [user('Hello')], stream: false, streamUsage: true, rest: {}, ...request }
  const body = writeMessagesRequest(whole, { model, allowedParams: allowed }, losses)
  const { lost, warnings } = losses.found()
  return { body, lost, warned: warnings.map(warning => warning.lost) }
}

export const turn = (role: Turn['role'], ...parts: readonly (string | Part)[]): Turn => ({
  role,
  parts: parts.map(part => (typeof part === 'string' ? { kind: 'text', text: part } : part)),
})
export const user = (...parts: readonly (string | Part)[]): Turn => turn('user', ...parts)
export const assistant = (...parts: readonly (string | Part)[]): Turn => turn('assistant', ...parts)
export const system = (...parts: readonly (string | Part)[]): Turn => turn('system', ...parts)
export const call = (id: string, input = '{}', more: Partial<Part> = {}): Part =>
  ({ kind: 'call', id, name: 'look', input, ...more }) as Part
export const result = (id: string, text = 'dark'): Part => ({
  kind: 'result',
  id,
  name: 'look',
  content: [{ kind: 'text', text }],
})
export const text = (said: string): JsonObject => ({ type: 'text', text: said })

export const messages = (...turns: readonly Turn[]): unknown => write({ turns }).body.messages

/** The question of an answer. */
export const asked: Asked = {
  body: {},
  request: { turns: [], stream: false, streamUsage: true, rest: {} },
  model: 'star',
  unique: 'u1',
  created: 1,
}
