import { JsonBytes } from './json-bytes.ts'
import { type Level, writeLine } from './line.ts'
import type { RequestRecord, Step } from './trail.ts'

/** A plausible step and record for tests; `change` overrides what a test is about. */
export const sampleStep = (change: Partial<Step> = {}): Step => ({
  group: 'gpt-4.1',
  deployment: 'deployment-1',
  model: 'openai/gpt-4.1',
  because: 'simple-shuffle: 1 of 2',
  edits: ['set model (model)'],
  lost: [],
  outcome: 'answered',
  status: 200,
  startedMs: 0.4,
  ms: 432.12345678,
  waitedMs: 0,
  next: 'end',
  usage: { inputTokens: 100, outputTokens: 20 },
  costUsd: 0.00036,
  ...change,
})

export const sampleRecord = (change: Partial<RequestRecord> = {}): RequestRecord => ({
  callId: 'call-1',
  route: 'chat.completions',
  method: 'POST',
  path: '/v1/chat/completions',
  requestedModel: 'gpt-4.1',
  group: 'gpt-4.1',
  servedGroup: 'gpt-4.1',
  servedDeployment: 'deployment-1',
  stream: false,
  status: 200,
  end: 'complete',
  keyHash: '0a1b2c3d',
  requestBytes: 1024,
  responseBytes: 900,
  totalMs: 432.9,
  overheadMs: 0.8,
  retries: 0,
  fallbacks: 0,
  usage: { inputTokens: 100, outputTokens: 20 },
  costUsd: 0.00036,
  steps: [sampleStep()],
  ...change,
})

/** The line of a record as text. */
export const lineOf = (record: RequestRecord, level: Level, wallMs: number): string => {
  const line = new JsonBytes()
  writeLine(line, record, level, wallMs)
  return Buffer.from(line.bytes).toString()
}
