import type { Fault } from '../../stage/faults.ts'
import type { SentBody } from './difference.ts'

/** What is done to the primary before a row is sent. */
export type Harm =
  | { readonly kind: 'faults'; readonly faults: readonly Fault[] }
  | { readonly kind: 'refused' }
  | { readonly kind: 'none' }

export type Row = {
  readonly path: string
  /** What was done to the primary, in words. */
  readonly harm: string
  readonly to: Harm
  readonly model: string
  readonly body: SentBody
  /** Requests the primary must see, refused connections not among them. */
  readonly atPrimary: number
  /** Keys that may be missing upstream: the gateway's own controls. */
  readonly controls: readonly string[]
}

const json = (value: object): SentBody => ({
  bytes: Buffer.from(JSON.stringify(value)),
  contentType: 'application/json',
})

const form = (
  fields: Readonly<Record<string, string>>,
  file: { name: string; filename: string; content: string },
): SentBody => {
  const boundary = 'understudy-demo-boundary'
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const last = `--${boundary}\r\ncontent-disposition: form-data; name="${file.name}"; filename="${file.filename}"\r\ncontent-type: application/octet-stream\r\n\r\n${file.content}\r\n--${boundary}--\r\n`
  return {
    bytes: Buffer.from(parts.join('') + last),
    contentType: `multipart/form-data; boundary=${boundary}`,
  }
}

export const PRIMARY = 'gpt-4.1'
export const BACKUP = 'gpt-4.1-paid'

const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Say your line.' }] }]
const compact = (model: string, more: object = {}): SentBody =>
  json({ model, input, instructions: 'Keep it short.', ...more })
const responses = (more: object = {}): SentBody =>
  json({ model: PRIMARY, input, metadata: { scene: 'one' }, ...more })

const repeated = (fault: Fault): Harm => ({ kind: 'faults', faults: [fault, fault, fault] })
const status = (code: number, headers?: Readonly<Record<string, string>>): Fault =>
  headers === undefined ? { kind: 'status', status: code } : { kind: 'status', status: code, headers }

const RETRIED = 3 // one attempt and num_retries: 2
const mock = { mock_testing_fallbacks: true }
const MOCK = 'mock_testing_fallbacks: true'

const row = (
  [path, harm]: readonly [path: string, harm: string],
  to: Harm,
  body: SentBody,
  more: Partial<Row> = {},
): Row => ({
  path,
  harm,
  to,
  body,
  model: PRIMARY,
  atPrimary: to.kind === 'faults' ? RETRIED : 0,
  controls: [],
  ...more,
})

/** The case the gateway was born from, and every way its primary can fail. */
export const ROWS: readonly Row[] = [
  row(['/v1/responses/compact', 'nothing (direct to the backup)'], { kind: 'none' }, compact(BACKUP), {
    model: BACKUP,
  }),
  row(['/v1/responses', MOCK], { kind: 'none' }, responses(mock), { controls: ['mock_testing_fallbacks'] }),
  row(['/v1/responses/compact', MOCK], { kind: 'none' }, compact(PRIMARY, mock), {
    controls: ['mock_testing_fallbacks'],
  }),
  row(['/v1/responses', '503'], repeated(status(503)), responses()),
  row(['/v1/responses/compact', '503'], repeated(status(503)), compact(PRIMARY)),
  row(['/v1/responses', 'connection refused'], { kind: 'refused' }, responses()),
  row(['/v1/responses/compact', 'connection refused'], { kind: 'refused' }, compact(PRIMARY)),
  row(['/v1/responses', '429, Retry-After: 1'], repeated(status(429, { 'retry-after': '1' })), responses()),
  row(
    ['/v1/responses/compact', '429, Retry-After: 1'],
    repeated(status(429, { 'retry-after': '1' })),
    compact(PRIMARY),
  ),
  row(
    ['/v1/responses (stream)', 'cut before the first event'],
    repeated({ kind: 'cut', how: 'fin', afterEvents: 0 }),
    responses({ stream: true }),
  ),
  row(
    ['/v1/responses/compact', 'cut before the first byte'],
    repeated({ kind: 'reset', when: 'before-headers' }),
    compact(PRIMARY),
  ),
  row(
    ['/v1/chat/completions', '503'],
    repeated(status(503)),
    json({ model: PRIMARY, messages: [{ role: 'user', content: 'Say your line.' }], seed: 1 }),
  ),
  row(
    ['/v1/chat/completions (stream)', '503'],
    repeated(status(503)),
    json({ model: PRIMARY, messages: [{ role: 'user', content: 'Say your line.' }], stream: true }),
  ),
  row(['/v1/embeddings', '503'], repeated(status(503)), json({ model: PRIMARY, input: 'Say your line.' })),
  row(
    ['/v1/images/generations', '503'],
    repeated(status(503)),
    json({ model: PRIMARY, prompt: 'An empty stage.' }),
  ),
  row(
    ['/v1/audio/speech', '503'],
    repeated(status(503)),
    json({ model: PRIMARY, input: 'Say your line.', voice: 'alloy' }),
  ),
  row(
    ['/v1/audio/transcriptions', '503'],
    repeated(status(503)),
    form({ model: PRIMARY }, { name: 'file', filename: 'line.wav', content: 'RIFF....WAVE' }),
  ),
]
